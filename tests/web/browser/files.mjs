import assert from 'node:assert/strict';
import { ask, button, pageTest } from './browser.mjs';

/** Drops files on the page, as the browser does. */
async function drop(page, files) {
  await page.evaluate(
    (list) => {
      const data = new DataTransfer();
      for (const { name, bytes } of list) data.items.add(new File([new Uint8Array(bytes)], name));
      for (const type of ['dragenter', 'dragover', 'drop']) {
        document
          .querySelector('.thread')
          .dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      }
    },
    files.map(({ name, bytes }) => ({ name, bytes: [...bytes] })),
  );
}

pageTest('a dropped text file becomes part of the question', async (page, mock) => {
  await drop(page, [{ name: 'notes.md', bytes: Buffer.from('# 메모\n```\ncode\n```\n') }]);
  await page.locator('.composer .file-chip').waitFor();
  assert.match(await page.locator('.composer .file-chip').innerText(), /notes\.md/);
  await ask(page, 'summarise');
  assert.equal(
    mock.requests.at(-1).messages[0].content,
    'notes.md\n````\n# 메모\n```\ncode\n```\n````\n\nsummarise',
  );
  assert.equal(await page.locator('.question .file-chip').count(), 1);
  assert.equal(await page.locator('.bubble').innerText(), 'summarise');
  assert.equal(await page.locator('.composer .file-chip').count(), 0);
});

pageTest('binary and too large files are refused in a sentence', async (page) => {
  await drop(page, [
    { name: 'picture.png', bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0] },
    { name: 'empty.txt', bytes: [] },
    { name: 'good.txt', bytes: Buffer.from('text') },
  ]);
  await page.getByText('picture.png is not a text file. Only text can be added.').waitFor();
  await page.getByText('empty.txt is empty.').waitFor();
  await page.locator('.composer .file-chip').waitFor();
  assert.equal(await page.locator('.composer .file-chip').count(), 1);
  await page.setInputFiles('.composer input[type=file]', {
    name: 'big.txt',
    mimeType: 'text/plain',
    buffer: Buffer.alloc(513 * 1024, 97),
  });
  await page.getByText('big.txt is larger than 512 KiB.').waitFor();
});

pageTest('a file can be taken off, and is kept for the chat it was added to', async (page) => {
  await drop(page, [
    { name: 'a.txt', bytes: Buffer.from('a') },
    { name: 'b.txt', bytes: Buffer.from('b') },
  ]);
  await page.locator('.composer .file-chip').nth(1).waitFor();
  await button(page, 'Remove a.txt').click();
  assert.match(await page.locator('.composer .file-chip').innerText(), /b\.txt/);
  await ask(page, 'with b');
  await page.fill('#composer-input', 'not sent yet');
  await button(page, 'New chat').first().click();
  assert.equal(await page.inputValue('#composer-input'), '');
  await page.locator('.entry .open').click();
  await page.waitForFunction(() => document.querySelector('#composer-input').value === 'not sent yet');
});
