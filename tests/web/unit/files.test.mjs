import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { load, unload } from '../lib.mjs';

after(unload);
const { decodeText, fenceFor, filesAsText, MAX_FILE_BYTES } = await load('files/attach.ts');
const { fileName } = await load('files/download.ts');
const { fromJson, toJson, toMarkdown } = await load('files/transfer.ts');
const { cleanSampling, readNumber, SAMPLING_RULES } = await load('state/sampling.ts');
const { cleanSettings } = await load('state/settings.ts');
const { MemoryStorage } = await load('state/storage.ts');

let next = 0;
const newId = () => `new${++next}`;

const WHOLE = {
  conversation: {
    id: 'c',
    title: '제목 <b>',
    created: 10,
    updated: 20,
    system: 'Be kind.',
    sampling: { temperature: 0.5 },
    think: false,
    chosen: { q: 'a1' },
  },
  messages: [
    {
      id: 'q',
      parent: null,
      role: 'user',
      content: '질문',
      created: 11,
      files: [{ name: 'f.txt', text: 'file' }],
    },
    {
      id: 'a1',
      parent: 'q',
      role: 'assistant',
      content: 'first',
      created: 12,
      state: 'done',
      reasoning: 'hm',
      reasoningMs: 5,
    },
    { id: 'a2', parent: 'q', role: 'assistant', content: 'second', created: 13, state: 'length' },
  ],
};

test('what was exported comes back, with ids of its own', () => {
  const [read] = fromJson(toJson([WHOLE]), newId);
  const { conversation, messages } = read;
  assert.notEqual(conversation.id, 'c');
  assert.deepEqual({ ...conversation, id: 'c', chosen: 0 }, { ...WHOLE.conversation, chosen: 0 });
  assert.deepEqual(
    messages.map((each) => each.content),
    ['질문', 'first', 'second'],
  );
  assert.equal(messages[1].parent, messages[0].id);
  assert.equal(conversation.chosen[messages[0].id], messages[1].id);
  assert.deepEqual(messages[0].files, WHOLE.messages[0].files);
  assert.deepEqual([messages[1].reasoning, messages[1].reasoningMs, messages[2].state], ['hm', 5, 'length']);
});

test('a file that is not an export is refused', () => {
  const all = (change) => {
    const top = JSON.parse(toJson([WHOLE]));
    change(top);
    return fromJson(JSON.stringify(top), newId);
  };
  assert.notEqual(
    all(() => {}),
    undefined,
  );
  assert.equal(fromJson('', newId), undefined);
  assert.equal(fromJson('[]', newId), undefined);
  assert.equal(
    all((top) => (top.version = 2)),
    undefined,
  );
  assert.equal(
    all((top) => (top.format = 'x')),
    undefined,
  );
  assert.equal(
    all((top) => (top.conversations = {})),
    undefined,
  );
  assert.equal(
    all((top) => (top.conversations[0].messages = null)),
    undefined,
  );
  assert.equal(
    all((top) => (top.conversations[0].messages[0].role = 'system')),
    undefined,
  );
  assert.equal(
    all((top) => (top.conversations[0].messages[0].parent = 'a1')),
    undefined,
  );
  assert.equal(
    all((top) => (top.conversations[0].messages[1].parent = 'gone')),
    undefined,
  );
  assert.equal(
    all((top) => (top.conversations[0].messages[2].id = 'a1')),
    undefined,
  );
});

test('odd fields of an import fall away', () => {
  const top = JSON.parse(toJson([WHOLE]));
  Object.assign(top.conversations[0], {
    sampling: { temperature: 99, top_k: 'x', seed: 5, other: 1 },
    updated: 'x',
    chosen: { q: 7, x: 'a1' },
  });
  Object.assign(top.conversations[0].messages[0], { content: 5, files: [3, { name: 1 }], created: -1 });
  top.conversations[0].messages[1].state = 'streaming';
  const [{ conversation, messages }] = fromJson(JSON.stringify(top), newId);
  assert.deepEqual(conversation.sampling, { seed: 5 });
  assert.deepEqual(conversation.chosen, {});
  assert.deepEqual([messages[0].content, messages[0].created, messages[1].state], ['', 0, 'done']);
  assert.deepEqual(messages[0].files, [{ name: '', text: '' }]);
});

test('Markdown holds the path the reader sees', () => {
  const text = toMarkdown(WHOLE, { you: '나', assistant: '답변' });
  assert.ok(
    text.startsWith('# 제목 <b>\n\n> Be kind.\n\n## 나\n\nf.txt\n```\nfile\n```\n\n질문\n\n## 답변\n\nfirst'),
  );
  assert.equal(text.includes('second'), false);
});

test('text files are read, others refused', () => {
  const utf8 = (text) => new TextEncoder().encode(text);
  assert.deepEqual(decodeText(utf8('안녕\r\n')), { text: '안녕\n' });
  assert.deepEqual(decodeText(utf8('\ufeffbom')), { text: 'bom' });
  assert.deepEqual(decodeText(Uint8Array.of(0xbe, 0xc8, 0xb3, 0xe7)), { text: '안녕' }); // EUC-KR
  assert.deepEqual(decodeText(Uint8Array.of(0xff, 0xfe, 0x48, 0xc5)), { text: '안' }); // UTF-16
  assert.deepEqual(decodeText(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0)), {
    refusal: 'binary',
  });
  assert.deepEqual(decodeText(Uint8Array.of(0x50, 0x4b, 3, 4, 0xff)), { refusal: 'binary' });
  assert.deepEqual(decodeText(utf8('a\0b')), { refusal: 'binary' });
  assert.deepEqual(decodeText(new Uint8Array()), { refusal: 'empty' });
  assert.deepEqual(decodeText(new Uint8Array(MAX_FILE_BYTES + 1).fill(97)), { refusal: 'too_large' });
});

test('a fence is longer than what it holds', () => {
  assert.equal(fenceFor('no'), '```');
  assert.equal(fenceFor('a ````` b'), '``````');
  assert.equal(filesAsText([], 'q'), 'q');
  assert.equal(filesAsText([{ name: 'n', text: 't\n' }], ''), 'n\n```\nt\n```');
});

test('file names keep letters of every script', () => {
  assert.equal(fileName('안녕, world! ../x', 'md'), '안녕-world-x.md');
  assert.equal(fileName('///', 'json'), 'chat.json');
});

test('numbers of the panel', () => {
  const rule = (field) => SAMPLING_RULES.find((each) => each.field === field);
  assert.equal(readNumber(rule('temperature'), ' 0.7 '), 0.7);
  assert.equal(readNumber(rule('temperature'), ''), undefined);
  for (const wrong of ['2.1', '-1', 'x', '1e1', '0x1', 'Infinity', '1 2', '١'])
    assert.equal(readNumber(rule('temperature'), wrong), null, wrong);
  assert.equal(readNumber(rule('top_k'), '1.5'), null);
  assert.equal(readNumber(rule('presence_penalty'), '-2'), -2);
  assert.deepEqual(cleanSampling({ temperature: NaN, top_p: 0.9, min_p: Infinity }), { top_p: 0.9 });
  assert.deepEqual(cleanSampling(null), {});
});

test('settings of a damaged store fall back one by one', () => {
  const clean = cleanSettings({ theme: 'pink', language: 'ko', apiKey: 5, think: false, sampling: [] });
  assert.deepEqual(
    [clean.theme, clean.language, clean.apiKey, clean.think, clean.sampling],
    ['system', 'ko', '', false, {}],
  );
  assert.equal('think' in cleanSettings({ think: 1 }), false);
  assert.equal(cleanSettings('x').theme, 'system');
});

test('the store without a database does what the other does', async () => {
  const storage = new MemoryStorage();
  await storage.put(WHOLE.conversation, WHOLE.messages);
  await storage.put({ ...WHOLE.conversation, title: 'new' }, [{ ...WHOLE.messages[0], content: 'Äpfel' }]);
  assert.equal((await storage.conversations())[0].title, 'new');
  assert.equal((await storage.messages('c')).length, 3);
  assert.deepEqual([...(await storage.search('äPFEL'))], ['c']);
  assert.deepEqual([...(await storage.search('F.TXT'))], ['c']);
  await storage.remove('c');
  assert.deepEqual(await storage.conversations(), []);
});
