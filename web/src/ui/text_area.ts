// What every text field for messages does.

/** As high as its text, up to the limit of the style sheet. */
export function growTextArea(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** Enter alone; not while an input method composes a syllable, where Enter only ends the syllable. */
export function isSendKey(event: KeyboardEvent): boolean {
  const composing = event.isComposing || event.keyCode === 229;
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !composing;
}
