// KaTeX, in a file of its own that is loaded when the first formula appears. It builds elements and sets their styles one by
// one, so that the policy need not allow style attributes in HTML.
import katex from 'katex';
import 'katex/dist/katex.css';

// Formulas that were typeset, to be copied: the last block of a growing answer is built again and again.
const MAX_KEPT = 1000;
const kept = new Map<string, DocumentFragment | null>(); // null: KaTeX can not read it

function build(tex: string, display: boolean): DocumentFragment | null {
  const holder = document.createElement('span');
  try {
    katex.render(tex, holder, {
      displayMode: display,
      throwOnError: true,
      strict: 'ignore',
      trust: false,
      maxSize: 30,
      maxExpand: 300,
    });
  } catch {
    return null;
  }
  const fragment = document.createDocumentFragment();
  fragment.append(...holder.childNodes);
  return fragment;
}

/** Puts the formula in place of its source; a formula KaTeX can not read stays as it is. */
export function typeset(element: HTMLElement, tex: string, display: boolean): void {
  const key = `${display ? 'display' : 'inline'} ${tex}`;
  let formula = kept.get(key);
  if (formula === undefined) {
    formula = build(tex, display);
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
    kept.set(key, formula);
  }
  element.classList.add(formula ? 'math-done' : 'math-failed');
  if (formula) element.replaceChildren(formula.cloneNode(true));
}
