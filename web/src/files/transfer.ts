// Conversations as files: JSON that this page reads again, and Markdown for people. An import is bytes from outside: every
// field is checked, every id is made anew, and a file that is not a tree of messages is refused.
import { cleanSampling } from '../state/sampling';
import {
  activePath,
  childrenOf,
  isTree,
  titleOf,
  type AnswerState,
  type AttachedFile,
  type Conversation,
  type MessageNode,
  type ToolCall,
} from '../state/tree';
import { filesAsText } from './attach';

const FORMAT = 'jaju-chat';
const VERSION = 1;
export const MAX_IMPORT_BYTES = 64 * 1024 * 1024;

export interface WholeConversation {
  conversation: Conversation;
  messages: MessageNode[];
}

export function toJson(all: readonly WholeConversation[]): string {
  const conversations = all.map(({ conversation, messages }) => ({ ...conversation, messages }));
  return JSON.stringify(
    { format: FORMAT, version: VERSION, exported: new Date().toISOString(), conversations },
    null,
    1,
  );
}

type Fields = Record<string, unknown>;
const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const time = (value: unknown): number =>
  typeof value === 'number' && value > 0 && value < 8.64e15 ? value : 0;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const STATES: readonly AnswerState[] = ['done', 'length', 'stopped', 'failed'];

function readMessage(value: unknown): MessageNode | undefined {
  const given = fields(value);
  if (!given || (given.role !== 'user' && given.role !== 'assistant') || text(given.id) === '')
    return undefined;
  const files = list(given.files)
    .map((file) => fields(file))
    .filter((file) => file !== undefined)
    .map((file): AttachedFile => ({ name: text(file.name), text: text(file.text) }));
  const toolCalls = list(given.toolCalls)
    .map((call) => fields(call))
    .filter((call) => call !== undefined)
    .map((call): ToolCall => ({ id: text(call.id), name: text(call.name), args: text(call.args) }));
  return {
    id: text(given.id),
    parent: typeof given.parent === 'string' ? given.parent : null,
    role: given.role,
    content: text(given.content),
    created: time(given.created),
    ...(files.length > 0 ? { files } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...(text(given.reasoning)
      ? { reasoning: text(given.reasoning), reasoningMs: time(given.reasoningMs) }
      : {}),
    ...(text(given.model) ? { model: text(given.model) } : {}),
    ...(given.role === 'assistant'
      ? {
          state:
            STATES.includes(given.state as AnswerState) && given.state !== 'failed'
              ? (given.state as AnswerState)
              : 'done',
        }
      : {}),
  };
}

function readConversation(value: unknown, newId: () => string): WholeConversation | undefined {
  const given = fields(value);
  const messages = list(given?.messages).map(readMessage);
  if (!given || !Array.isArray(given.messages) || messages.includes(undefined)) return undefined;
  const nodes = new Map((messages as MessageNode[]).map((node) => [node.id, node]));
  if (nodes.size !== messages.length || !isTree(nodes)) return undefined;
  const ids = new Map([...nodes.keys()].map((id) => [id, newId()]));
  const chosen: Record<string, string> = {};
  for (const [parent, child] of Object.entries(fields(given.chosen) ?? {})) {
    const from = parent === '' ? '' : ids.get(parent);
    const to = ids.get(text(child));
    if (from !== undefined && to !== undefined) chosen[from] = to;
  }
  const renamed = [...nodes.values()].map((node) => ({
    ...node,
    id: ids.get(node.id)!,
    parent: node.parent === null ? null : ids.get(node.parent)!,
  }));
  const created = time(given.created) || Date.now();
  return {
    conversation: {
      id: newId(),
      title: titleOf(text(given.title)),
      created,
      updated: time(given.updated) || created,
      system: text(given.system),
      sampling: cleanSampling(given.sampling),
      think: given.think !== false,
      chosen,
    },
    messages: renamed,
  };
}

/** The conversations of an export, or undefined where the text is not one. */
export function fromJson(json: string, newId: () => string): WholeConversation[] | undefined {
  let top: Fields | undefined;
  try {
    top = fields(JSON.parse(json));
  } catch {
    return undefined;
  }
  if (top?.format !== FORMAT || top.version !== VERSION || !Array.isArray(top.conversations))
    return undefined;
  const read = top.conversations.map((each) => readConversation(each, newId));
  return read.includes(undefined) ? undefined : (read as WholeConversation[]);
}

/** The path the reader sees, as a document. */
export function toMarkdown(
  { conversation, messages }: WholeConversation,
  names: { you: string; assistant: string },
): string {
  const nodes = new Map(messages.map((node) => [node.id, node]));
  const parts = [`# ${conversation.title}`];
  if (conversation.system.trim() !== '') parts.push(conversation.system.trim().replace(/^/gm, '> '));
  for (const node of activePath(childrenOf(nodes), conversation.chosen)) {
    parts.push(`## ${node.role === 'user' ? names.you : names.assistant}`);
    parts.push(node.role === 'user' ? filesAsText(node.files ?? [], node.content) : node.content);
  }
  return `${parts.join('\n\n')}\n`;
}
