// Changed conversations on the page, in the store and in other tabs.
import { batch } from '@preact/signals';
import { strings } from '../i18n';
import { toast } from './notices';
import { conversation, conversations, storage } from './store';
import type { Conversation, MessageNode } from './tree';

const channel = openChannel();

/** None where the browser keeps nothing for this site. */
function openChannel(): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel('jaju');
  } catch {
    return undefined;
  }
}

const newestFirst = (list: readonly Conversation[]) => [...list].sort((a, b) => b.updated - a.updated);

export function watchOtherTabs(): void {
  channel?.addEventListener('message', () => void loadConversations());
}

export function tellOtherTabs(): void {
  channel?.postMessage('changed');
}

export async function loadConversations(): Promise<void> {
  conversations.value = newestFirst(await storage.value.conversations());
}

/** Saves, and tells the reader where it can not be done. */
export async function save(changed: Conversation, messages: readonly MessageNode[] = []): Promise<void> {
  try {
    await storage.value.put(changed, messages);
    tellOtherTabs();
  } catch {
    toast(strings.value.errors.notSaved);
  }
}

/** Puts a changed conversation into the list and, if it is the open one, on the page. */
export function show(changed: Conversation): void {
  batch(() => {
    if (conversation.value.id === changed.id) conversation.value = changed;
    conversations.value = newestFirst([
      changed,
      ...conversations.value.filter((each) => each.id !== changed.id),
    ]);
  });
}

export function find(id: string): Conversation | undefined {
  return conversation.value.id === id
    ? conversation.value
    : conversations.value.find((each) => each.id === id);
}
