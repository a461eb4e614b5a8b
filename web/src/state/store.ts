// What the page shows: the list of conversations, the open one, and the answers under way. actions.ts changes it.
import { computed, signal } from '@preact/signals';
import type { ModelInfo } from '../api/client';
import type { ChatFailure } from '../api/errors';
import type { Run } from './run';
import { MemoryStorage, type Storage } from './storage';
import { settings } from './settings';
import { activePath, childrenOf, type Conversation, type Nodes } from './tree';

export const storage = signal<Storage>(new MemoryStorage());

export type ServerState =
  { state: 'unknown' } | { state: 'ready' } | { state: 'failed'; failure: ChatFailure };
export const server = signal<ServerState>({ state: 'unknown' });
export const models = signal<readonly ModelInfo[]>([]);
export const model = computed(() => {
  const wanted = settings.value.model;
  return models.value.find((each) => each.id === wanted) ?? models.value[0];
});

/** Newest first. */
export const conversations = signal<readonly Conversation[]>([]);

/** The open conversation. It is in the list and the store only once it has a message. */
export const conversation = signal<Conversation>(draft());
export const nodes = signal<Nodes>(new Map());
export const children = computed(() => childrenOf(nodes.value));
export const path = computed(() => activePath(children.value, conversation.value.chosen));

/** Answers under way, by conversation. */
export const runs = signal<ReadonlyMap<string, Run>>(new Map());
export const run = computed(() => runs.value.get(conversation.value.id));

export function newId(): string {
  // crypto.randomUUID needs a secure context, which a server on the local network is not.
  return [...crypto.getRandomValues(new Uint8Array(12))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}

export function draft(): Conversation {
  const now = Date.now();
  const { system, sampling, think } = settings.value;
  return {
    id: newId(),
    title: '',
    created: now,
    updated: now,
    system,
    sampling,
    think: think ?? model.value?.thinks ?? true,
    chosen: {},
  };
}

export function isListed(id: string): boolean {
  return conversations.value.some((each) => each.id === id);
}
