// Formulas in Markdown, as extensions of marked: $...$, $$...$$, \(...\) and \[...\]. Prices are not formulas. The rules for a
// single dollar sign:
//   - no space inside next to either sign, no empty formula, no blank line;
//   - nothing of [A-Za-z0-9\] before the opening sign ("US$5", "5$"), no digit after the closing one ("$5, or $10");
//   - the first unescaped dollar sign closes it, or nothing does;
//   - Hangul inside, outside \text{...}, needs something only a formula has ("$100에서 $200" is money, "$속도 = 거리/시간$" is not).
// A particle may follow the closing sign at once ("$x$는").
import type { TokenizerAndRendererExtension, Tokens } from 'marked';

export interface MathToken extends Tokens.Generic {
  type: 'math' | 'mathBlock';
  raw: string;
  tex: string;
  display: boolean;
  open: boolean; // the closing mark has not come yet
}

const HANGUL = /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]/;
const TEXT_ARGUMENT = /\\(?:text|mathrm|textbf|textit|operatorname|mbox|textrm)\s*\{[^{}]*\}/g;

/** Longest formula within a line of text; a limit keeps hostile text from costing time by the square of its length. */
const MAX_INLINE = 4000;
const MAX_BLOCK = 20000;
const LOOK_AHEAD = 500;

/** Index of the first unescaped `$` at or after `from`, or -1; a blank line ends the search. */
function nextDollar(source: string, from: number): number {
  for (let i = from; i < source.length && i < MAX_INLINE; ++i) {
    const c = source[i];
    if (c === '\\') ++i;
    else if (c === '$') return i;
    else if (c === '\n' && /^\n[ \t]*\n/.test(source.slice(i, i + 40))) return -1;
  }
  return -1;
}

function inDollar(source: string): { tex: string; length: number } | undefined {
  const close = nextDollar(source, 1);
  if (close < 2) return undefined;
  const tex = source.slice(1, close);
  if (/^\s|\s$/.test(tex)) return undefined;
  if (/[0-9$]/.test(source[close + 1] ?? '')) return undefined;
  if (HANGUL.test(tex.replace(TEXT_ARGUMENT, '')) && !/[\\^_=<>+]/.test(tex)) return undefined;
  return { tex, length: close + 1 };
}

function between(source: string, open: string, close: string): { tex: string; length: number } | undefined {
  if (!source.startsWith(open)) return undefined;
  const end = source.slice(0, MAX_INLINE).indexOf(close, open.length);
  if (end < 0) return undefined;
  const tex = source.slice(open.length, end);
  if (tex.trim() === '' || /\n[ \t]*\n/.test(tex)) return undefined;
  return { tex: tex.trim(), length: end + close.length };
}

interface Found {
  tex: string;
  display: boolean;
  length: number;
}

/** The formula that begins at the first character of `source`, which follows `before`. */
export function mathAt(source: string, before: string): Found | undefined {
  if (source.startsWith('$$')) {
    const found = between(source, '$$', '$$');
    return found && { ...found, display: true };
  }
  if (source.startsWith('$')) {
    if (/[A-Za-z0-9\\$]/.test(before)) return undefined;
    const found = inDollar(source);
    return found && { ...found, display: false };
  }
  const round = between(source, '\\(', '\\)');
  if (round) return { ...round, display: false };
  const square = between(source, '\\[', '\\]');
  return square && { ...square, display: true };
}

function startsFormula(source: string, at: number): boolean {
  const c = source[at];
  if (c !== '$' && !(c === '\\' && (source[at + 1] === '(' || source[at + 1] === '['))) return false;
  return mathAt(source.slice(at, at + MAX_INLINE), source[at - 1] ?? '') !== undefined;
}

/**
 * Where in `source` the next formula may begin, or -1. A code span ends the search, since marked asks again behind it; so does
 * LOOK_AHEAD, where marked shall ask again.
 */
export function mathStart(source: string): number {
  for (let i = 0; i < source.length; ++i) {
    if (i === LOOK_AHEAD) return i;
    if (source[i] === '`') return -1;
    if (startsFormula(source, i)) return i;
    if (source[i] === '\\') ++i;
  }
  return -1;
}

/** A display formula that begins a line and may hold blank lines, as models write them. */
function blockAt(source: string): MathToken | undefined {
  const mark = /^ {0,3}(\$\$|\\\[)/.exec(source);
  if (!mark) return undefined;
  const close = mark[1] === '$$' ? '$$' : '\\]';
  const start = mark[0].length;
  const end = source.slice(0, MAX_BLOCK).indexOf(close, start);
  if (end < 0) {
    // Its end is still to come; a later line that starts a block of another kind says it never will.
    const rest = source.slice(start);
    if (/\n(?:#{1,6} |```|\s*[-*] )/.test(rest) || rest.length > MAX_INLINE) return undefined;
    return { type: 'mathBlock', raw: source, tex: rest.trim(), display: true, open: true };
  }
  const behind = /^[^\S\n]*(?:[.,。]?[^\S\n]*)(?:\n+|$)/.exec(source.slice(end + 2));
  const tex = source.slice(start, end).trim();
  if (!behind || tex === '') return undefined; // text follows on the line: an inline formula
  return {
    type: 'mathBlock',
    raw: source.slice(0, end + 2 + behind[0].length),
    tex,
    display: true,
    open: false,
  };
}

const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);

// The formula's source; markdown/enhance.ts puts the typeset formula in its place.
function placeholder(token: MathToken): string {
  const tag = token.type === 'mathBlock' ? 'div' : 'span';
  const kind = token.open ? 'math-open' : token.display ? 'math math-display' : 'math';
  return `<${tag} class="${kind}">${escapeHtml(token.tex)}</${tag}>`;
}

export const blockMath: TokenizerAndRendererExtension = {
  name: 'mathBlock',
  level: 'block',
  start: (source) => {
    // marked asks from the second character of a paragraph on.
    for (const at of source.matchAll(/\n {0,3}(?:\$\$|\\\[)/g)) {
      if (blockAt(source.slice(at.index + 1))) return at.index + 1;
    }
    return undefined;
  },
  tokenizer: (source) => blockAt(source),
  renderer: (token) => placeholder(token as MathToken),
};

export const inlineMath: TokenizerAndRendererExtension = {
  name: 'math',
  level: 'inline',
  start: (source) => {
    const at = mathStart(source);
    return at < 0 ? undefined : at;
  },
  tokenizer(source, tokens) {
    if (source[0] !== '$' && source[0] !== '\\') return undefined;
    const before = tokens.length > 0 ? (tokens[tokens.length - 1]!.raw.at(-1) ?? '') : '';
    const found = mathAt(source, before);
    if (!found) return undefined;
    return {
      type: 'math',
      raw: source.slice(0, found.length),
      tex: found.tex,
      display: found.display,
      open: false,
    };
  },
  renderer: (token) => placeholder(token as MathToken),
};

/** The text with its formulas blotted out, so that their * and _ do not look like emphasis. The length stays. */
export function maskMath(source: string): string {
  if (!/\$|\\[([]/.test(source)) return source;
  let masked = '';
  let from = 0;
  for (let i = 0; i < source.length; ++i) {
    if (source[i] === '`') {
      const span = /^(`+)[^]*?[^`]\1(?!`)|^`+/.exec(source.slice(i, i + MAX_INLINE))!;
      i += span[0].length - 1;
    } else if (startsFormula(source, i)) {
      const { length } = mathAt(source.slice(i, i + MAX_INLINE), source[i - 1] ?? '')!;
      masked += source.slice(from, i) + 'a'.repeat(length);
      from = i + length;
      i = from - 1;
    } else if (source[i] === '\\') {
      ++i;
    }
  }
  return masked + source.slice(from);
}
