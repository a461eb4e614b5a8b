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

/** What tabs tell one another: which conversation changed, or was deleted (null: all were). */
export type News = { changed: string } | { deleted: string | null };

export function onNews(take: (news: News) => void): void {
  channel?.addEventListener('message', (event: MessageEvent<News>) => take(event.data));
}

export function tellOtherTabs(news: News): void {
  channel?.postMessage(news);
}

/** How many saves of a conversation are under way or have failed: till then the store has not what the page has. */
const unsaved = new Map<string, number>();

export async function loadConversations(): Promise<void> {
  const stored = await storage.value.conversations();
  const here = conversations.value.filter((each) => unsaved.has(each.id));
  conversations.value = newestFirst([...here, ...stored.filter((each) => !unsaved.has(each.id))]);
}

/** Saves, and tells the reader where it can not be done. */
export async function save(changed: Conversation, messages: readonly MessageNode[] = []): Promise<void> {
  const { id } = changed;
  unsaved.set(id, (unsaved.get(id) ?? 0) + 1);
  try {
    await storage.value.put(changed, messages);
    const left = unsaved.get(id)! - 1;
    if (left > 0) unsaved.set(id, left);
    else unsaved.delete(id);
    tellOtherTabs({ changed: id });
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
