import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { dice, load, unload } from '../lib.mjs';

after(unload);
const { SseParser } = await load('api/sse.ts');
const bytes = (text) => new TextEncoder().encode(text);

const STREAM = [
  '\ufeff: keep-alive\n\n',
  'data: {"a":"안녕 👋🏽"}\n\n',
  'data:no space\r\n\r\n',
  'event: ping\rdata: one\rdata: two\r\r',
  'data\n\n',
  'id: 7\nretry: 10\ndata:  two spaces\n\n',
  ': comment\ndata: after a comment\n\n',
  'event: nothing\n\n',
  'data: [DONE]\n\n',
].join('');

const EXPECTED = [
  { event: 'message', data: '{"a":"안녕 👋🏽"}' },
  { event: 'message', data: 'no space' },
  { event: 'ping', data: 'one\ntwo' },
  { event: 'message', data: '' },
  { event: 'message', data: ' two spaces' },
  { event: 'message', data: 'after a comment' },
  { event: 'message', data: '[DONE]' },
];

function parse(parts) {
  const parser = new SseParser();
  const events = parts.flatMap((part) => parser.push(part));
  assert.equal(parser.unfinished, false);
  return events;
}

test('reads what the standard says', () => assert.deepEqual(parse([bytes(STREAM)]), EXPECTED));

test('every cut in two gives the same events', () => {
  const all = bytes(STREAM);
  for (let at = 0; at <= all.length; ++at)
    assert.deepEqual(parse([all.slice(0, at), all.slice(at)]), EXPECTED, `cut at byte ${at}`);
});

test('byte by byte, and in random pieces, gives the same events', () => {
  const all = bytes(STREAM);
  assert.deepEqual(parse([...all].map((byte) => Uint8Array.of(byte))), EXPECTED);
  const roll = dice(1);
  for (let round = 0; round < 300; ++round) {
    const parts = [];
    for (let at = 0; at < all.length;) {
      const length = roll(9);
      parts.push(all.slice(at, at + length));
      at += length;
    }
    assert.deepEqual(parse(parts), EXPECTED);
  }
});

test('an event that was not ended is not an event', () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push(bytes('data: half')), []);
  assert.equal(parser.unfinished, true);
  assert.deepEqual(parser.push(bytes('\n')), []);
  assert.equal(parser.unfinished, true);
  assert.deepEqual(parser.push(bytes('\n')), [{ event: 'message', data: 'half' }]);
});
