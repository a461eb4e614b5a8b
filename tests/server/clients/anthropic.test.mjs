// The official `@anthropic-ai/sdk`, unchanged, against a running server (JAJU_URL).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ baseURL: process.env.JAJU_URL, apiKey: 'none', maxRetries: 0 });
const model = process.env.JAJU_MODEL;
const messages = [{ role: 'user', content: '안녕하세요?' }];
const tools = [{
  name: 'get_weather', description: 'Weather of a place',
  input_schema: { type: 'object', properties: { place: { type: 'string', enum: ['서울', '부산'] } }, required: ['place'], additionalProperties: false },
}];

test('messages, whole and streamed, say the same', async () => {
  const asked = { model, messages, max_tokens: 16, temperature: 0, system: '짧게 답하세요.' };
  const whole = await client.messages.create(asked);
  assert.equal(whole.type, 'message');
  assert.ok(['end_turn', 'max_tokens'].includes(whole.stop_reason));
  assert.ok(whole.usage.input_tokens + whole.usage.cache_read_input_tokens > 0);
  const stream = client.messages.stream(asked);
  let text = '';
  stream.on('text', (more) => { text += more; });
  const final = await stream.finalMessage();
  assert.equal(text, whole.content[0].text);
  assert.deepEqual(final.content, whole.content);
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
});

test('thinking', async () => {
  const final = await client.messages.stream({ model, messages, max_tokens: 60, thinking: { type: 'enabled', budget_tokens: 1024 }, temperature: 1 }).finalMessage();
  assert.equal(final.content[0].type, 'thinking');
});

test('tools: a call comes, its result goes back', async () => {
  const first = await client.messages.create({ model, messages, tools, tool_choice: { type: 'any', disable_parallel_tool_use: true }, max_tokens: 100 });
  assert.equal(first.stop_reason, 'tool_use');
  const call = first.content.find((block) => block.type === 'tool_use');
  assert.ok(['서울', '부산'].includes(call.input.place));
  const second = await client.messages.create({
    model, tools, max_tokens: 8,
    messages: [...messages, { role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '맑음' }] }],
  });
  assert.equal(second.role, 'assistant');
  const streamed = await client.messages.stream({ model, messages, tools, tool_choice: { type: 'tool', name: 'get_weather' }, max_tokens: 100 }).finalMessage();
  assert.ok(['서울', '부산'].includes(streamed.content.find((block) => block.type === 'tool_use').input.place));
});

test('stop sequences and prefill', async () => {
  const whole = await client.messages.create({ model, messages, max_tokens: 16, temperature: 0 });
  const text = whole.content[0].text;
  const stop = [...text].slice(2, 4).join('');
  const cut = await client.messages.create({ model, messages, max_tokens: 16, temperature: 0, stop_sequences: [stop] });
  assert.equal(cut.stop_reason, 'stop_sequence');
  assert.equal(cut.stop_sequence, stop);
  const filled = await client.messages.create({ model, messages: [...messages, { role: 'assistant', content: '{"a":' }], max_tokens: 4 });
  assert.equal(filled.type, 'message');
});

test('JSON schema', async () => {
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'], additionalProperties: false };
  const r = await client.messages.create({ model, messages, max_tokens: 60, output_config: { format: { type: 'json_schema', schema } } });
  assert.equal(typeof JSON.parse(r.content[0].text).ok, 'boolean');
});

test('count_tokens', async () => {
  const counted = await client.messages.countTokens({ model, messages });
  const asked = await client.messages.create({ model, messages, max_tokens: 1 });
  assert.equal(counted.input_tokens, asked.usage.input_tokens + asked.usage.cache_read_input_tokens);
});

test('models', async () => {
  const list = await client.models.list();
  assert.equal(list.data[0].id, model);
});

test('errors', async () => {
  await assert.rejects(client.messages.create({ model: 'other', messages, max_tokens: 1 }), Anthropic.NotFoundError);
  await assert.rejects(client.messages.create({ model, messages, max_tokens: 0 }), (e) => e instanceof Anthropic.BadRequestError && e.error.error.type === 'invalid_request_error');
  await assert.rejects(client.messages.create({ model, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'http://x' } }] }], max_tokens: 1 }), /text/);
});
