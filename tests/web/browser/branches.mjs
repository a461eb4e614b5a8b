import assert from 'node:assert/strict';
import { answerText, ask, begin, button, finished, pageTest } from './browser.mjs';

const versions = (page, of) => page.locator(`.message.${of} .versions`).last().getAttribute('aria-label');

pageTest('another answer stands beside the first', async (page) => {
  await ask(page, 'hello');
  await button(page, 'Answer again').click();
  await page.locator('.versions').waitFor();
  await finished(page);
  assert.match(await answerText(page), /^Answer 2/);
  assert.equal(await versions(page, 'answer'), 'Version 2 of 2');
  await button(page, 'Previous version').click();
  assert.match(await answerText(page), /^Answer 1/);
  assert.equal(await button(page, 'Previous version').isDisabled(), true);
  // The focus stays with the arrows, though the version they stand below is another.
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  await page.waitForFunction(() => document.activeElement.closest('.versions') !== null);
  assert.equal(await focused(), 'Next version');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Previous version');
  assert.match(await answerText(page), /^Answer 2/);
});

pageTest('an edited question begins a branch, and each branch keeps what followed', async (page, mock) => {
  await ask(page, 'first');
  await ask(page, 'second');
  await page.locator('.message.question').first().hover();
  await page.locator('.message.question').first().getByRole('button', { name: 'Edit' }).click();
  assert.equal(await page.inputValue('.editor textarea'), 'first');
  await page.fill('.editor textarea', 'other');
  await page.press('.editor textarea', 'Enter');
  await page.waitForFunction(() => document.querySelectorAll('.message').length === 2);
  await finished(page);
  assert.deepEqual(
    mock.requests.at(-1).messages.map((message) => message.content),
    ['other'],
  );
  assert.equal(await versions(page, 'question'), 'Version 2 of 2');
  await button(page, 'Previous version').click();
  assert.equal(await page.locator('.message').count(), 4);
  assert.match(await answerText(page), /second/);
  await page.reload();
  await page.locator('.entry .open').click();
  await page.waitForFunction(() => document.querySelectorAll('.message').length === 4);
  await button(page, 'Next version').click();
  assert.match(await answerText(page), /other/);
});

pageTest('Escape leaves the editor as it was', async (page, mock) => {
  await ask(page, 'first');
  await page.press('#composer-input', 'ArrowUp');
  await page.fill('.editor textarea', 'other');
  await page.press('.editor textarea', 'Escape');
  assert.equal(await page.locator('.editor').count(), 0);
  assert.equal(await page.locator('.bubble').innerText(), 'first');
  assert.equal(mock.requests.length, 1);
});

pageTest('nothing branches while an answer comes', async (page) => {
  await ask(page, 'first');
  await begin(page, 'slow');
  await page.locator('.message.live').waitFor();
  assert.equal(
    await page.locator('.message.question').first().getByRole('button', { name: 'Edit' }).isDisabled(),
    true,
  );
  await page.keyboard.press('Escape');
  await finished(page);
});
