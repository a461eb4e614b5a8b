import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { load, unload } from '../lib.mjs';

after(unload);
const { lex, toHtml } = await load('markdown/markdown.ts');
const { maskMath } = await load('markdown/math.ts');

/** The formulas of a text, display ones in brackets. */
function formulas(text) {
  return [...toHtml(lex(text)).matchAll(/<(?:span|div) class="(math[^"]*)">([^<]*)</g)].map(
    ([, kind, tex]) => {
      const plain = tex.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      return kind === 'math' ? plain : kind === 'math-open' ? `open:${plain}` : `[${plain}]`;
    },
  );
}

const CASES = {
  // formulas
  'Let $x$ be.': ['x'],
  '$x$는 수이고 $y$도 수이다.': ['x', 'y'],
  '변수$x$의 값': ['x'],
  $100$개: ['100'],
  '($a$, $b$)': ['a', 'b'],
  'so \\(a+b\\) and \\[c\\] too': ['a+b', '[c]'],
  'inline $$x^2$$ here': ['[x^2]'],
  '$$\nx = 1\n\n+ 2\n$$\n\nafter': ['[x = 1\n\n+ 2]'],
  '\\[\n\\frac{1}{2}\n\\]': ['[\\frac{1}{2}]'],
  'text\n$$\ny\n$$\nmore': ['[y]'],
  '- item $a$\n- item\n\n  $$\n  b\n  $$': ['a', '[b]'],
  '$a_1 * b_2$ and $c * d_3$': ['a_1 * b_2', 'c * d_3'],
  '**bold $a*b$ text**': ['a*b'],
  '$\\text{속도} \\times t$': ['\\text{속도} \\times t'],
  '$속도 = 거리/시간$이다': ['속도 = 거리/시간'],
  '$a < b$ and $c > d$': ['a < b', 'c > d'],
  '$x\\$y$': ['x\\$y'],
  '| a | b |\n|---|---|\n| $x$ | $y^2$ |': ['x', 'y^2'],
  '$\\left(\\begin{matrix} 1 & 2 \\\\ 3 & 4 \\end{matrix}\\right)$': [
    '\\left(\\begin{matrix} 1 & 2 \\\\ 3 & 4 \\end{matrix}\\right)',
  ],
  // money and other dollars
  'It costs $5 and $10.': [],
  'It costs $5, or ($10).': [],
  '$20-$30 a month': [],
  '가격은 $100이고 $200이다.': [],
  '$100에서 $200까지': [],
  '가격이 5$이고 10$이다': [],
  'US$5, then A$7': [],
  '환율은 $1 = 1,400원, $2는 2,800원': [],
  '\\$x\\$ is not': [],
  '`$x$` is code': [],
  '```\n$x$ and $$y$$\n```': [],
  'echo $HOME and $PATH': [],
  '$ x $ has spaces': [],
  'one $ alone': [],
  '$a\n\nb$ spans paragraphs': [],
  '[link](http://x.y/$a$)': [],
  // not closed yet
  '$$\n\\frac{1}{': ['open:\\frac{1}{'],
  'Half \\(a+': [],
};

for (const [text, expected] of Object.entries(CASES)) {
  test(JSON.stringify(text), () => assert.deepEqual(formulas(text), expected));
}

test('the mask keeps the length and hides the formula', () => {
  const text = 'a $b*c$ d \\(e_f\\) $5 * $6';
  assert.equal(maskMath(text).length, text.length);
  assert.equal(maskMath(text), 'a aaaaa d aaaaaaa $5 * $6');
  assert.equal(maskMath('`a $b` $c*d$'), '`a $b` aaaaa');
});

// No clock: where one of these took time by the square of its length, the time limit of the whole test would say so.
test('hostile text comes to an end', () => {
  for (const piece of ['\\(', '$', '$a', '$$', '\\[', '$$\n', '`$', '\\\\(', '$x ']) {
    assert.ok(toHtml(lex(piece.repeat(20_000))).length > 0);
  }
});
