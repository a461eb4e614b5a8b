// KaTeX, in a file of its own that is loaded when the first formula appears. It builds elements and sets their styles one by
// one, so that the policy need not allow style attributes in HTML.
import katex from 'katex';
import 'katex/dist/katex.css';

/** Puts the formula in place of its source; a formula KaTeX can not read stays as it is. */
export function typeset(element: HTMLElement, tex: string, display: boolean): void {
  const holder = document.createElement('span');
  try {
    katex.render(tex, holder, {
      displayMode: display, throwOnError: true, strict: 'ignore', trust: false, maxSize: 30, maxExpand: 300,
    });
  } catch {
    element.classList.add('math-failed');
    return;
  }
  element.replaceChildren(...holder.childNodes);
}
