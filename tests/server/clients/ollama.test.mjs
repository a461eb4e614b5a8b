// The official `ollama` client, unchanged, against a running server (JAJU_URL).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ollama } from 'ollama';

const client = new Ollama({ host: process.env.JAJU_URL });
const model = process.env.JAJU_MODEL;
const messages = [{ role: 'user', content: '안녕하세요?' }];
const options = { temperature: 0, num_predict: 12, seed: 1 };

test('list, show, ps, version', async () => {
  assert.equal((await client.list()).models[0].name, `${model}:latest`);
  assert.ok((await client.show({ model })).capabilities.includes('tools'));
  assert.equal((await client.ps()).models.length, 1);
  assert.match((await client.version()).version, /^\d+\.\d+/);
});

test('chat, whole and streamed, say the same', async () => {
  const whole = await client.chat({ model, messages, options });
  assert.equal(whole.done, true);
  assert.ok(whole.eval_count > 0);
  let text = '';
  let last = null;
  for await (const part of await client.chat({ model: `${model}:latest`, messages, options, stream: true })) {
    text += part.message.content;
    last = part;
  }
  assert.equal(text, whole.message.content);
  assert.equal(last.eval_count, whole.eval_count);
});

test('generate and think', async () => {
  const whole = await client.generate({ model, prompt: '안녕?', options });
  let text = '';
  for await (const part of await client.generate({ model, prompt: '안녕?', options, stream: true })) text += part.response;
  assert.equal(text, whole.response);
  const thought = await client.chat({ model, messages, think: true, options: { ...options, num_predict: 20 } });
  assert.ok(thought.message.thinking.length > 0);
});

test('format: a JSON schema', async () => {
  const format = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'], additionalProperties: false };
  const r = await client.chat({ model, messages, format, options: { num_predict: 60 } });
  assert.equal(typeof JSON.parse(r.message.content).ok, 'boolean');
});

test('tools round trip', async () => {
  const tools = [{ type: 'function', function: { name: 'get_weather', description: 'x', parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] } } }];
  const r = await client.chat({ model, messages, tools, options });
  assert.equal(r.message.role, 'assistant');
  const after = await client.chat({
    model, tools, options,
    messages: [...messages, { role: 'assistant', content: '', tool_calls: [{ function: { name: 'get_weather', arguments: { place: '서울' } } }] },
      { role: 'tool', tool_name: 'get_weather', content: '맑음' }],
  });
  assert.equal(after.done, true);
});

test('embed', async () => {
  const r = await client.embed({ model, input: ['하나', '둘'] });
  assert.equal(r.embeddings.length, 2);
});

test('errors', async () => {
  await assert.rejects(client.chat({ model: 'other', messages }), (e) => e.status_code === 404);
  await assert.rejects(client.chat({ model, messages, options: { temperature: -1 } }), (e) => e.status_code === 400 && /options.temperature/.test(e.message));
});
