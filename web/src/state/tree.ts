// A conversation is a tree: an edited question or a second answer is a sibling of the first, and `chosen` says which child
// the reader looks at. Everything here is pure; nodes and conversations are never changed in place.
import type { Timings, Usage } from '../api/chat_events';
import type { ChatFailure } from '../api/errors';
import type { Sampling } from './sampling';

export type Role = 'user' | 'assistant';

export interface AttachedFile {
  name: string;
  text: string;
}

export interface ToolCall {
  id: string;
  name: string;
  args: string;
}

export interface AnswerStats {
  usage?: Usage;
  timings?: Timings;
  firstTokenMs?: number; // measured here: from the request to the first word
  tokensPerSecond?: number; // measured here, where the server does not say
}

/** 'streaming' in the store means that the page went away while the answer was coming. */
export type AnswerState = 'streaming' | 'done' | 'length' | 'stopped' | 'failed';

export interface MessageNode {
  id: string;
  parent: string | null; // null: one of the first questions
  role: Role;
  content: string;
  created: number; // ms since 1970
  files?: AttachedFile[];
  reasoning?: string;
  reasoningMs?: number;
  toolCalls?: ToolCall[];
  model?: string;
  state?: AnswerState; // of an assistant's node
  failure?: ChatFailure;
  stats?: AnswerStats;
}

export interface Conversation {
  id: string;
  title: string; // '' until the first question
  created: number;
  updated: number;
  system: string;
  sampling: Sampling;
  think: boolean;
  /** For a parent ('' for the root) with several children: the child on the path. Without an entry it is the newest. */
  chosen: Record<string, string>;
}

export type Nodes = ReadonlyMap<string, MessageNode>;

/** Children of each parent ('' for the root), oldest first. */
export type Children = ReadonlyMap<string, readonly MessageNode[]>;

export function childrenOf(nodes: Nodes): Children {
  const children = new Map<string, MessageNode[]>();
  for (const node of nodes.values()) {
    const key = node.parent !== null && nodes.has(node.parent) ? node.parent : '';
    const siblings = children.get(key);
    if (siblings) siblings.push(node);
    else children.set(key, [node]);
  }
  for (const siblings of children.values()) {
    siblings.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  }
  return children;
}

/** The messages the reader sees, first to last. */
export function activePath(children: Children, chosen: Record<string, string>): MessageNode[] {
  const path: MessageNode[] = [];
  let key = '';
  for (;;) {
    const siblings = children.get(key);
    if (!siblings) return path;
    const node = siblings.find((each) => each.id === chosen[key]) ?? siblings[siblings.length - 1]!;
    path.push(node);
    key = node.id;
  }
}

export interface Versions {
  index: number; // of the node among its siblings
  ids: string[];
}

export function versionsOf(children: Children, node: MessageNode): Versions {
  const siblings = children.get(node.parent ?? '') ?? children.get('') ?? [node];
  const ids = siblings.map((each) => each.id);
  return { index: Math.max(0, ids.indexOf(node.id)), ids };
}

/** `chosen` with `node` on the path. */
export function choose(chosen: Record<string, string>, node: MessageNode): Record<string, string> {
  return { ...chosen, [node.parent ?? '']: node.id };
}

export function withNode(nodes: Nodes, node: MessageNode): Nodes {
  return new Map(nodes).set(node.id, node);
}

/** Whether following parents from every node ends at the root: no cycles, no unknown parents. */
export function isTree(nodes: Nodes): boolean {
  const safe = new Set<string>();
  for (const start of nodes.values()) {
    const walked = new Set<string>();
    let node: MessageNode | undefined = start;
    while (node && !safe.has(node.id)) {
      if (walked.has(node.id)) return false;
      walked.add(node.id);
      if (node.parent === null) break;
      node = nodes.get(node.parent);
      if (!node) return false;
    }
    for (const id of walked) safe.add(id);
  }
  return true;
}

/** The first line of the first question, short enough for a list. */
export function titleOf(text: string): string {
  const line =
    text
      .split('\n')
      .find((each) => each.trim() !== '')
      ?.trim() ?? '';
  const characters = [...line];
  return characters.length <= 60 ? line : `${characters.slice(0, 59).join('')}…`;
}
