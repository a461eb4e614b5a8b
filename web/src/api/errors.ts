// What can go wrong with a request, as a value the page can put into a sentence (i18n) and decide about: is a key missing, is
// it worth trying again, and when.

export type ErrorKind =
  | 'network' // no answer at all: the server is not running, or the network is gone
  | 'unauthorized' // 401, 403: a key is missing or wrong
  | 'rejected' // other 4xx: the server names what it did not like
  | 'too_large' // 413, or the context is too small for the conversation
  | 'busy' // 429, 503: full, loading or shutting down
  | 'server' // 5xx, or an error in the middle of the answer
  | 'cut' // the answer ended without an end
  | 'not_understood'; // something that is not our API answered

export interface ChatFailure {
  kind: ErrorKind;
  detail: string; // the server's own sentence, or ''
  status?: number;
  retryAfterSeconds?: number;
}

export class ChatError extends Error {
  constructor(readonly failure: ChatFailure) {
    super(failure.detail || failure.kind);
  }
}

function kindOfStatus(status: number, code: string): ErrorKind {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 413 || code === 'context_length_exceeded') return 'too_large';
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'server' : 'rejected';
}

/** The message of an OpenAI-style error body, {"error": {"message", "code"}}, as far as it is one. */
export function errorBody(body: unknown): { message: string; code: string } {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === 'string') return { message: error, code: '' };
  const fields = (error ?? {}) as Record<string, unknown>;
  return {
    message: typeof fields.message === 'string' ? fields.message : '',
    code: typeof fields.code === 'string' ? fields.code : '',
  };
}

/** Reads the body of an answer that is not 2xx. */
export async function failureOfResponse(response: Response): Promise<ChatFailure> {
  let body: unknown = null;
  try {
    body = JSON.parse(await response.text());
  } catch {
    // A proxy's page, or nothing: the status has to do.
  }
  const { message, code } = errorBody(body);
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return {
    kind: kindOfStatus(response.status, code),
    detail: message,
    status: response.status,
    ...(Number.isFinite(seconds) && seconds >= 0
      ? { retryAfterSeconds: Math.min(Math.ceil(seconds), 3600) }
      : {}),
  };
}
