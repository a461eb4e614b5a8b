// Everything a reader can do to conversations. Each action changes the signals first, then the store.
import { batch } from '@preact/signals';
import { fetchModels, streamChat } from '../api/client';
import { ChatError, type ChatFailure } from '../api/errors';
import { strings } from '../i18n';
import { announce, toast } from './notices';
import { requestBody } from './request';
import { Run } from './run';
import { settings } from './settings';
import {
  children, conversation, conversations, draft, isListed, model, models, newId, nodes, path, runs, server, storage,
} from './store';
import {
  activePath, childrenOf, choose, titleOf, withNode, type AttachedFile, type Conversation, type MessageNode,
} from './tree';

const SAVE_EVERY_MS = 2000;

const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('jaju');

/** Saves, tells other tabs, and tells the reader once when it can not be done. */
async function save(changed: Conversation, messages: readonly MessageNode[] = []): Promise<void> {
  try {
    await storage.value.put(changed, messages);
    channel?.postMessage('changed');
  } catch {
    toast(strings.value.errors.notSaved);
  }
}

const newestFirst = (list: readonly Conversation[]) => [...list].sort((a, b) => b.updated - a.updated);

/** Puts a changed conversation into the list and, if it is the open one, on the page. */
function show(changed: Conversation): void {
  batch(() => {
    if (conversation.value.id === changed.id) conversation.value = changed;
    conversations.value = newestFirst([changed, ...conversations.value.filter((each) => each.id !== changed.id)]);
  });
}

function find(id: string): Conversation | undefined {
  return conversation.value.id === id ? conversation.value : conversations.value.find((each) => each.id === id);
}

export async function loadConversations(): Promise<void> {
  conversations.value = newestFirst(await storage.value.conversations());
}

export function watchOtherTabs(): void {
  channel?.addEventListener('message', () => void loadConversations());
}

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

export function newChat(): void {
  ++opening;
  batch(() => {
    conversation.value = draft();
    nodes.value = new Map();
  });
}

export async function openConversation(id: string): Promise<void> {
  const wanted = conversations.value.find((each) => each.id === id);
  if (!wanted || id === conversation.value.id) return;
  const turn = ++opening;
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

export function changeConversation(part: Partial<Pick<Conversation, 'system' | 'sampling' | 'think' | 'chosen'>>): void {
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
    if (conversation.value.id === id) newChat();
  });
  await storage.value.remove(id).catch(() => toast(strings.value.errors.notSaved));
  channel?.postMessage('changed');
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
    newChat();
  });
  try {
    await storage.value.removeAll();
    channel?.postMessage('changed');
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
    id: newId(), parent, role: 'user', content, created: now, ...(files.length > 0 ? { files } : {}),
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

export function stop(id = conversation.value.id): void {
  runs.value.get(id)?.controller.abort();
}

/** Asks the server for an answer to a question of the open conversation. */
async function answer(question: string, replace?: MessageNode): Promise<void> {
  const id = conversation.value.id;
  if (runs.value.has(id)) return;
  const now = Date.now();
  let node: MessageNode = {
    id: replace?.id ?? newId(), parent: question, role: 'assistant', content: '', created: replace?.created ?? now,
    state: 'streaming', model: model.value?.id ?? '',
  };
  const started = { ...conversation.value, updated: now, chosen: choose(conversation.value.chosen, node) };
  const run = new Run(id, node.id);
  batch(() => {
    nodes.value = withNode(nodes.value, node);
    show(started);
    runs.value = new Map(runs.value).set(id, run);
  });
  void save(started, [node]);
  announce(strings.value.answering);
  const keep = (changed: MessageNode) => {
    node = changed;
    if (conversation.value.id === id) nodes.value = withNode(nodes.value, changed);
    const owner = find(id);
    return owner && isListed(id) ? save(owner, [changed]) : Promise.resolve(); // it may have been deleted meanwhile
  };
  const asked = activePath(childrenOf(nodes.value), started.chosen);
  const upTo = asked.slice(0, asked.findIndex((each) => each.id === node.id));
  const snapshot = (): MessageNode => {
    const { content, reasoning, reasoningMs, toolCalls } = run.current;
    return {
      ...node, content, ...(reasoning ? { reasoning, reasoningMs } : {}), ...(toolCalls.length > 0 ? { toolCalls: [...toolCalls] } : {}),
    };
  };
  let savedAt = performance.now();
  const savePart = () => {
    savedAt = performance.now();
    const owner = find(id);
    if (owner && isListed(id)) void save(owner, [snapshot()]);
  };
  addEventListener('pagehide', savePart);
  let failure: ChatFailure | undefined;
  try {
    for await (const event of streamChat(requestBody(started, upTo, node.model ?? ''), settings.value.apiKey, run.controller.signal)) {
      run.take(event);
      if (performance.now() - savedAt > SAVE_EVERY_MS) savePart();
    }
  } catch (error) {
    if (error instanceof ChatError) {
      failure = error.failure;
    } else if (!run.controller.signal.aborted) {
      console.error(error); // not the network's fault: ours
      failure = { kind: 'not_understood', detail: String(error) };
    }
  }
  removeEventListener('pagehide', savePart);
  const live = run.end();
  const stopped = run.controller.signal.aborted;
  batch(() => {
    void keep({
      ...snapshot(),
      state: failure ? 'failed' : stopped ? 'stopped' : run.finish === 'length' ? 'length' : 'done',
      ...(failure ? { failure } : {}),
      stats: { usage: run.usage, timings: run.timings, firstTokenMs: live.firstTokenMs, tokensPerSecond: live.tokensPerSecond },
    });
    const left = new Map(runs.value);
    left.delete(id);
    runs.value = left;
  });
  if (failure?.kind === 'unauthorized' || failure?.kind === 'network') server.value = { state: 'failed', failure };
  else if (!failure) server.value = { state: 'ready' };
  announce(failure ? strings.value.errors.sentence(failure) : stopped ? strings.value.stopped : strings.value.answered);
}

/** For the keyboard: the last question or answer on the path. */
export function lastOf(role: MessageNode['role']): MessageNode | undefined {
  return path.value.findLast((node) => node.role === role);
}

export function versionCount(node: MessageNode): number {
  return children.value.get(node.parent ?? '')?.length ?? 1;
}
