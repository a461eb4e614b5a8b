// What a reader can do to conversations. Each action changes the signals first, then the store.
import { batch } from '@preact/signals';
import { fetchModels } from '../api/client';
import { ChatError, type ChatFailure } from '../api/errors';
import { strings } from '../i18n';
import { answer, stop } from './answer';
import { find, save, show, tellOtherTabs } from './keep';
import { toast } from './notices';
import { settings } from './settings';
import { conversation, conversations, draft, isListed, model, models } from './store';
import { newId, nodes, path, runs, server, storage } from './store';
import { choose, titleOf, withNode, type AttachedFile, type Conversation, type MessageNode } from './tree';

export async function loadModels(): Promise<void> {
  try {
    models.value = await fetchModels(settings.value.apiKey);
    const { thinks } = model.value ?? {};
    const untouched = settings.value.think === undefined && !isListed(conversation.value.id);
    if (thinks !== undefined && untouched) conversation.value = { ...conversation.value, think: thinks };
    server.value = { state: 'ready' };
  } catch (error) {
    const failure: ChatFailure = error instanceof ChatError ? error.failure : { kind: 'network', detail: '' };
    server.value = { state: 'failed', failure };
  }
}

let opening = 0;

/** The new chat in which nothing was asked yet: there is one, so that what was typed into it is found again. */
let unasked: Conversation | undefined;

const isUnasked = () => !isListed(conversation.value.id) && nodes.value.size === 0;

export function newChat(): void {
  if (isUnasked()) ++opening;
  else showNewChat();
}

function showNewChat(): void {
  ++opening;
  batch(() => {
    conversation.value = unasked && !isListed(unasked.id) ? unasked : draft();
    nodes.value = new Map();
  });
}

export async function openConversation(id: string): Promise<void> {
  const wanted = conversations.value.find((each) => each.id === id);
  if (!wanted || id === conversation.value.id) return;
  const turn = ++opening;
  if (isUnasked()) unasked = conversation.value;
  const messages = await storage.value.messages(id);
  if (turn !== opening) return; // another one was wanted meanwhile
  batch(() => {
    conversation.value = find(id) ?? wanted;
    nodes.value = new Map(messages.map((node) => [node.id, settle(node)]));
  });
}

/** An answer that was coming when its page went away is an answer that was cut. */
function settle(node: MessageNode): MessageNode {
  if (node.state !== 'streaming' || [...runs.value.values()].some((run) => run.node === node.id)) return node;
  return { ...node, state: 'failed', failure: { kind: 'cut', detail: '' } };
}

export function changeConversation(
  part: Partial<Pick<Conversation, 'system' | 'sampling' | 'think' | 'chosen'>>,
): void {
  const changed = { ...conversation.value, ...part };
  conversation.value = changed;
  if (!isListed(changed.id)) return;
  conversations.value = conversations.value.map((each) => (each.id === changed.id ? changed : each));
  void save(changed);
}

export function rename(id: string, title: string): void {
  const found = find(id);
  if (!found || title.trim() === '') return;
  const changed = { ...found, title: title.trim() };
  show(changed);
  void save(changed);
}

export async function deleteConversation(id: string): Promise<void> {
  const found = conversations.value.find((each) => each.id === id);
  if (!found) return;
  stop(id);
  const messages = await storage.value.messages(id);
  batch(() => {
    conversations.value = conversations.value.filter((each) => each.id !== id);
    if (conversation.value.id === id) showNewChat();
  });
  await storage.value.remove(id).catch(() => toast(strings.value.errors.notSaved));
  tellOtherTabs({ deleted: id });
  toast(strings.value.deleted(found.title || strings.value.untitled), {
    label: strings.value.undo,
    run: () => {
      show(found);
      void save(found, messages.map(settle)).then(() => openConversation(id));
    },
  });
}

export async function deleteAll(): Promise<void> {
  for (const id of runs.value.keys()) stop(id);
  batch(() => {
    conversations.value = [];
    showNewChat();
  });
  try {
    await storage.value.removeAll();
    tellOtherTabs({ deleted: null });
    toast(strings.value.deletedAll);
  } catch {
    toast(strings.value.errors.notSaved);
  }
}

export function chooseVersion(id: string): void {
  const node = nodes.value.get(id);
  if (node) changeConversation({ chosen: choose(conversation.value.chosen, node) });
}

/** Adds a question below `parent` and asks for its answer. */
function ask(parent: string | null, content: string, files: AttachedFile[]): void {
  const now = Date.now();
  const question: MessageNode = {
    id: newId(),
    parent,
    role: 'user',
    content,
    created: now,
    ...(files.length > 0 ? { files } : {}),
  };
  const before = conversation.value;
  const changed: Conversation = {
    ...before,
    title: before.title || titleOf(content) || titleOf(files[0]?.name ?? ''),
    updated: now,
    chosen: choose(before.chosen, question),
  };
  batch(() => {
    nodes.value = withNode(nodes.value, question);
    show(changed);
  });
  void save(changed, [question]);
  void answer(question.id);
}

export function send(content: string, files: AttachedFile[]): void {
  const last = path.value[path.value.length - 1];
  ask(last?.id ?? null, content, files);
}

/** A new version of a question, with a new answer; the old ones stay beside it. */
export function editQuestion(id: string, content: string): void {
  const node = nodes.value.get(id);
  if (node?.role === 'user') ask(node.parent, content, node.files ?? []);
}

/** A new answer to the same question. An answer that failed before its first word is replaced. */
export function regenerate(id: string): void {
  const node = nodes.value.get(id);
  if (node?.role !== 'assistant' || node.parent === null) return;
  const empty = node.state === 'failed' && node.content === '' && !node.reasoning && !node.toolCalls?.length;
  void answer(node.parent, empty ? node : undefined);
}

/** For the keyboard: the last question or answer on the path. */
export function lastOf(role: MessageNode['role']): MessageNode | undefined {
  return path.value.findLast((node) => node.role === role);
}
