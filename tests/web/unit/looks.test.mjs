// Colours a reader can read, and words in the right language.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { load, unload, web } from '../lib.mjs';

after(unload);
const { en } = await load('i18n/en.ts');
const { ko } = await load('i18n/ko.ts');

const css = readFileSync(join(web, 'src/style/tokens.css'), 'utf8');
const blocks = [...css.matchAll(/:root[^{]*\{([^}]*)\}/g)].map(([, body]) => body);
const colors = (body) =>
  Object.fromEntries(
    [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
const THEMES = { light: colors(blocks[0]), dark: colors(blocks[1]) };

// Relative luminance and contrast as WCAG 2.2 defines them.
function luminance(color) {
  const [r, g, b] = [1, 3, 5]
    .map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a, b) {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const PAIRS = [
  ...['ink', 'ink-2', 'accent', 'bad'].flatMap((text) =>
    ['paper', 'paper-2', 'paper-3'].map((paper) => [text, paper]),
  ),
  ['accent', 'accent-soft'],
  ['accent-ink', 'accent'],
  ['ink', 'accent-soft'],
  ['ink', 'bad-soft'],
  ['bad', 'bad-soft'],
  ['paper', 'ink'],
  ...['keyword', 'string', 'number', 'name', 'type'].map((kind) => [`code-${kind}`, 'paper-2']),
  ['ink-3', 'paper'],
];

for (const [theme, palette] of Object.entries(THEMES)) {
  test(`the ${theme} theme has contrast`, () => {
    for (const [text, paper] of PAIRS) {
      const ratio = contrast(palette[text], palette[paper]);
      assert.ok(ratio >= 4.5, `${text} on ${paper}: ${ratio.toFixed(2)}`);
    }
  });
}

test('a dark system and the dark switch look the same', () =>
  assert.deepEqual(colors(blocks[2]), THEMES.dark));

function leaves(value, path = '') {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value === 'function')
    return [
      [path, String(value.length === 0 ? value() : value('x', value.length === 2 ? 'binary' : 1, true))],
    ];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, `${path}/${key}`));
}

test('English is English and Korean is Korean', () => {
  const hangul = /[가-힣]/;
  const english = leaves({ ...en, errors: 0 });
  const korean = new Map(leaves({ ...ko, errors: 0 }));
  for (const [path, text] of english) {
    assert.doesNotMatch(text, hangul, path);
    assert.ok(korean.get(path)?.length > 0, `${path} is missing in Korean`);
  }
  for (const [path, text] of korean) {
    if (!/locale|\/version|fieldNames\/(top|min)_/.test(path)) assert.match(text, hangul, `${path}: ${text}`);
  }
});

test('every failure and every refusal has its sentence in both', () => {
  for (const kind of [
    'network',
    'unauthorized',
    'rejected',
    'too_large',
    'busy',
    'server',
    'cut',
    'not_understood',
  ]) {
    for (const { errors } of [en, ko]) {
      const text = errors.sentence({ kind, detail: 'DETAIL', status: 418, retryAfterSeconds: 3 });
      assert.match(text, /[.!]|\.$/);
      assert.doesNotMatch(text, /undefined|null/);
      if (!['network', 'cut'].includes(kind)) assert.ok(text.includes('DETAIL'), kind);
    }
  }
  for (const refusal of ['too_large', 'total_too_large', 'binary', 'empty', 'unreadable']) {
    for (const { errors } of [en, ko]) assert.ok(errors.file('a.bin', refusal).includes('a.bin'));
  }
});
