// What every text field for messages does.

/** As high as its text, up to the limit of the style sheet. */
export function growTextArea(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** Whether fingers do the typing: there Enter begins a line, and a field that takes the focus brings up the keyboard. */
export const byTouch = () => matchMedia('(pointer: coarse)').matches;

/** Enter alone; not while an input method composes a syllable, where Enter only ends the syllable. */
export function isSendKey(event: KeyboardEvent): boolean {
  const composing = event.isComposing || event.keyCode === 229;
  return (
    event.key === 'Enter' &&
    !event.shiftKey &&
    !event.altKey &&
    !composing &&
    (!byTouch() || event.ctrlKey || event.metaKey)
  );
}
