// What is open on the page.
import { signal } from '@preact/signals';

export const settingsOpen = signal(false);
export const helpOpen = signal(false);
export const drawerOpen = signal(false); // the conversations, where the page is narrow
export const editing = signal<string | null>(null); // the question being edited

export const narrow = () => matchMedia('(max-width: 760px)').matches;

export function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>('#composer-input')?.focus();
}

export function focusSearch(): void {
  requestAnimationFrame(() => document.querySelector<HTMLInputElement>('#search')?.focus());
}
