// Short messages: toasts for the eye, announcements for screen readers.
import { signal } from '@preact/signals';

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const TOAST_MS = 7000;
let next = 0;

export const toasts = signal<readonly Toast[]>([]);
export const announcement = signal('');

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

export function toast(text: string, action?: Toast['action']): void {
  if (toasts.value.some((each) => each.text === text && !action)) return;
  const id = ++next;
  toasts.value = [...toasts.value.slice(-3), { id, text, action }];
  setTimeout(() => dismiss(id), TOAST_MS);
}

export function announce(text: string): void {
  announcement.value = text;
}
