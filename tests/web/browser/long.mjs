// Long texts and long conversations. No clock decides: what is counted is how much of the page is built again.
import assert from 'node:assert/strict';
import { ask, begin, button, finished, pageTest } from './browser.mjs';

pageTest('a long stream builds each block a few times, not once for every piece', async (page) => {
  await page.evaluate(() => {
    window.built = 0;
    new MutationObserver((records) => {
      for (const record of records) {
        for (const node of record.addedNodes) if (node.nodeName === 'P') ++window.built;
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
  await ask(page, 'long 400');
  assert.equal(await page.locator('.answer .markdown p').count(), 400);
  const built = await page.evaluate(() => window.built);
  // The blocks once more at the end, when the answer is no longer live; far from 400 * 400 / 2.
  assert.ok(built < 3000, `${built} paragraphs were built`);
});

pageTest('the page stays at the end while it grows, and lets go when the reader scrolls up', async (page) => {
  await begin(page, 'slow');
  await page.waitForFunction(
    () =>
      document.querySelector('.thread').scrollHeight > document.querySelector('.thread').clientHeight + 100,
  );
  const fromEnd = () =>
    page.evaluate(() => {
      const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.thread');
      return scrollHeight - scrollTop - clientHeight;
    });
  assert.ok((await fromEnd()) < 60);
  await page.mouse.move(700, 300);
  await page.mouse.wheel(0, -3000);
  await page.waitForFunction(() => document.querySelector('.thread').scrollTop === 0);
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => document.querySelector('.thread').scrollTop), 0);
  await button(page, 'Jump to the newest').click();
  assert.ok((await fromEnd()) < 60);
  await page.keyboard.press('Escape');
  await finished(page);
});

pageTest('what the reader unfolds stays where it is', async (page, mock) => {
  mock.replies.set('fill', 'a paragraph\n\n'.repeat(30));
  await ask(page, 'fill');
  await ask(page, 'a line\n'.repeat(60));
  const place = () =>
    page.locator('.unclip').evaluate((element) => element.previousElementSibling.getBoundingClientRect().top);
  const before = await place();
  await button(page, 'Show all').click();
  await page.waitForTimeout(300);
  assert.ok(Math.abs((await place()) - before) < 2);
});

function thousand() {
  const messages = [];
  for (let i = 0; i < 500; ++i) {
    messages.push({
      id: `q${i}`,
      parent: i === 0 ? null : `a${i - 1}`,
      role: 'user',
      content: `question ${i}`,
      created: 2 * i + 1,
    });
    messages.push({
      id: `a${i}`,
      parent: `q${i}`,
      role: 'assistant',
      content: `answer **${i}** with $x_{${i}}$ and \`code\`\n\n- a\n- b`,
      created: 2 * i + 2,
      state: 'done',
    });
  }
  const conversation = {
    id: 'c',
    title: 'a thousand',
    created: 1,
    updated: 1,
    system: '',
    sampling: {},
    think: false,
    chosen: {},
    messages,
  };
  return JSON.stringify({ format: 'jaju-chat', version: 1, conversations: [conversation] });
}

pageTest('a conversation of a thousand messages opens at its end and grows upwards', async (page, mock) => {
  await button(page, 'Settings').first().click();
  await page.setInputFiles('.import-picker', {
    name: 'thousand.json',
    mimeType: 'application/json',
    buffer: Buffer.from(thousand()),
  });
  await page.getByText('Imported 1 conversation.').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.entry .open').click();
  await page.getByText('question 499').waitFor();
  const count = await page.locator('.message').count();
  assert.ok(count <= 120, `${count} messages are built at once`);
  await page.evaluate(() => (document.querySelector('.thread').scrollTop = 0));
  await page.waitForFunction((before) => document.querySelectorAll('.message').length > before, count);
  await ask(page, 'question 500');
  assert.equal(mock.requests.at(-1).messages.length, 1001);
  assert.equal(mock.requests.at(-1).messages[0].content, 'question 0');
});
