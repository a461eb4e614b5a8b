// The page against `jaju serve` itself, with the small model; nothing depends on what the model says. JAJU_PROGRAM and
// JAJU_MODEL name both; without them these tests are skipped.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { web } from '../lib.mjs';
import { ask, begin, button, finished, openPage } from './browser.mjs';

const program = process.env.JAJU_PROGRAM;
const model = process.env.JAJU_MODEL;
const serves = program && model && spawnSync(program, ['serve', '--help']).status === 0;
const options = {
  skip: serves ? false : 'JAJU_PROGRAM and JAJU_MODEL do not name a program that serves',
  timeout: 120_000,
};

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts the program and calls `body` with its address and a page; ends it whatever happens. */
async function withServer(args, body) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const home = mkdtempSync(join(tmpdir(), 'jaju-web-'));
  const server = spawn(
    program,
    [
      'serve',
      model,
      '--port',
      String(port),
      '--context',
      '1024',
      '--max-sequences',
      '4',
      '--threads',
      '2',
      ...args,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    },
  );
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (data) => (said += data));
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const faults = [];
  let page;
  try {
    for (let waited = 0; ; ++waited) {
      const ready = await fetch(`${url}ready`).then(
        (response) => response.ok,
        () => false,
      );
      if (ready) break;
      if (server.exitCode !== null || waited > 600) throw new Error(`the server did not start:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    page = await openPage(url, {}, faults);
    await body(page, url);
    assert.deepEqual(faults, []);
  } catch (error) {
    error.message += `\n--- the server said ---\n${said.slice(-3000)}`;
    throw error;
  } finally {
    await page?.context().close();
    server.kill('SIGTERM');
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
    server.kill('SIGKILL');
  }
}

const field = (page, name) => page.getByLabel(name, { exact: true });

test('the program serves the page with its policy', options, () =>
  withServer([], async (page, url) => {
    const index = await fetch(url);
    assert.equal(
      index.headers.get('content-security-policy'),
      readFileSync(join(web, 'csp.txt'), 'utf8').trim().split('\n').join('; '),
    );
    assert.equal(index.headers.get('x-content-type-options'), 'nosniff');
    const again = await fetch(url, { headers: { 'If-None-Match': index.headers.get('etag') } });
    assert.equal(again.status, 304);
    const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(await index.text())[1];
    assert.match((await fetch(url + script)).headers.get('cache-control'), /immutable/);
    assert.equal(await page.locator('.failure').count(), 0);
  }),
);

test('the program answers, with figures, and reads only what is new', options, () =>
  withServer([], async (page) => {
    await button(page, 'Settings').first().click();
    await field(page, 'Longest answer').fill('24');
    await page.keyboard.press('Escape');
    await ask(page, 'What is 12 + 30?');
    assert.equal(await page.locator('.failure').count(), 0, await page.locator('.thread').innerText());
    assert.match(await page.locator('.answer .stats').innerText(), /tok\/s[^]*token[^]*prompt \d+/);
    await ask(page, 'And 13 + 30?');
    assert.match(await page.locator('.answer .stats').last().innerText(), /prompt \d+ \([1-9]\d* cached\)/);
    await button(page, 'Answer again').last().click();
    await page.locator('.answer .versions').waitFor();
    await finished(page);
    assert.equal(await page.locator('.failure').count(), 0);
  }),
);

test('the program takes every field of the panel', options, () =>
  withServer([], async (page) => {
    await button(page, 'Settings').first().click();
    await field(page, 'System prompt').fill('Be brief.');
    const values = {
      Temperature: '0.3',
      'Top p': '0.9',
      'Top k': '40',
      'Min p': '0.05',
      'Longest answer': '16',
      'Thinking budget': '8',
      Seed: '7',
      'Presence penalty': '0.5',
      'Frequency penalty': '-0.5',
      'Repetition penalty': '1.1',
    };
    for (const [name, value] of Object.entries(values)) await field(page, name).fill(value);
    await page.keyboard.press('Escape');
    for (const think of ['true', 'false']) {
      if ((await page.locator('.think-switch').getAttribute('aria-pressed')) !== think)
        await page.locator('.think-switch').click();
      await ask(page, 'What is 1 + 1?');
      assert.equal(await page.locator('.failure').count(), 0, await page.locator('.thread').innerText());
    }
  }),
);

test('stop ends the work of the program', options, () =>
  withServer([], async (page) => {
    await begin(page, 'Count from one to a thousand.');
    await page.locator('.message.answer').waitFor({ state: 'attached' }); // it may be complete already
    await page.keyboard.press('Escape');
    await finished(page);
    await ask(page, 'What is 1 + 1?'); // a slot is free again
    assert.equal(await page.locator('.failure').count(), 0);
  }),
);

test('a program with keys lets the page ask for one', options, async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'jaju-web-')), 'keys');
  const made = spawnSync(program, ['serve', '--new-key', 'reader', '--keys', file], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const key = made.stdout.trim();
  await withServer(['--keys', file], async (page) => {
    await page.locator('.key-form').waitFor();
    await page.getByLabel('API key').fill(key);
    await button(page, 'Connect').click();
    await page.locator('.empty').waitFor();
  });
});
