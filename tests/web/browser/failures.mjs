import assert from 'node:assert/strict';
import { answerText, ask, begin, button, finished, pageTest } from './browser.mjs';

const failure = (page) => page.locator('.failure p').first().innerText();

pageTest('every failure is one sentence, with a way on', async (page) => {
  const said = async (question) => {
    await ask(page, question);
    return page.locator('.failure').last().innerText();
  };
  assert.match(await said('busy'), /busy; try again in 7 seconds\. The server says: the queue is full/);
  assert.match(
    await said('status 500'),
    /The server failed \(500\)\. The server says: the test asked for 500/,
  );
  assert.match(await said('status 400'), /rejected the request \(400\)/);
  assert.match(await said('huge'), /too long for the model/);
  assert.match(await said('broken'), /the expert store lost a drive/);
  assert.match(await said('cut'), /cut off before its end/);
  assert.match(await answerText(page), /This answer ends in the mid/);
  assert.equal(await button(page, 'Try again').count(), 6);
});

pageTest('trying again replaces an answer that never began', async (page, mock) => {
  await ask(page, 'busy');
  mock.replies.set('busy', 'now it works');
  await page.evaluate(() => {});
  await button(page, 'Try again').click();
  await page.locator('.failure').waitFor();
  await finished(page);
  assert.equal(await page.locator('.versions').count(), 0);
  assert.equal(mock.requests.length, 2);
});

pageTest('a server that is not there is named, and found again', async (page, mock) => {
  mock.down = true;
  await ask(page, 'hello');
  assert.match(await failure(page), /The server does not answer/);
  mock.down = false;
  await button(page, 'Try again').click();
  await page.locator('.answer .markdown').waitFor();
  await finished(page);
  assert.match(await answerText(page), /^Answer 1/);
  assert.equal(await page.locator('.failure').count(), 0);
});

pageTest(
  'a server with keys asks for one, and remembers it if it may',
  { mock: { key: 'secret' } },
  async (page) => {
    await page.locator('.key-form').waitFor();
    assert.match(await failure(page), /wants an API key/);
    await page.getByLabel('API key').fill('wrong');
    await button(page, 'Connect').click();
    await page.waitForTimeout(200);
    await page.getByLabel('API key').fill('secret');
    await page.getByLabel('Keep the key in this browser').uncheck();
    await button(page, 'Connect').click();
    await page.locator('.empty').waitFor();
    await ask(page, 'hello');
    assert.match(await answerText(page), /^Answer 1/);
    assert.equal(await page.evaluate(() => localStorage.getItem('jaju.settings').includes('secret')), false);
  },
);

pageTest('a key that is asked for in the middle lets the question go on', async (page, mock) => {
  mock.key = 'secret';
  await begin(page, 'hello');
  await page.locator('.answer .key-form').waitFor();
  await page.getByLabel('API key').fill('secret');
  await button(page, 'Connect').click();
  await page.locator('.answer .markdown').waitFor();
  await finished(page);
  assert.match(await answerText(page), /^Answer 1/);
});
