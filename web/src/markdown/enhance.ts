// What HTML alone can not do, done to a block after it entered the page: formulas typeset, code coloured and given its head
// with the language and a copy button.
import { strings } from '../i18n';
import { highlight } from './highlight';

let katex: Promise<typeof import('./typeset')> | undefined;

async function typesetAll(block: HTMLElement): Promise<void> {
  const formulas = [...block.querySelectorAll<HTMLElement>('.math')].filter((each) => !each.dataset.tex);
  if (formulas.length === 0) return;
  for (const each of formulas) each.dataset.tex = each.textContent ?? '';
  katex ??= import('./typeset');
  const { typeset } = await katex;
  for (const each of formulas) {
    if (each.isConnected) typeset(each, each.dataset.tex ?? '', each.classList.contains('math-display'));
  }
}

function addCodeHead(pre: HTMLElement, code: HTMLElement): void {
  const head = document.createElement('div');
  head.className = 'code-head';
  const language = document.createElement('span');
  language.textContent = /(?:^| )language-(\S+)/.exec(code.className)?.[1] ?? '';
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy-code';
  button.textContent = strings.value.copy;
  head.append(language, button);
  const frame = document.createElement('div');
  frame.className = 'code';
  pre.replaceWith(frame);
  pre.tabIndex = 0; // wide code scrolls, also by keyboard
  frame.append(head, pre);
}

/** `growing`: the block is still coming, so its code is not coloured yet. */
export function enhance(block: HTMLElement, growing: boolean): void {
  void typesetAll(block);
  for (const code of block.querySelectorAll<HTMLElement>('pre > code')) {
    const pre = code.parentElement!;
    if (!pre.parentElement?.classList.contains('code')) addCodeHead(pre, code);
    if (!growing || (code.textContent ?? '').length < 12_000) void highlight(code);
  }
}
