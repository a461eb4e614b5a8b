// The keyboard: one table for the handler and for the help sheet. Keys of one letter work outside text fields, and can be
// switched off; combinations work everywhere.
import { strings } from '../i18n';
import type { Strings } from '../i18n/en';
import { changeConversation, chooseVersion, lastOf, regenerate } from '../state/actions';
import { stop } from '../state/answer';
import { announce, toast } from '../state/notices';
import { settings } from '../state/settings';
import { children, conversation, run } from '../state/store';
import { versionsOf } from '../state/tree';
import { copyText } from '../files/download';
import { toggleSidebar } from './header';
import { startNewChat } from './sidebar';
import { drawerOpen, editing, focusComposer, focusSearch, helpOpen, narrow, settingsOpen } from './state';

export interface Shortcut {
  name: keyof Strings['keys'];
  keys: string[]; // as shown: 'Ctrl+K'
  run?: () => void; // without it the key is handled where it is typed
}

async function copyLast(): Promise<void> {
  const last = lastOf('assistant');
  if (last) toast((await copyText(last.content)) ? strings.value.copied : strings.value.copyFailed);
}

function turnVersion(step: number): void {
  const last = lastOf('assistant');
  if (!last || run.value) return;
  const { index, ids } = versionsOf(children.value, last);
  const next = ids[index + step];
  if (!next) return;
  chooseVersion(next);
  announce(strings.value.versionLabel(index + step + 1, ids.length));
}

function search(): void {
  if (narrow()) drawerOpen.value = true;
  else if (!settings.value.sidebar) toggleSidebar();
  focusSearch();
}

function escape(): void {
  if (drawerOpen.value) drawerOpen.value = false;
  else if (run.value) stop();
  else focusComposer();
}

export const SHORTCUTS: readonly Shortcut[] = [
  { name: 'send', keys: ['Enter'] },
  { name: 'newline', keys: ['Shift+Enter'] },
  { name: 'stop', keys: ['Escape'], run: escape },
  { name: 'newChat', keys: ['Ctrl+Shift+O', 'N'], run: startNewChat },
  { name: 'search', keys: ['Ctrl+K', 'S'], run: search },
  { name: 'focus', keys: ['/'], run: focusComposer },
  { name: 'sidebar', keys: ['Ctrl+B', 'B'], run: toggleSidebar },
  { name: 'settings', keys: ['Ctrl+,', ','], run: () => (settingsOpen.value = true) },
  {
    name: 'think',
    keys: ['Alt+T', 'T'],
    run: () => changeConversation({ think: !conversation.value.think }),
  },
  {
    name: 'regenerate',
    keys: ['Ctrl+Shift+Enter', 'R'],
    run: () => {
      const last = lastOf('assistant');
      if (last && !run.value) regenerate(last.id);
    },
  },
  {
    name: 'edit',
    keys: ['E'],
    run: () => {
      if (!run.value) editing.value = lastOf('user')?.id ?? null;
    },
  },
  { name: 'copy', keys: ['C'], run: () => void copyLast() },
  { name: 'previous', keys: ['['], run: () => turnVersion(-1) },
  { name: 'next', keys: [']'], run: () => turnVersion(1) },
  { name: 'help', keys: ['?'], run: () => (helpOpen.value = true) },
];

/** The name of what was pressed, as the table writes it. Letters go by their place, so that they work with a Hangul layout. */
export function pressed(event: KeyboardEvent): string {
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1];
  const key =
    letter ?? (event.key === '?' ? '?' : ({ BracketLeft: '[', BracketRight: ']' }[event.code] ?? event.key));
  const control = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (letter !== undefined || key.length > 1);
  return `${control ? 'Ctrl+' : ''}${event.altKey ? 'Alt+' : ''}${shift ? 'Shift+' : ''}${key}`;
}

function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return Boolean(
    element?.closest?.('input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]'),
  );
}

export function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  const name = pressed(event);
  const single = [...name].length === 1;
  if (single && (typing(event.target) || !settings.value.singleKeys)) return;
  const found = SHORTCUTS.find((each) => each.run && each.keys.includes(name));
  if (!found) return;
  event.preventDefault();
  found.run?.();
}
