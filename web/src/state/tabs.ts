// What other tabs did, taken over on this page: the list, and the open conversation.
import { batch } from '@preact/signals';
import { newChat } from './actions';
import { stop } from './answer';
import { loadConversations, onNews, type News } from './keep';
import { conversation, conversations, nodes, runs, storage } from './store';

export function watchOtherTabs(): void {
  onNews((news) => void take(news));
}

async function take(news: News): Promise<void> {
  await loadConversations();
  if ('deleted' in news) leave(news.deleted);
  else await refresh(news.changed);
}

function leave(id: string | null): void {
  for (const each of runs.value.keys()) {
    if (id === null || id === each) stop(each);
  }
  if (id === null || id === conversation.value.id) newChat();
}

/** An answer that comes here stays as it is here; one that comes in another tab is shown when it has ended. */
async function refresh(id: string): Promise<void> {
  if (id !== conversation.value.id) return;
  const stored = await storage.value.messages(id);
  if (id !== conversation.value.id) return; // another one was opened meanwhile
  const fresh = new Map(nodes.value);
  const own = runs.value.get(id)?.node;
  for (const node of stored) {
    if (node.id !== own && node.state !== 'streaming') fresh.set(node.id, node);
  }
  const there = conversations.value.find((each) => each.id === id);
  batch(() => {
    nodes.value = fresh;
    // The path leads to the answer that comes here for as long as it does.
    if (there) conversation.value = own ? { ...there, chosen: conversation.value.chosen } : there;
  });
}
