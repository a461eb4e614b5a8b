// Files dropped on the page become text in the question: sizes are capped, binary files are refused, and the name and a code
// fence tell the model where a file begins and ends.
import type { AttachedFile } from '../state/tree';

export const MAX_FILE_BYTES = 512 * 1024;
export const MAX_TOTAL_BYTES = 2 * 1024 * 1024;

export type FileRefusal = 'too_large' | 'total_too_large' | 'binary' | 'empty' | 'unreadable';

export type DecodedText = { text: string } | { refusal: FileRefusal };

function hasControls(text: string): boolean {
  // Tab, line feed, form feed, carriage return and escape appear in text; the rest says binary.
  return /[\u0000-\u0008\u000b\u000e-\u001a\u001c-\u001f]/.test(text);
}

function decode(bytes: Uint8Array, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Text of a file: UTF-8, UTF-16 with its mark, or the old Korean encoding (EUC-KR/CP949), else a refusal. */
export function decodeText(bytes: Uint8Array): DecodedText {
  if (bytes.length === 0) return { refusal: 'empty' };
  if (bytes.length > MAX_FILE_BYTES) return { refusal: 'too_large' };
  const mark = bytes.length >= 2 ? (bytes[0]! << 8) | bytes[1]! : 0;
  const encodings = mark === 0xfffe ? ['utf-16le'] : mark === 0xfeff ? ['utf-16be'] : ['utf-8', 'euc-kr'];
  for (const encoding of encodings) {
    const text = decode(bytes, encoding);
    if (text !== null && !hasControls(text)) return { text: text.replace(/\r\n?/g, '\n') };
  }
  return { refusal: 'binary' };
}

export async function readFile(file: File): Promise<DecodedText> {
  if (file.size > MAX_FILE_BYTES) return { refusal: 'too_large' };
  try {
    return decodeText(new Uint8Array(await file.arrayBuffer()));
  } catch {
    return { refusal: 'unreadable' };
  }
}

/** A fence that no line of the text closes. */
export function fenceFor(text: string): string {
  const longest = (text.match(/`{3,}/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
  return '`'.repeat(longest + 1);
}

export function filesAsText(files: readonly AttachedFile[], question: string): string {
  if (files.length === 0) return question;
  const parts = files.map(({ name, text }) => {
    const fence = fenceFor(text);
    return `${name}\n${fence}\n${text.replace(/\n$/, '')}\n${fence}`;
  });
  return [...parts, question].filter((part) => part !== '').join('\n\n');
}
