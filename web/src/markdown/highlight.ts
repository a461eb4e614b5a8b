// Colours for code. The library and its languages are a file of their own, loaded when the first code appears.
import { sanitize } from './sanitize';

const MAX_CHARS = 60_000; // longer code stays plain: colours are not worth a frozen page

let loading: Promise<typeof import('./languages')> | undefined;

export async function highlight(code: HTMLElement): Promise<void> {
  const language = /(?:^| )language-(\S+)/.exec(code.className)?.[1];
  const text = code.textContent ?? '';
  if (!language || text.length > MAX_CHARS) return;
  loading ??= import('./languages');
  const html = (await loading).highlightHtml(text, language);
  if (html !== undefined && code.isConnected) code.innerHTML = sanitize(html);
}
