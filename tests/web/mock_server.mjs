// A server that looks to the page like `jaju serve`: the built page with its policy, /v1/models, and streamed chat completions
// whose text the question decides. For the tests, and for work on the page without a model:
//
//   node tests/web/mock_server.mjs [PORT] [DIST]
//
// The last question chooses: "echo TEXT" answers TEXT; "slow" streams until stopped; "long N" sends N paragraphs; "tools",
// "length", "read", "cut", "broken", "silent", "busy" and "status N" do what their names say; everything else gets a short answer.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.md': 'text/markdown; charset=utf-8',
  '.woff2': 'font/woff2',
};

const REASONING = 'The user asks something simple. Let me think about it **step by step** and keep it short.';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Pieces of a few characters, like tokens; surrogate pairs stay whole.
const pieces = (text, size = 4) => {
  const characters = [...text];
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, i) =>
    characters.slice(i * size, (i + 1) * size).join(''),
  );
};

function sendError(response, status, message, headers = {}, code = null) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message, type: 'error', code } }));
}

class Stream {
  constructor(response, model) {
    this.response = response;
    this.model = model;
    this.closed = false;
    response.on('close', () => (this.closed = true));
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    this.delta({ role: 'assistant', content: '' });
  }

  raw(text) {
    if (!this.closed) this.response.write(text);
  }

  data(value) {
    this.raw(
      `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 0, model: this.model, ...value })}\n\n`,
    );
  }

  delta(delta, finish = null) {
    this.data({ choices: [{ index: 0, delta, finish_reason: finish }] });
  }

  async text(field, text, pause = 0, size = 4) {
    for (const piece of pieces(text, size)) {
      if (this.closed) return;
      this.delta({ [field]: piece });
      if (pause) await sleep(pause);
    }
  }

  end(finish, usage) {
    this.delta({}, finish);
    this.data({ choices: [], usage, timings: { prompt_per_second: 812.5, predicted_per_second: 21.4 } });
    this.raw('data: [DONE]\n\n');
    this.response.end();
  }
}

function usageOf(body, cached) {
  const prompt = Math.ceil(JSON.stringify(body.messages).length / 4);
  return {
    prompt_tokens: prompt,
    completion_tokens: 57,
    total_tokens: prompt + 57,
    prompt_tokens_details: { cached_tokens: Math.min(prompt, cached), cache_stop: 'the first turn' },
    completion_tokens_details: { reasoning_tokens: body.chat_template_kwargs?.enable_thinking ? 20 : 0 },
  };
}

async function answer(body, response, mock) {
  const question = body.messages.at(-1).content;
  const [word, ...others] = question.split(/\s+/);
  const rest = question.slice(word.length + 1);
  if (word === 'status') return sendError(response, Number(others[0]), `the test asked for ${others[0]}`);
  if (word === 'busy') return sendError(response, 429, 'the queue is full', { 'Retry-After': '7' });
  if (word === 'huge')
    return sendError(
      response,
      400,
      'the prompt has 9000 tokens, the context 4096',
      {},
      'context_length_exceeded',
    );
  const stream = new Stream(response, mock.model);
  const usage = usageOf(body, mock.cached);
  mock.cached = usage.prompt_tokens;
  stream.raw(': keep-alive\n\n');
  if (word === 'silent') return;
  if (word === 'read' && body.return_progress) {
    stream.data({ choices: [], prompt_progress: { processed: 512, total: 2048 } });
    await sleep(mock.pause * 20);
  }
  if (word === 'broken') {
    await stream.text('content', 'Half an ');
    stream.raw('data: {"error":{"message":"the expert store lost a drive","type":"server_error"}}\n\n');
    return response.end();
  }
  if (word === 'cut') {
    await stream.text('content', 'This answer ends in the mid');
    await sleep(100);
    return response.destroy();
  }
  if (body.chat_template_kwargs?.enable_thinking)
    await stream.text('reasoning_content', REASONING, mock.pause);
  if (word === 'slow') {
    for (let i = 0; !stream.closed && i < 2000; ++i) {
      stream.delta({ content: `word${i} ` });
      await sleep(20);
    }
    mock.stopped += 1;
    return;
  }
  if (word === 'tools') {
    const call = (index, name, args) =>
      pieces(args).map((part, i) => ({
        index,
        ...(i === 0 ? { id: `call_${index}`, type: 'function' } : {}),
        function: { ...(i === 0 ? { name } : {}), arguments: part },
      }));
    for (const part of [...call(0, 'get_weather', '{"city":"서울","days":3}'), ...call(1, 'get_time', '{}')])
      stream.delta({ tool_calls: [part] });
    return stream.end('tool_calls', usage);
  }
  if (word === 'long') {
    const paragraph = (i) =>
      `Paragraph ${i}: **bold**, \`code\` and $x_${i}^2$, and a few more words so that the line is long enough to wrap.\n\n`;
    for (let i = 0; i < Number(others[0]) && !stream.closed; ++i)
      await stream.text('content', paragraph(i), 0, 12);
    return stream.end('stop', usage);
  }
  const text =
    mock.replies.get(question) ??
    (word === 'echo' ? rest : `Answer ${++mock.answers} to “${question.slice(0, 40)}”.`);
  await stream.text('content', text, mock.pause);
  stream.end(word === 'length' ? 'length' : 'stop', usage);
}

function serveFile(request, response, mock) {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  let body;
  try {
    body = readFileSync(join(mock.dist, path === '/' ? 'index.html' : path));
  } catch {
    return sendError(response, 404, 'no such path');
  }
  response.writeHead(200, {
    'Content-Type': TYPES[extname(path === '/' ? '.html' : path)] ?? TYPES['.html'],
    'Content-Security-Policy': mock.policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  });
  response.end(body);
}

/** Starts a server on `port` (0: any); `requests` collects the bodies it was sent. `key`: what it asks for. */
export async function startMock({ dist, policyFile, port = 0, key = '', pause = 0, thinks = true }) {
  const mock = {
    dist,
    policy: readFileSync(policyFile, 'utf8').trim().split('\n').join('; '),
    key,
    pause,
    thinks,
    model: 'axk1-nano',
    requests: [],
    replies: new Map(), // question -> answer, for what a test wants word for word
    answers: 0,
    cached: 0,
    stopped: 0,
    down: false,
  };
  const server = createServer(async (request, response) => {
    if (mock.down) return request.socket.destroy();
    const path = request.url.split('?')[0];
    if (path.startsWith('/v1/') && mock.key && request.headers.authorization !== `Bearer ${mock.key}`) {
      return sendError(response, 401, 'this server needs an API key', { 'WWW-Authenticate': 'Bearer' });
    }
    if (path === '/v1/models') {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      return response.end(
        JSON.stringify({
          object: 'list',
          data: [{ id: mock.model, object: 'model', max_model_len: 4096, thinking_by_default: mock.thinks }],
        }),
      );
    }
    if (path === '/v1/chat/completions' && request.method === 'POST') {
      let text = '';
      for await (const part of request) text += part;
      const body = JSON.parse(text);
      mock.requests.push(body);
      return answer(body, response, mock);
    }
    return serveFile(request, response, mock);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  mock.url = `http://127.0.0.1:${server.address().port}/`;
  mock.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return mock;
}

if (import.meta.filename === process.argv[1]) {
  const web = join(import.meta.dirname, '../../web');
  const mock = await startMock({
    dist: process.argv[3] ?? join(web, 'dist'),
    policyFile: join(web, 'csp.txt'),
    port: Number(process.argv[2] ?? 8090),
    pause: 15,
  });
  console.log(`the imitation of jaju serve is at ${mock.url}`);
}
