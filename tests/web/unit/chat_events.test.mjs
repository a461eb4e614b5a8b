import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { load, unload } from '../lib.mjs';

after(unload);
const { readChunk } = await load('api/chat_events.ts');
const { failureOfResponse } = await load('api/errors.ts');
const { Run } = await load('state/run.ts');

const delta = (fields, finish = null) => ({ choices: [{ index: 0, delta: fields, finish_reason: finish }] });

test('reads text, reasoning, tools and the end', () => {
  assert.deepEqual(readChunk(delta({ role: 'assistant', content: '' })), []);
  assert.deepEqual(readChunk(delta({ reasoning_content: '음' })), [{ type: 'reasoning', text: '음' }]);
  assert.deepEqual(readChunk(delta({ content: 'a' }, 'stop')), [
    { type: 'content', text: 'a' },
    { type: 'finish', reason: 'stop' },
  ]);
  assert.deepEqual(
    readChunk(delta({ tool_calls: [{ index: 1, id: 'c', function: { name: 'f', arguments: '{' } }] })),
    [{ type: 'tool', index: 1, id: 'c', name: 'f', args: '{' }],
  );
  assert.deepEqual(readChunk({ error: { message: 'no', code: 'x' } }), [
    { type: 'error', message: 'no', code: 'x' },
  ]);
});

test('reads usage and timings', () => {
  const [event] = readChunk({
    choices: [],
    usage: {
      prompt_tokens: 10,
      completion_tokens: 4,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 2 },
    },
    timings: { predicted_per_second: 12.5 },
  });
  assert.equal(event.usage.cachedTokens, 8);
  assert.equal(event.usage.reasoningTokens, 2);
  assert.equal(event.timings.tokensPerSecond, 12.5);
});

test('nothing a server sends throws', () => {
  for (const odd of [
    null,
    1,
    '',
    [],
    {},
    { choices: null },
    { choices: [null] },
    { choices: [{ delta: 3 }] },
    { usage: { prompt_tokens: 'x' } },
    { choices: [{ delta: { tool_calls: [null, 4, {}] } }] },
    { error: 'text' },
    { error: 5 },
  ]) {
    assert.ok(Array.isArray(readChunk(odd)), JSON.stringify(odd));
  }
});

test('an answer that is not 2xx becomes a failure', async () => {
  const failure = (status, body, headers) => failureOfResponse(new Response(body, { status, headers }));
  assert.equal((await failure(401, '{}')).kind, 'unauthorized');
  assert.equal((await failure(404, 'not json')).kind, 'rejected');
  assert.equal((await failure(500, '')).kind, 'server');
  assert.equal((await failure(400, '{"error":{"code":"context_length_exceeded"}}')).kind, 'too_large');
  const busy = await failure(429, '{"error":{"message":"full"}}', { 'retry-after': '12' });
  assert.deepEqual([busy.kind, busy.detail, busy.retryAfterSeconds], ['busy', 'full', 12]);
  assert.equal((await failure(503, '{}', { 'retry-after': 'soon' })).retryAfterSeconds, undefined);
});

test('a run keeps the clock of the reasoning and the speed', () => {
  let now = 1000;
  const run = new Run('c', 'n', () => now);
  now = 1500;
  run.take({ type: 'reasoning', text: 'a' });
  now = 3500;
  run.take({ type: 'reasoning', text: 'b' });
  now = 4000;
  run.take({ type: 'content', text: 'x' });
  now = 5500;
  run.take({ type: 'content', text: 'y' });
  run.take({ type: 'finish', reason: 'stop' });
  const live = run.end();
  assert.equal(live.reasoning, 'ab');
  assert.equal(live.content, 'xy');
  assert.equal(live.reasoningMs, 2500);
  assert.equal(live.firstTokenMs, 500);
  assert.equal(live.tokensPerSecond, 3 / 4);
  assert.equal(run.finish, 'stop');
});

test('pieces of tool calls are joined, whatever their numbering', () => {
  const run = new Run('c', 'n', () => 0);
  run.take({ type: 'tool', index: 0, id: 'a', name: 'f', args: '{"x":' });
  run.take({ type: 'tool', index: 0, args: '1}' });
  run.take({ type: 'tool', index: 5, id: 'b', name: 'g', args: '{}' });
  assert.deepEqual(run.end().toolCalls, [
    { id: 'a', name: 'f', args: '{"x":1}' },
    { id: 'b', name: 'g', args: '{}' },
  ]);
});
