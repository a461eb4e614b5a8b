// The official `openai` client, unchanged, against a running server (JAJU_URL).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const client = new OpenAI({ baseURL: `${process.env.JAJU_URL}/v1`, apiKey: 'none', maxRetries: 0 });
const model = process.env.JAJU_MODEL;
const messages = [{ role: 'user', content: '안녕하세요?' }];
const tools = [{
  type: 'function',
  function: {
    name: 'get_weather', description: 'Weather of a place', strict: true,
    parameters: { type: 'object', properties: { place: { type: 'string', enum: ['서울', '부산'] } }, required: ['place'], additionalProperties: false },
  },
}];
const schema = {
  type: 'object', properties: { ok: { type: 'boolean' }, mood: { enum: ['good', 'bad'] } }, required: ['ok', 'mood'], additionalProperties: false,
};

test('models', async () => {
  const list = await client.models.list();
  assert.equal(list.data[0].id, model);
  assert.equal((await client.models.retrieve(model)).id, model);
  await assert.rejects(client.models.retrieve('other'), OpenAI.NotFoundError);
});

test('chat, whole and streamed, say the same', async () => {
  const asked = { model, messages, temperature: 0, max_tokens: 16, seed: 1 };
  const whole = await client.chat.completions.create(asked);
  assert.equal(whole.object, 'chat.completion');
  assert.equal(whole.choices[0].message.role, 'assistant');
  assert.ok(['stop', 'length'].includes(whole.choices[0].finish_reason));
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
  const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
  let text = '';
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  assert.ok(usage.prompt_tokens_details.cached_tokens > 0, 'the second time the prompt is cached');
});

test('the stream helper and n', async () => {
  const runner = client.chat.completions.stream({ model, messages, max_tokens: 8, temperature: 0 });
  const final = await runner.finalChatCompletion();
  assert.equal(typeof final.choices[0].message.content, 'string');
  const two = await client.chat.completions.create({ model, messages, max_tokens: 4, n: 2 });
  assert.equal(two.choices.length, 2);
});

test('logprobs', async () => {
  const r = await client.chat.completions.create({ model, messages, max_tokens: 3, temperature: 0, logprobs: true, top_logprobs: 2 });
  const content = r.choices[0].logprobs.content;
  assert.ok(content.length >= 1);
  assert.equal(content[0].top_logprobs.length, 2);
  assert.equal(content[0].logprob, content[0].top_logprobs[0].logprob);
});

test('reasoning', async () => {
  const r = await client.chat.completions.create({ model, messages, max_tokens: 40, reasoning_effort: 'low', temperature: 0, thinking_budget: 5 });
  assert.ok(r.choices[0].message.reasoning_content.length > 0);
  assert.ok(r.usage.completion_tokens_details.reasoning_tokens > 0);
});

test('tools: a call comes, its result goes back', async () => {
  const first = await client.chat.completions.create({ model, messages, tools, tool_choice: 'required', parallel_tool_calls: false, max_tokens: 100 });
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const call = first.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, 'get_weather');
  assert.ok(['서울', '부산'].includes(JSON.parse(call.function.arguments).place));
  const second = await client.chat.completions.create({
    model, tools, max_tokens: 8,
    messages: [...messages, first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '맑음' }],
  });
  assert.ok(second.choices[0].message);
});

test('tools, streamed', async () => {
  const runner = client.chat.completions.stream({
    model, messages, tools, tool_choice: { type: 'function', function: { name: 'get_weather' } }, max_tokens: 100,
  });
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.tool_calls[0].function.name, 'get_weather');
});

test('JSON schema', async () => {
  const r = await client.chat.completions.create({
    model, messages, max_tokens: 100, response_format: { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } },
  });
  const value = JSON.parse(r.choices[0].message.content);
  assert.equal(typeof value.ok, 'boolean');
  const parsed = await client.chat.completions.parse({
    model, messages, max_tokens: 100, response_format: zodResponseFormat(z.object({ ok: z.boolean(), n: z.enum(['a', 'b']) }), 'y'),
  });
  assert.equal(typeof parsed.choices[0].message.parsed.ok, 'boolean');
});

test('JSON schema in thinking mode: the constraint starts after the reasoning', async () => {
  const r = await client.chat.completions.create({
    model, messages, max_tokens: 200, reasoning_effort: 'high', thinking_budget: 8,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  });
  assert.equal(typeof JSON.parse(r.choices[0].message.content).ok, 'boolean');
});

test('completions', async () => {
  const r = await client.completions.create({ model, prompt: ['하나', '둘'], max_tokens: 4, temperature: 0, echo: true });
  assert.equal(r.choices.length, 2);
  assert.ok(r.choices[0].text.startsWith('하나') && r.choices[1].text.startsWith('둘'));
  let text = '';
  for await (const chunk of await client.completions.create({ model, prompt: '하나', max_tokens: 4, temperature: 0, stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal('하나' + text, r.choices[0].text);
});

test('responses, whole and streamed', async () => {
  const asked = { model, instructions: 'Be brief.', input: '안녕?', max_output_tokens: 12, temperature: 0 };
  const whole = await client.responses.create(asked);
  assert.ok(['completed', 'incomplete'].includes(whole.status));
  const types = [];
  let text = '';
  for await (const event of await client.responses.create({ ...asked, stream: true })) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, whole.output_text);
  assert.equal(types[0], 'response.created');
  assert.ok(['response.completed', 'response.incomplete'].includes(types.at(-1)));
  const helper = await client.responses.stream({ ...asked }).finalResponse();
  assert.equal(helper.output_text, text);
});

test('responses: tools and schema', async () => {
  const flat = [{ type: 'function', ...tools[0].function }];
  const first = await client.responses.create({ model, input: '날씨?', tools: flat, tool_choice: 'required', parallel_tool_calls: false, max_output_tokens: 100 });
  const call = first.output.find((item) => item.type === 'function_call');
  assert.equal(call.name, 'get_weather');
  const second = await client.responses.create({
    model, tools: flat, max_output_tokens: 8,
    input: [{ role: 'user', content: '날씨?' }, ...first.output, { type: 'function_call_output', call_id: call.call_id, output: '맑음' }],
  });
  assert.equal(second.object, 'response');
  const shaped = await client.responses.create({ model, input: '?', max_output_tokens: 100, text: { format: { type: 'json_schema', name: 'x', schema, strict: true } } });
  assert.equal(typeof JSON.parse(shaped.output_text).ok, 'boolean');
});

test('embeddings', async () => {
  const r = await client.embeddings.create({ model, input: ['하나', '둘', '하나'] });
  assert.equal(r.data.length, 3);
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  assert.ok(Math.abs(dot(r.data[0].embedding, r.data[0].embedding) - 1) < 1e-4, 'length 1');
  assert.ok(dot(r.data[0].embedding, r.data[2].embedding) > 0.9999);
  const floats = await client.embeddings.create({ model, input: '하나', encoding_format: 'float' });
  assert.ok(dot(floats.data[0].embedding, r.data[0].embedding) > 0.9999, 'base64 and float agree');
});

test('errors', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'other', messages }), (e) => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
  await assert.rejects(client.chat.completions.create({ model, messages, temperature: -1 }), (e) => e instanceof OpenAI.BadRequestError && e.param === 'temperature');
  await assert.rejects(client.chat.completions.create({ model, messages, tempature: 1 }), (e) => e.status === 400 && e.param === 'tempature');
  await assert.rejects(client.chat.completions.create({ model, messages: [{ role: 'user', content: '가'.repeat(50000) }] }), (e) => e.code === 'context_length_exceeded');
});

test('an abort ends the stream', async () => {
  const stream = await client.chat.completions.create({ model, messages, stream: true, max_tokens: 1500, logit_bias: { 2048: -100, 2051: -100 } });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) stream.controller.abort();
  }
});
