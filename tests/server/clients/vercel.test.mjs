// The Vercel `ai` SDK with its OpenAI-compatible provider, unchanged, against a running server (JAJU_URL).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const provider = createOpenAICompatible({
  name: 'jaju', baseURL: `${process.env.JAJU_URL}/v1`, includeUsage: true, supportsStructuredOutputs: true,
});
const model = provider(process.env.JAJU_MODEL);
const prompt = '안녕하세요?';
const common = { model, prompt, temperature: 0, maxOutputTokens: 12, maxRetries: 0 };

test('text, whole and streamed, say the same', async () => {
  const whole = await generateText(common);
  const streamed = streamText(common);
  let text = '';
  for await (const part of streamed.textStream) text += part;
  assert.equal(text, whole.text);
  assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);
});

test('tools: called, executed, answered', async () => {
  let asked = null;
  const result = await generateText({
    ...common, maxOutputTokens: 100,
    tools: { get_weather: tool({ description: 'x', inputSchema: z.object({ place: z.enum(['서울', '부산']) }), execute: async (input) => { asked = input.place; return '맑음'; } }) },
    toolChoice: { type: 'tool', toolName: 'get_weather' },
    stopWhen: stepCountIs(2),
  });
  assert.ok(['서울', '부산'].includes(asked));
  assert.ok(result.steps.length >= 1);
});

test('objects', async () => {
  const result = await generateText({ ...common, maxOutputTokens: 100, output: Output.object({ schema: z.object({ ok: z.boolean(), n: z.enum(['a', 'b']) }) }) });
  assert.equal(typeof result.output.ok, 'boolean');
});

test('embeddings', async () => {
  const { embeddings } = await embedMany({ model: provider.textEmbeddingModel(process.env.JAJU_MODEL), values: ['하나', '둘'] });
  assert.equal(embeddings.length, 2);
});

test('errors', async () => {
  await assert.rejects(generateText({ ...common, model: provider('other') }), (e) => e.statusCode === 404);
});
