import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { answerText, ask, begin, button, finished, pageTest } from './browser.mjs';

const titles = (page) => page.locator('.entry .open').allTextContents();

async function menu(page, entry, item) {
  await page.locator('.entry').nth(entry).hover();
  await page.locator('.entry').nth(entry).getByRole('button', { name: /^More/ }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

async function two(page) {
  await ask(page, 'about apples');
  await button(page, 'New chat').first().click();
  await ask(page, 'about 배');
}

/** A second page that shows the one conversation there is. */
async function openBeside(page) {
  const second = await page.context().newPage();
  await second.goto(page.url());
  await second.locator('.entry .open').click();
  await second.locator('.answer').waitFor();
  return second;
}

pageTest('conversations outlive the page', async (page) => {
  await two(page);
  await page.reload();
  await page.locator('.entry').first().waitFor();
  assert.deepEqual(await titles(page), ['about 배', 'about apples']);
  await page.locator('.entry .open').last().click();
  assert.match(await answerText(page), /about apples/);
  assert.equal(await page.locator('.stats').count(), 1);
});

pageTest('a chat is renamed', async (page) => {
  await two(page);
  await menu(page, 1, 'Rename');
  await page.fill('.rename', '사과 이야기');
  await page.press('.rename', 'Enter');
  await page.waitForFunction(() => document.activeElement === document.querySelectorAll('.entry .open')[1]);
  await menu(page, 0, 'Rename');
  await page.fill('.rename', 'not this');
  await page.press('.rename', 'Escape');
  await page.waitForFunction(() => document.activeElement === document.querySelector('.entry .open'));
  assert.deepEqual(await titles(page), ['about 배', '사과 이야기']);
  await page.reload();
  await page.locator('.entry').first().waitFor();
  assert.deepEqual(await titles(page), ['about 배', '사과 이야기']);
});

pageTest('a chat that is renamed out of a search leaves the focus at the search', async (page) => {
  await two(page);
  await menu(page, 1, 'Rename');
  await page.fill('.rename', '두루미');
  await page.press('.rename', 'Enter');
  await page.fill('#search', '두루미');
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 1);
  await menu(page, 0, 'Rename');
  await page.fill('.rename', '사과 이야기');
  await page.press('.rename', 'Enter');
  await page.getByText('Nothing found.').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'search');
});

pageTest('deleting can be undone until the note is gone', async (page) => {
  await two(page);
  await menu(page, 0, 'Delete');
  await page.locator('.empty').waitFor();
  assert.deepEqual(await titles(page), ['about apples']);
  await page.waitForFunction(() => document.activeElement.id === 'composer-input');
  await button(page, 'Undo').click();
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 2);
  assert.match(await answerText(page), /about 배/);
  await menu(page, 0, 'Delete');
  await button(page, 'Undo').waitFor();
  await page.reload();
  await page.locator('.entry').first().waitFor();
  assert.deepEqual(await titles(page), ['about apples']);
});

pageTest('deleting another chat leaves the focus at its neighbour', async (page) => {
  await two(page);
  await menu(page, 1, 'Delete');
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 1);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'about 배');
  assert.match(await answerText(page), /about 배/);
});

pageTest('search looks into titles and messages', async (page) => {
  await two(page);
  await ask(page, 'a word only here: 두루미');
  await page.fill('#search', 'APPLES');
  assert.deepEqual(await titles(page), ['about apples']);
  await page.fill('#search', '두루미');
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 1);
  assert.deepEqual(await titles(page), ['about 배']);
  await page.fill('#search', 'nothing like it');
  await page.getByText('Nothing found.').waitFor();
});

pageTest('an export comes back as the same conversation', async (page) => {
  await ask(page, 'hello <b>&amp;');
  await button(page, 'Answer again').click();
  await page.locator('.versions').waitFor();
  await finished(page);
  const download = page.waitForEvent('download');
  await menu(page, 0, 'Export as JSON');
  const file = await download;
  assert.equal(file.suggestedFilename(), 'hello-b-amp.json');
  const path = await file.path();
  const exported = JSON.parse(await readFile(path, 'utf8'));
  assert.equal(exported.conversations[0].messages.length, 3);
  await menu(page, 0, 'Delete');
  await button(page, 'Settings').first().click();
  await page.setInputFiles('.import-picker', {
    name: 'export.json',
    mimeType: 'application/json',
    buffer: await readFile(path),
  });
  await page.getByText('Imported 1 conversation.').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.entry .open').click();
  assert.match(await answerText(page), /^Answer 2/);
  assert.equal(await page.locator('.versions').getAttribute('aria-label'), 'Version 2 of 2');
});

pageTest('an import that is none is refused in a sentence', async (page) => {
  await button(page, 'Settings').first().click();
  await page.setInputFiles('.import-picker', {
    name: 'x.json',
    mimeType: 'application/json',
    buffer: Buffer.from('{"format":"jaju-chat","version":1,"conversations":[{}]}'),
  });
  await page.getByText('x.json is not an export of this page.').waitFor();
  assert.equal(await page.locator('.entry').count(), 0);
});

pageTest('Markdown export holds the questions and answers', async (page) => {
  await ask(page, 'hello');
  const download = page.waitForEvent('download');
  await menu(page, 0, 'Export as Markdown');
  const file = await download;
  assert.equal(file.suggestedFilename(), 'hello.md');
  assert.match(
    await readFile(await file.path(), 'utf8'),
    /^# hello\n\n## You\n\nhello\n\n## Answer\n\nAnswer 1/,
  );
});

pageTest('everything can be deleted, after a question', { dialogs: true }, async (page) => {
  await two(page);
  page.on('dialog', (dialog) => dialog.accept());
  await button(page, 'Settings').first().click();
  await button(page, 'Delete all conversations').click();
  await page.waitForFunction(() => document.querySelectorAll('.entry').length === 0);
  await page.reload();
  await page.locator('.empty').waitFor();
  assert.equal(await page.locator('.entry').count(), 0);
});

pageTest('a page that goes away in the middle keeps what came', async (page) => {
  await begin(page, 'slow');
  const kept = () =>
    page.evaluate(async () => {
      const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      const db = await done(indexedDB.open('jaju'));
      const rows = await done(db.transaction('messages').objectStore('messages').getAll());
      db.close();
      return rows.some((row) => row.role === 'assistant' && row.content.includes('word20 '));
    });
  while (!(await kept())) await page.waitForTimeout(100);
  await page.reload();
  await page.locator('.entry .open').click();
  assert.match(await answerText(page), /^word0 word1/);
  assert.match(await page.locator('.failure').innerText(), /cut off/);
});

pageTest('two pages share the list', async (page) => {
  const second = await page.context().newPage();
  await second.goto(page.url());
  await second.locator('.empty').waitFor();
  await ask(page, 'from the first page');
  await second.locator('.entry').first().waitFor();
  assert.deepEqual(await titles(second), ['from the first page']);
});

pageTest('two pages with the same conversation go on where the other is', async (page) => {
  await ask(page, 'the first question');
  const second = await openBeside(page);
  await ask(page, 'asked on the first page');
  await second.waitForFunction(() => document.querySelectorAll('.message.answer').length === 2);
  await ask(second, 'asked on the second page');
  await page.waitForFunction(() => document.querySelectorAll('.message.answer').length === 3);
  assert.equal(await page.locator('.versions').count(), 0); // one thread, no branches
  assert.match(await answerText(page), /asked on the second page/);
  await menu(second, 0, 'Rename');
  await second.fill('.rename', 'renamed there');
  await second.press('.rename', 'Enter');
  await page.waitForFunction(() => document.querySelector('.entry .open').textContent === 'renamed there');
  await ask(page, 'and on');
  assert.deepEqual(await titles(second), ['renamed there']);
});

pageTest('an answer that comes is left alone by other pages', async (page) => {
  await ask(page, 'the first question');
  const second = await openBeside(page);
  await begin(page, 'slow');
  await second.waitForFunction(() => document.querySelectorAll('.message.question').length === 2);
  await menu(second, 0, 'Rename'); // saved while the other page is being answered
  await second.fill('.rename', 'meanwhile');
  await second.press('.rename', 'Enter');
  await page.waitForFunction(() => document.querySelector('.entry .open').textContent === 'meanwhile');
  assert.equal(await page.locator('.message.live').count(), 1);
  assert.equal(await second.locator('.message.answer').count(), 1);
  await button(page, 'Stop').click();
  await finished(page);
  await second.waitForFunction(() => document.querySelectorAll('.message.answer').length === 2);
  assert.equal(await second.locator('.failure').count(), 0);
  assert.equal(await answerText(second), await answerText(page));
  assert.deepEqual(await titles(page), ['meanwhile']);
});

pageTest('a conversation that another page deletes is left, and undone it is whole', async (page) => {
  await ask(page, 'to be deleted');
  const second = await openBeside(page);
  await menu(page, 0, 'Delete');
  await second.locator('.empty').waitFor();
  assert.equal(await second.locator('.entry').count(), 0);
  await button(page, 'Undo').click();
  await second.locator('.entry .open').click();
  await second.locator('.answer').waitFor();
  assert.match(await answerText(second), /to be deleted/);
});

pageTest('what was typed into a new chat is there when one comes back to it', async (page) => {
  await ask(page, 'an older chat');
  await button(page, 'New chat').first().click();
  await page.locator('#composer-input').fill('a long question, half written');
  await page.locator('.entry .open', { hasText: 'an older chat' }).click();
  await page.locator('.answer').waitFor();
  assert.equal(await page.locator('#composer-input').inputValue(), '');
  await button(page, 'New chat').first().click();
  await page.locator('.empty').waitFor();
  assert.equal(await page.locator('#composer-input').inputValue(), 'a long question, half written');
  await button(page, 'New chat').first().click(); // it is one already
  assert.equal(await page.locator('#composer-input').inputValue(), 'a long question, half written');
});

pageTest('one Hangul syllable is a word to search for, and Escape clears the search alone', async (page, mock) => {
  mock.replies.set('book', '책 한 권입니다');
  await ask(page, 'book');
  await page.locator('#search').fill('책');
  await page.locator('.entry').waitFor();
  assert.equal(await page.locator('.entry').count(), 1);
  await page.locator('#search').press('Escape');
  assert.equal(await page.locator('#search').inputValue(), '');
});
