import assert from 'node:assert/strict';
import { answerText, ask, begin, finished, pageTest } from './browser.mjs';

const focused = (page) => page.evaluate(() => document.activeElement.id);

pageTest(
  'everything has a key',
  { permissions: ['clipboard-read', 'clipboard-write'] },
  async (page, mock) => {
    assert.equal(await focused(page), 'composer-input');
    await ask(page, 'hello');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('r');
    await page.locator('.versions').waitFor();
    await finished(page);
    assert.match(await answerText(page), /^Answer 2/);
    await page.keyboard.press('[');
    assert.match(await answerText(page), /^Answer 1/);
    await page.keyboard.press(']');
    assert.match(await answerText(page), /^Answer 2/);
    await page.keyboard.press('c');
    await page.getByText('Copied').waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^Answer 2/);
    await page.keyboard.press('t');
    assert.equal(await page.locator('.think-switch').getAttribute('aria-pressed'), 'false');
    await page.keyboard.press('e');
    await page.locator('.editor textarea').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await focused(page), 'composer-input');
    await page.keyboard.press('Control+k');
    await page.waitForFunction(() => document.activeElement.id === 'search');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'open');
    await page.keyboard.press('Control+b');
    assert.equal(await page.locator('.sidebar').isVisible(), false);
    await page.keyboard.press('Control+b');
    await page.keyboard.press('Control+Shift+O');
    await page.locator('.empty').waitFor();
    assert.equal(await focused(page), 'composer-input');
    assert.equal(mock.requests.length, 2);
  },
);

pageTest('Escape stops the answer', async (page) => {
  await begin(page, 'slow');
  await page.locator('.live .markdown').waitFor();
  await page.keyboard.press('Escape');
  await finished(page);
  assert.equal(await page.locator('.note').count(), 1);
});

pageTest('? shows every shortcut, Escape closes it and gives the focus back', async (page) => {
  await page.keyboard.type('what?');
  assert.equal(await page.inputValue('#composer-input'), 'what?');
  await page.evaluate(() => document.querySelector('.header .icon-button').focus());
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  assert.equal(await page.locator('.keys > div').count(), 15);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog'));
  assert.equal(await page.evaluate(() => document.activeElement.className.trim()), 'icon-button');
});

pageTest('letters go by their place, so a Hangul layout works, and can be switched off', async (page) => {
  const ㅅ = () =>
    page.evaluate(() => {
      document.activeElement.blur();
      document.body.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'ㅅ', code: 'KeyT', bubbles: true, cancelable: true }),
      );
    });
  const think = () => page.locator('.think-switch').getAttribute('aria-pressed');
  await ㅅ();
  assert.equal(await think(), 'false');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(',');
  await page.getByLabel('Shortcuts of one letter').uncheck();
  await page.keyboard.press('Escape');
  await ㅅ();
  assert.equal(await think(), 'false');
});

pageTest('names, roles and states are there for a screen reader', async (page) => {
  await ask(page, 'echo # Title\n\n$x$');
  await page.locator('.answer .katex').waitFor();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, textarea, select')]
      .filter((element) => !element.closest('.markdown') && element.type !== 'file')
      .filter(
        (element) =>
          !(element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.length),
      )
      .map((element) => element.outerHTML),
  );
  assert.deepEqual(nameless, []);
  for (const role of ['navigation', 'main']) assert.equal(await page.getByRole(role).count(), 1, role);
  assert.equal(await page.getByRole('article').count(), 2);
  assert.equal(await page.locator('[role=status]').last().innerText(), 'The answer is complete.');
  assert.equal(await page.locator('.answer math').count(), 1);
  await page.keyboard.press('Tab');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none');
});
