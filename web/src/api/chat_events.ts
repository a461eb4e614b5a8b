// One line of a chat completion stream, turned into what the page cares about. Fields the server does not send are absent;
// fields we do not know are ignored.
import { errorBody } from './errors';

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens?: number;
  reasoningTokens?: number;
  cacheNote?: string; // where and why the prefix cache stopped, in the server's words
}

export interface Timings {
  promptPerSecond?: number;
  tokensPerSecond?: number;
  firstTokenMs?: number;
  queueMs?: number;
}

export type ChatEvent =
  | { type: 'reasoning'; text: string }
  | { type: 'content'; text: string }
  | { type: 'tool'; index: number; id?: string; name?: string; args?: string }
  | { type: 'finish'; reason: string }
  | { type: 'progress'; done: number; total: number }
  | { type: 'usage'; usage?: Usage; timings?: Timings }
  | { type: 'error'; message: string; code: string };

type Fields = Record<string, unknown>;

const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

function readUsage(value: unknown): Usage | undefined {
  const usage = fields(value);
  const promptTokens = count(usage.prompt_tokens);
  const completionTokens = count(usage.completion_tokens);
  if (promptTokens === undefined || completionTokens === undefined) return undefined;
  const prompt = fields(usage.prompt_tokens_details);
  return {
    promptTokens,
    completionTokens,
    cachedTokens: count(prompt.cached_tokens),
    reasoningTokens: count(fields(usage.completion_tokens_details).reasoning_tokens),
    cacheNote: text(prompt.cache_stop) || text(prompt.cache_stop_reason) || undefined,
  };
}

function readTimings(value: unknown): Timings | undefined {
  const timings = fields(value);
  const read: Timings = {
    promptPerSecond: count(timings.prompt_per_second),
    tokensPerSecond: count(timings.predicted_per_second),
    firstTokenMs: count(timings.time_to_first_token_ms) ?? count(timings.ttft_ms),
    queueMs: count(timings.queue_ms),
  };
  return Object.values(read).some((number) => number !== undefined) ? read : undefined;
}

/** The events of one `data:` line (parsed JSON), in order. */
export function readChunk(chunk: unknown): ChatEvent[] {
  const events: ChatEvent[] = [];
  const top = fields(chunk);
  if (top.error !== undefined && top.error !== null) return [{ type: 'error', ...errorBody(chunk) }];
  const progress = fields(top.prompt_progress);
  const total = count(progress.total);
  if (total) events.push({ type: 'progress', done: count(progress.processed) ?? 0, total });
  const choice = fields(Array.isArray(top.choices) ? top.choices[0] : undefined);
  const delta = fields(choice.delta);
  const reasoning = text(delta.reasoning_content) || text(delta.reasoning);
  if (reasoning) events.push({ type: 'reasoning', text: reasoning });
  if (text(delta.content)) events.push({ type: 'content', text: text(delta.content) });
  for (const each of Array.isArray(delta.tool_calls) ? delta.tool_calls : []) {
    const call = fields(each);
    const named = fields(call.function);
    events.push({
      type: 'tool',
      index: count(call.index) ?? 0,
      id: text(call.id) || undefined,
      name: text(named.name) || undefined,
      args: text(named.arguments) || undefined,
    });
  }
  if (text(choice.finish_reason)) events.push({ type: 'finish', reason: text(choice.finish_reason) });
  const usage = readUsage(top.usage);
  const timings = readTimings(top.timings);
  if (usage || timings) events.push({ type: 'usage', usage, timings });
  return events;
}
