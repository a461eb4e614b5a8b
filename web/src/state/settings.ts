// What the reader set once for this browser, kept in localStorage as one JSON object. Values from an older or damaged store
// fall back to their defaults one by one.
import { effect, signal } from '@preact/signals';
import { cleanSampling, type Sampling } from './sampling';

export interface Settings {
  theme: 'system' | 'light' | 'dark';
  language: 'browser' | 'en' | 'ko';
  model: string; // '': the server's first
  apiKey: string;
  rememberKey: boolean;
  singleKeys: boolean; // shortcuts of one letter
  sidebar: boolean;
  // For new conversations:
  system: string;
  sampling: Sampling;
  think?: boolean; // without it the server decides
}

const KEY = 'jaju.settings';
const SESSION_KEY = 'jaju.key';

const DEFAULTS: Settings = {
  theme: 'system',
  language: 'browser',
  model: '',
  apiKey: '',
  rememberKey: true,
  singleKeys: true,
  sidebar: true,
  system: '',
  sampling: {},
};

function oneOf<T extends string>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.includes(value as T) ? (value as T) : otherwise;
}

export function cleanSettings(value: unknown): Settings {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const text = (key: keyof Settings) => (typeof given[key] === 'string' ? (given[key] as string) : '');
  const flag = (key: keyof Settings) =>
    typeof given[key] === 'boolean' ? (given[key] as boolean) : (DEFAULTS[key] as boolean);
  return {
    theme: oneOf(given.theme, ['system', 'light', 'dark'], 'system'),
    language: oneOf(given.language, ['browser', 'en', 'ko'], 'browser'),
    model: text('model'),
    apiKey: text('apiKey'),
    rememberKey: flag('rememberKey'),
    singleKeys: flag('singleKeys'),
    sidebar: flag('sidebar'),
    system: text('system'),
    sampling: cleanSampling(given.sampling),
    ...(typeof given.think === 'boolean' ? { think: given.think } : {}),
  };
}

function load(): Settings {
  try {
    const settings = cleanSettings(JSON.parse(localStorage.getItem(KEY) ?? '{}'));
    return { ...settings, apiKey: settings.apiKey || (sessionStorage.getItem(SESSION_KEY) ?? '') };
  } catch {
    return DEFAULTS;
  }
}

export const settings = signal<Settings>(load());

export function change(part: Partial<Settings>): void {
  settings.value = { ...settings.value, ...part };
}

/** Keeps settings, theme and language of the document in step with the signal. Called once. */
export function watchSettings(): void {
  effect(() => {
    const { apiKey, rememberKey, theme } = settings.value;
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...settings.value, apiKey: rememberKey ? apiKey : '' }));
      if (apiKey && !rememberKey) sessionStorage.setItem(SESSION_KEY, apiKey);
      else sessionStorage.removeItem(SESSION_KEY);
    } catch {
      // Kept until the page is closed.
    }
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  });
  addEventListener('storage', (event) => {
    if (event.key === KEY && event.newValue !== null) settings.value = { ...load() };
  });
}
