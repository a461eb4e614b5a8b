// What every text field for messages does.

/** As high as its text, up to the limit of the style sheet. */
export function growTextArea(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** Whether fingers do the typing: there Enter begins a line, and a field that takes the focus brings up the keyboard. */
export const byTouch = () => matchMedia('(pointer: coarse)').matches;

/** Whether an input method composes a syllable: its keys, Enter and Escape too, are about that alone. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229; // Safari says it by the code of the key that ends it
}

/** Enter alone; not while a syllable is composed. */
export function isSendKey(event: KeyboardEvent): boolean {
  return (
    event.key === 'Enter' &&
    !event.shiftKey &&
    !event.altKey &&
    !isComposing(event) &&
    (!byTouch() || event.ctrlKey || event.metaKey)
  );
}
