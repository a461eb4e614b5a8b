import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { dice, load, unload } from '../lib.mjs';

after(unload);
const { IncrementalMarkdown } = await load('markdown/incremental.ts');
const { lex, toHtml } = await load('markdown/markdown.ts');

const TEXT = `# 제목

첫 문단은 **굵은 글씨**와 $x^2$를 담고 있습니다.
이어지는 줄 [링크][ref].

- one
- two with \`code\`

  a paragraph in the item

3. three
4. four

> quote
> more

| a | b |
|---|--:|
| 1 | $y$ |

$$
\\int_0^1 x\\,dx

= \\frac12
$$

\`\`\`python
def f():

    return "$$"
\`\`\`

Setext
======

last words<br>and <script>alert(1)</script>

[ref]: https://example.com/ref

the end
`;

const whole = (text) => toHtml(lex(text).filter((token) => token.type !== 'space'));
const joined = (blocks) => blocks.map((block) => block.html).join('');

test('however the text grows, the end is the same', () => {
  const roll = dice(7);
  for (let round = 0; round < 60; ++round) {
    const markdown = new IncrementalMarkdown((html) => html);
    for (let at = 0; at < TEXT.length; at += 1 + roll(round < 3 ? 1 : 40))
      markdown.update(TEXT.slice(0, at), false);
    assert.equal(joined(markdown.update(TEXT, true)), whole(TEXT));
  }
});

test('blocks that are settled stay the same objects, and only the tail is read', () => {
  let sanitized = 0;
  const markdown = new IncrementalMarkdown((html) => (++sanitized, html));
  const paragraph = (i) => `Paragraph ${i} with some words.\n\n`;
  let text = '';
  let before = [];
  for (let i = 0; i < 500; ++i) {
    text += paragraph(i);
    const blocks = markdown.update(text, false);
    assert.equal(blocks.length, i + 1);
    for (let j = 0; j < before.length; ++j) assert.equal(blocks[j], before[j]);
    before = blocks;
  }
  assert.equal(sanitized, 500);
});

test('a text that is another one starts anew', () => {
  const markdown = new IncrementalMarkdown((html) => html);
  markdown.update('a\n\nb\n\nc', false);
  assert.equal(joined(markdown.update('x\n\ny', true)), whole('x\n\ny'));
});

test('CR and CRLF end lines too', () => {
  const markdown = new IncrementalMarkdown((html) => html);
  assert.equal(joined(markdown.update('a\r\n\r\n- b\r- c', true)), whole('a\n\n- b\n- c'));
});

test('HTML of the author is text, save for harmless tags', () => {
  const html = whole(
    'a <b onclick="x">b</b> <br> H<sub>2</sub>O <img src=x onerror=y>\n\n<div style="x">block</div>\n\n<!-- c -->',
  );
  assert.ok(html.includes('<br>') && html.includes('<sub>2</sub>'));
  assert.doesNotMatch(html, /<(?!\/?(?:p|br|sub)\b)/);
});

test('images become links, and odd languages of code do no harm', () => {
  assert.equal(whole('![a *b*](https://x.y/z.png)'), '<p><a href="https://x.y/z.png">a b</a></p>\n');
  assert.doesNotMatch(whole('![<img src=x onerror=y>](https://x.y/z.png)'), /<img/);
  assert.ok(whole('```"><img src=x>\ncode\n```').startsWith('<pre><code>'));
  assert.ok(whole('```C++ title\ncode\n```').startsWith('<pre><code class="language-c++">'));
});
