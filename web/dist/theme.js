// Runs before the first paint, so that a dark page does not flash white.
try {
  const theme = JSON.parse(localStorage.getItem('jaju.settings') || '{}').theme;
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing follows the system.
}
