import assert from 'node:assert/strict';
import { answerText, ask, begin, button, finished, pageTest } from './browser.mjs';

pageTest('a question streams an answer with its figures', { mock: { pause: 40 } }, async (page, mock) => {
  mock.replies.set('stream', 'one two three four five six seven eight nine ten');
  await begin(page, 'stream');
  await page.locator('.message.live .thinking').waitFor();
  assert.match(await page.locator('.live .fold').innerText(), /^Thinking/);
  await page.waitForFunction(() =>
    /one two/.test(document.querySelector('.live .markdown')?.textContent ?? ''),
  );
  assert.match(await page.locator('.live .stats').innerText(), /tok\/s.*tokens/s);
  await finished(page);
  assert.equal(await answerText(page), 'one two three four five six seven eight nine ten');
  const stats = await page.locator('.answer .stats').innerText();
  assert.match(stats, /21\.4 tok\/s/);
  assert.match(stats, /57 tokens \(20 of them thinking\)/);
  assert.match(stats, /prompt \d+ \(0 cached\)/);
  await page.locator('.answer .stats summary').click();
  assert.match(
    await page.locator('.answer .stats p').innerText(),
    /prompt read at 813 tok\/s.*cache: the first turn.*axk1-nano/s,
  );
  await ask(page, 'again');
  assert.match(await page.locator('.answer .stats').last().innerText(), /prompt \d+ \([1-9]\d* cached\)/);
});

pageTest('the request holds the whole path', async (page, mock) => {
  await ask(page, 'first');
  await ask(page, 'second');
  const body = mock.requests.at(-1);
  assert.deepEqual(
    body.messages.map((message) => message.role),
    ['user', 'assistant', 'user'],
  );
  assert.equal(body.messages[2].content, 'second');
  assert.equal(body.stream, true);
  assert.equal(body.stream_options.include_usage, true);
  assert.equal(body.model, 'axk1-nano');
});

pageTest('thinking is folded, shows its time, and opens', { mock: { pause: 10 } }, async (page) => {
  await ask(page, 'hello');
  const fold = page.locator('.thinking .fold');
  assert.match(await fold.innerText(), /^Thought (for \d|briefly)/);
  assert.equal(await fold.getAttribute('aria-expanded'), 'false');
  assert.equal(await page.locator('.thinking .markdown').count(), 0);
  await fold.click();
  assert.match(await page.locator('.thinking .markdown').innerText(), /step by step/);
});

pageTest(
  'thinking that was opened stays open, and a finished answer keeps its elements',
  { mock: { pause: 60 } },
  async (page, mock) => {
    mock.replies.set('stay', `first paragraph\n\nsecond paragraph\n\n${'third '.repeat(20)}`);
    await begin(page, 'stay');
    await page.locator('.live .fold').click();
    await page.locator('.live > .markdown p', { hasText: 'second' }).waitFor();
    await page.evaluate(() => (document.querySelector('.answer > .markdown p').dataset.mark = 'same'));
    await finished(page);
    assert.equal(await page.locator('.thinking .markdown').count(), 1);
    assert.equal(await page.locator('.answer > .markdown p').first().getAttribute('data-mark'), 'same');
  },
);

pageTest('the switch turns thinking off', async (page, mock) => {
  await button(page, 'Think').click();
  await ask(page, 'hello');
  assert.equal(mock.requests.at(-1).chat_template_kwargs.enable_thinking, false);
  assert.equal(await page.locator('.thinking').count(), 0);
});

pageTest('stop ends the answer, keeps what came, and tells the server', async (page, mock) => {
  await begin(page, 'slow');
  await page.waitForFunction(() =>
    /word5 /.test(document.querySelector('.live .markdown')?.textContent ?? ''),
  );
  await button(page, 'Stop').click();
  await finished(page);
  assert.match(await page.locator('.answer .note').innerText(), /Stopped/);
  assert.match(await answerText(page), /^word0 word1/);
  for (let i = 0; i < 100 && mock.stopped === 0; ++i) await page.waitForTimeout(20);
  assert.equal(mock.stopped, 1);
});

pageTest('the answer goes on while another chat is open', { mock: { pause: 20 } }, async (page, mock) => {
  mock.replies.set('background', `${'word '.repeat(200)}finished in the background`);
  await begin(page, 'background');
  await page.locator('.message.live').waitFor();
  await button(page, 'New chat').first().click();
  await page.locator('.empty').waitFor();
  await page.locator('.entry .running').waitFor();
  await page.waitForFunction(() => !document.querySelector('.entry .running'));
  await page.locator('.entry .open').click();
  assert.match(await answerText(page), /word word finished in the background$/);
});

pageTest('tool calls are shown, folded', async (page) => {
  await ask(page, 'tools');
  const calls = page.locator('.tool-call');
  assert.equal(await calls.count(), 2);
  assert.match(await calls.first().innerText(), /get_weather/);
  await calls.first().locator('summary').click();
  assert.match(await calls.first().locator('pre').innerText(), /"city": "서울"/);
});

pageTest(
  'while the server reads a long prompt the page says how far it is',
  { mock: { pause: 25 } },
  async (page) => {
    await begin(page, 'read');
    await page.getByText('Reading the prompt, 25 %').waitFor();
    await finished(page);
    assert.match(await answerText(page), /^Answer 1/);
  },
);

pageTest('an answer without words says so', async (page, mock) => {
  mock.replies.set('nothing', '');
  await ask(page, 'nothing');
  assert.match(await page.locator('.note').innerText(), /ended without an answer/);
});

pageTest('an answer that met the token limit says so', async (page) => {
  await ask(page, 'length');
  assert.match(await page.locator('.note').innerText(), /token limit/);
});

pageTest('Enter in the middle of a Hangul syllable does not send', async (page, mock) => {
  await page.fill('#composer-input', '안녕');
  await page.evaluate(() => {
    const area = document.querySelector('#composer-input');
    area.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }),
    );
    area.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Process', keyCode: 229, bubbles: true, cancelable: true }),
    );
  });
  await page.press('#composer-input', 'Shift+Enter');
  assert.equal(mock.requests.length, 0);
  assert.equal(await page.inputValue('#composer-input'), '안녕\n');
  await page.press('#composer-input', 'Enter');
  await finished(page);
  assert.equal(mock.requests.length, 1);
});

pageTest(
  'copying gives the Markdown of the answer, and the bare code',
  { permissions: ['clipboard-read', 'clipboard-write'] },
  async (page) => {
    await ask(page, 'echo **bold**\n\n```js\nlet a = 1;\n```');
    await page.locator('.answer').getByRole('button', { name: 'Copy', exact: true }).last().click();
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      '**bold**\n\n```js\nlet a = 1;\n```',
    );
    await page.locator('.copy-code').click();
    await page.locator('.copy-code', { hasText: 'Copied' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'let a = 1;');
  },
);

pageTest('a long question is cut, and opens', async (page) => {
  await ask(page, 'a line\n'.repeat(60));
  const height = () => page.locator('.bubble').evaluate((bubble) => bubble.clientHeight);
  const cut = await height();
  await button(page, 'Show all').click();
  assert.ok((await height()) > 3 * cut);
  await button(page, 'Show less').click();
  assert.equal(await height(), cut);
});

pageTest('an example of the empty page fills the message', async (page) => {
  await page.locator('.examples button').first().click();
  assert.notEqual(await page.inputValue('#composer-input'), '');
});

pageTest('a double click on Send sends, and does not stop', { mock: { pause: 30 } }, async (page, mock) => {
  mock.replies.set('twice', 'one two three');
  await page.locator('#composer-input').fill('twice');
  await button(page, 'Send').dblclick();
  await finished(page);
  assert.equal(await answerText(page), 'one two three');
});
