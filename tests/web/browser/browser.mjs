// Chromium, the imitation server and a page for each test. A page that breaks its policy, throws, opens a dialog nobody expects
// or asks another host for anything fails its test.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fromNpm, web } from '../lib.mjs';
import { startMock } from '../mock_server.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser;

before(async () => {
  const { chromium } = fromNpm('playwright-core');
  browser = await chromium.launch({
    executablePath: process.env.JAJU_CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
  });
});
after(() => browser?.close());

export function mockServer(options = {}) {
  return startMock({
    dist: process.env.JAJU_WEB_DIST ?? join(web, 'dist'),
    policyFile: join(web, 'csp.txt'),
    ...options,
  });
}

/** Opens the page of a server, in a browser profile of its own. */
export async function openPage(url, options, faults) {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 1100, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`POLICY ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('blob:'))
      faults.push(`asked ${request.url()}`);
  });
  page.on('popup', (popup) => faults.push(`opened ${popup.url()}`));
  if (!options.dialogs)
    page.on('dialog', (dialog) => (faults.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  await page.goto(url);
  await page.waitForSelector('#composer-input');
  return page;
}

/** A test with a server and a page. `options`: of the browser context, and `mock` for the server. */
export function pageTest(name, options, body) {
  if (typeof options === 'function') [options, body] = [{}, options];
  const { mock: mockOptions, ...contextOptions } = options;
  test(name, async () => {
    const mock = await mockServer(mockOptions);
    const faults = [];
    const page = await openPage(mock.url, contextOptions, faults);
    try {
      await body(page, mock, faults);
      assert.deepEqual(faults, []);
    } catch (error) {
      if (process.env.JAJU_WEB_SHOTS)
        await page.screenshot({ path: join(process.env.JAJU_WEB_SHOTS, `${name.slice(0, 40)}.png`) });
      throw error;
    } finally {
      await page.context().close();
      await mock.close();
    }
  });
}

export async function begin(page, text) {
  await page.fill('#composer-input', text);
  await page.press('#composer-input', 'Enter');
}

export async function finished(page) {
  await page.waitForFunction(
    () => !document.querySelector('.message.live') && document.querySelector('.message.answer'),
  );
}

/** Sends a question and waits for the whole answer. */
export async function ask(page, text) {
  const last = () => [...document.querySelectorAll('.message.question')].at(-1)?.dataset.id ?? '';
  const before = await page.evaluate(last);
  await begin(page, text);
  await page.waitForFunction(
    (id) => ([...document.querySelectorAll('.message.question')].at(-1)?.dataset.id ?? id) !== id,
    before,
  );
  await finished(page);
}

export const answerText = (page) => page.locator('.message.answer > .markdown').last().innerText();
export const button = (page, name) => page.getByRole('button', { name, exact: true });
