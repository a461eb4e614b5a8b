import assert from 'node:assert/strict';
import { ask, button, finished, pageTest } from './browser.mjs';

const openSettings = (page) => button(page, 'Settings').first().click();
const field = (page, name) => page.getByLabel(name, { exact: true });

pageTest('system prompt and sampling go into the request', async (page, mock) => {
  await openSettings(page);
  await field(page, 'System prompt').fill('Answer in Korean.');
  const values = {
    Temperature: ['temperature', '0.3', 0.3],
    'Top p': ['top_p', '0.9', 0.9],
    'Top k': ['top_k', '40', 40],
    'Min p': ['min_p', '.05', 0.05],
    'Longest answer': ['max_completion_tokens', '200', 200],
    'Thinking budget': ['thinking_budget', '64', 64],
    Seed: ['seed', '7', 7],
    'Presence penalty': ['presence_penalty', '0.5', 0.5],
    'Frequency penalty': ['frequency_penalty', '-0.5', -0.5],
    'Repetition penalty': ['repetition_penalty', '1.1', 1.1],
  };
  for (const [name, [, text]] of Object.entries(values)) await field(page, name).fill(text);
  await page.keyboard.press('Escape');
  await ask(page, 'hello');
  const body = mock.requests.at(-1);
  assert.deepEqual(body.messages[0], { role: 'system', content: 'Answer in Korean.' });
  for (const [key, , value] of Object.values(values)) assert.equal(body[key], value, key);
});

pageTest('empty fields are not sent, wrong ones explained and not sent', async (page, mock) => {
  await openSettings(page);
  await field(page, 'Temperature').fill('9');
  await page.getByText('A number from 0 to 2.').waitFor();
  assert.equal(await field(page, 'Temperature').getAttribute('aria-invalid'), 'true');
  await field(page, 'Seed').fill('1.5');
  await page.getByText('A whole number from 0 to 4294967295.').waitFor();
  await page.keyboard.press('Escape');
  await ask(page, 'hello');
  for (const key of ['temperature', 'seed', 'top_p', 'max_completion_tokens', 'thinking_budget'])
    assert.equal(key in mock.requests.at(-1), false, key);
});

pageTest('settings belong to their chat, until they are made the rule', async (page, mock) => {
  await openSettings(page);
  await field(page, 'Temperature').fill('0.1');
  await page.keyboard.press('Escape');
  await ask(page, 'one');
  await button(page, 'New chat').first().click();
  await ask(page, 'two');
  assert.equal('temperature' in mock.requests.at(-1), false);
  await openSettings(page);
  await field(page, 'Temperature').fill('0.2');
  await button(page, 'Use for new chats').click();
  // The notice lies above the open panel, where it can be read and put away.
  const notice = page.locator('.toast', { hasText: 'New chats start with these settings.' });
  await notice.getByRole('button', { name: 'Dismiss' }).click();
  await notice.waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('dialog').count(), 1);
  await page.keyboard.press('Escape');
  await button(page, 'New chat').first().click();
  await ask(page, 'three');
  assert.equal(mock.requests.at(-1).temperature, 0.2);
  await page.reload();
  await ask(page, 'four');
  assert.equal(mock.requests.at(-1).temperature, 0.2);
  await page.getByRole('button', { name: 'one', exact: true }).click();
  await page.locator('.bubble', { hasText: 'one' }).waitFor();
  await ask(page, 'five');
  assert.equal(mock.requests.at(-1).temperature, 0.1);
});

pageTest('dark and light follow the system, and the switch', { colorScheme: 'dark' }, async (page) => {
  const paper = (color) =>
    page.waitForFunction((wanted) => getComputedStyle(document.body).backgroundColor === wanted, color);
  await paper('rgb(25, 22, 27)');
  await page.emulateMedia({ colorScheme: 'light' });
  await paper('rgb(255, 255, 255)');
  await openSettings(page);
  await page.getByLabel('Dark').check();
  await paper('rgb(25, 22, 27)');
  await page.reload();
  await paper('rgb(25, 22, 27)');
});

pageTest('a Korean browser gets Korean, and the switch changes it', { locale: 'ko-KR' }, async (page) => {
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'ko');
  await page.getByText('무엇이 궁금하신가요?').waitFor();
  await button(page, '설정').first().click();
  await page.getByLabel('English').check();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
  await page.reload();
  await page.getByText('What would you like to know?').waitFor();
});

pageTest(
  'without a choice of the reader the server decides about thinking',
  { mock: { thinks: false } },
  async (page, mock) => {
    await page.locator('.think-switch[aria-pressed=false]').waitFor();
    await ask(page, 'hello');
    assert.equal(mock.requests.at(-1).chat_template_kwargs.enable_thinking, false);
    await button(page, 'Think').click();
    await ask(page, 'again');
    assert.equal(mock.requests.at(-1).chat_template_kwargs.enable_thinking, true);
  },
);

pageTest('the model of the server is shown, with its length', async (page) => {
  await page.locator('.header .model').waitFor();
  assert.match(await page.locator('.header .model').innerText(), /axk1-nano/);
  await openSettings(page);
  await page.getByText('Reads up to 4,096 tokens').waitFor();
});

pageTest(
  'on a phone the conversations are a drawer',
  { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  async (page) => {
    await page.fill('#composer-input', 'hello');
    await page.press('#composer-input', 'Enter');
    assert.equal(await page.inputValue('#composer-input'), 'hello\n'); // the keyboard on the glass has no Shift+Enter
    await button(page, 'Send').click();
    await page.locator('.message.answer').waitFor();
    await finished(page);
    assert.equal(await page.locator('.sidebar').isVisible(), false);
    await page.locator('.header .icon-button').first().click();
    await page.locator('.sidebar').waitFor({ state: 'visible' });
    await page.locator('.entry .open').click();
    await page.locator('.sidebar').waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    for (const name of ['Send', 'Attach text files']) {
      const box = await button(page, name).boundingBox();
      assert.ok(box.width >= 36 && box.height >= 36, name);
    }
  },
);
