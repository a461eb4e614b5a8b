// The calls the page makes. Addresses are relative, so the page also works under a path of a reverse proxy.
import { ChatError, failureOfResponse } from './errors';
import { readChunk, type ChatEvent } from './chat_events';
import { SseParser } from './sse';

export interface ModelInfo {
  id: string;
  contextLength?: number;
  thinks?: boolean; // by default
}

export type ChatBody = Record<string, unknown>;

function headers(apiKey: string): Record<string, string> {
  // Else fetch would fail as if the server were not there.
  if (!/^[!-~]*$/.test(apiKey)) throw new ChatError({ kind: 'unauthorized', detail: '' });
  return apiKey ? { Authorization: `Bearer ${apiKey}` } : {};
}

async function call(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ChatError({ kind: 'network', detail: '' });
  }
  if (!response.ok) throw new ChatError(await failureOfResponse(response));
  return response;
}

export async function fetchModels(apiKey: string, signal?: AbortSignal): Promise<ModelInfo[]> {
  const response = await call('v1/models', { headers: headers(apiKey), signal });
  try {
    const body = (await response.json()) as { data: { id: string; [field: string]: unknown }[] };
    return body.data.map((model) => {
      const length =
        model.max_model_len ??
        model.context_length ??
        (model.meta as Record<string, unknown> | undefined)?.n_ctx;
      return {
        id: String(model.id),
        ...(typeof length === 'number' ? { contextLength: length } : {}),
        ...(typeof model.thinking_by_default === 'boolean' ? { thinks: model.thinking_by_default } : {}),
      };
    });
  } catch {
    throw new ChatError({ kind: 'not_understood', detail: '' });
  }
}

/** Sends a chat request with stream: true and yields its events until the end; throws ChatError, or what the signal throws. */
export async function* streamChat(
  body: ChatBody,
  apiKey: string,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  const response = await call('v1/chat/completions', {
    method: 'POST',
    headers: { ...headers(apiKey), 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    throw new ChatError({ kind: 'not_understood', detail: '' });
  }
  const parser = new SseParser();
  const reader = response.body.getReader();
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const { data } of parser.push(value)) {
        if (data === '[DONE]') return;
        for (const event of readChunk(JSON.parse(data))) {
          if (event.type === 'error') throw new ChatError({ kind: 'server', detail: event.message });
          if (event.type === 'finish') finished = true;
          yield event;
        }
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof ChatError) throw error;
    throw new ChatError({ kind: error instanceof SyntaxError ? 'not_understood' : 'cut', detail: '' });
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!finished) throw new ChatError({ kind: 'cut', detail: '' });
}
