// Asking the server for an answer, and keeping it while it comes.
import { batch } from '@preact/signals';
import { streamChat } from '../api/client';
import { ChatError, type ChatFailure } from '../api/errors';
import { strings } from '../i18n';
import { find, save, show } from './keep';
import { announce } from './notices';
import { requestBody } from './request';
import { Run } from './run';
import { settings } from './settings';
import { conversation, isListed, model, newId, nodes, path, runs, server } from './store';
import { choose, withNode, type AnswerState, type Conversation, type MessageNode } from './tree';

const SAVE_EVERY_MS = 2000;

/** The node with what came so far. */
function withLive(node: MessageNode, run: Run): MessageNode {
  const { content, reasoning, reasoningMs, toolCalls } = run.current;
  return {
    ...node,
    content,
    ...(reasoning ? { reasoning, reasoningMs } : {}),
    ...(toolCalls.length > 0 ? { toolCalls: [...toolCalls] } : {}),
  };
}

function complete(node: MessageNode, run: Run, failure: ChatFailure | undefined): MessageNode {
  const { firstTokenMs, tokensPerSecond } = run.end();
  const ended: AnswerState = run.finish === 'length' ? 'length' : 'done';
  return {
    ...withLive(node, run),
    state: failure ? 'failed' : run.controller.signal.aborted ? 'stopped' : ended,
    ...(failure ? { failure } : {}),
    stats: { usage: run.usage, timings: run.timings, firstTokenMs, tokensPerSecond },
  };
}

/** Saves a message of a conversation that may have been deleted meanwhile. */
function keep(id: string, node: MessageNode): void {
  const owner = find(id);
  if (owner && isListed(id)) void save(owner, [node]);
}

/** Takes the stream to its end; saves now and then, and when the page goes away. */
async function follow(
  asked: Conversation,
  question: readonly MessageNode[],
  node: MessageNode,
  run: Run,
): Promise<ChatFailure | undefined> {
  let savedAt = performance.now();
  const savePart = () => {
    savedAt = performance.now();
    keep(asked.id, withLive(node, run));
  };
  addEventListener('pagehide', savePart);
  try {
    const body = requestBody(asked, question, node.model ?? '');
    for await (const event of streamChat(body, settings.value.apiKey, run.controller.signal)) {
      run.take(event);
      if (performance.now() - savedAt > SAVE_EVERY_MS) savePart();
    }
    return undefined;
  } catch (error) {
    if (error instanceof ChatError) return error.failure;
    if (run.controller.signal.aborted) return undefined;
    console.error(error); // not the network's fault: ours
    return { kind: 'not_understood', detail: String(error) };
  } finally {
    removeEventListener('pagehide', savePart);
  }
}

/** Asks for an answer to a question of the open conversation. `replace`: an answer that never began. */
export async function answer(question: string, replace?: MessageNode): Promise<void> {
  const { id } = conversation.value;
  if (runs.value.has(id)) return;
  const now = Date.now();
  const node: MessageNode = {
    id: replace?.id ?? newId(),
    parent: question,
    role: 'assistant',
    content: '',
    created: replace?.created ?? now,
    state: 'streaming',
    model: model.value?.id ?? '',
  };
  const asked = { ...conversation.value, updated: now, chosen: choose(conversation.value.chosen, node) };
  const run = new Run(id, node.id);
  batch(() => {
    nodes.value = withNode(nodes.value, node);
    show(asked);
    runs.value = new Map(runs.value).set(id, run);
  });
  void save(asked, [node]);
  announce(strings.value.answering);
  const upTo = path.value.slice(0, path.value.indexOf(node));

  const failure = await follow(asked, upTo, node, run);

  const done = complete(node, run, failure);
  batch(() => {
    if (conversation.value.id === id) nodes.value = withNode(nodes.value, done);
    const left = new Map(runs.value);
    left.delete(id);
    runs.value = left;
  });
  keep(id, done);
  if (!failure) server.value = { state: 'ready' };
  else if (failure.kind === 'unauthorized' || failure.kind === 'network') {
    server.value = { state: 'failed', failure };
  }
  const t = strings.value;
  announce(failure ? t.errors.sentence(failure) : done.state === 'stopped' ? t.stopped : t.answered);
}

export function stop(id = conversation.value.id): void {
  runs.value.get(id)?.controller.abort();
}
