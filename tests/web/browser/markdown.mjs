import assert from 'node:assert/strict';
import { ask, pageTest } from './browser.mjs';

pageTest('formulas are typeset, also beside Hangul, and prices are not', async (page) => {
  await ask(
    page,
    'echo 방정식 $x^2 + 1 = 0$은 \\(x = \\pm i\\)이다. 값은 $5에서 $10까지.\n\n$$\\int_0^1 x\\,dx = \\frac12$$\n\n\\[ \\sum_{k=1}^n k \\]',
  );
  await page.waitForFunction(() => document.querySelectorAll('.answer .katex').length === 4);
  assert.equal(await page.locator('.answer .katex-display').count(), 2);
  assert.match(await page.locator('.answer .markdown p').first().innerText(), /값은 \$5에서 \$10까지\./);
  assert.equal(await page.locator('.answer annotation').first().textContent(), 'x^2 + 1 = 0');
});

pageTest('a formula KaTeX can not read stays as it was written', async (page) => {
  await ask(page, 'echo $\\undefinedthing{x}$ and $y$');
  await page.locator('.math-failed').waitFor();
  assert.equal(await page.locator('.math-failed').innerText(), '\\undefinedthing{x}');
  assert.equal(await page.locator('.answer .katex').count(), 1);
});

pageTest('code is coloured and names its language', async (page) => {
  await ask(page, 'echo ```python\ndef f(x):\n    return "a < b"  # 주석\n```');
  await page.locator('.answer .hljs-keyword').first().waitFor();
  assert.equal(await page.locator('.code-head span').innerText(), 'python');
  assert.equal(
    (await page.locator('.answer code').textContent()).trim(),
    'def f(x):\n    return "a < b"  # 주석',
  );
});

pageTest('tables keep their alignment, lists their boxes', async (page) => {
  await ask(
    page,
    'echo | a | b |\n|---|--:|\n| 1 | 2 |\n\n- [x] done\n- [ ] open\n\ntext\n\n3. three\n4. four',
  );
  assert.equal(
    await page
      .locator('td')
      .nth(1)
      .evaluate((cell) => getComputedStyle(cell).textAlign),
    'right',
  );
  assert.deepEqual(
    await page.locator('.answer input').evaluateAll((all) => all.map((box) => [box.checked, box.disabled])),
    [
      [true, true],
      [false, true],
    ],
  );
  assert.equal(await page.locator('.answer ol').getAttribute('start'), '3');
});

pageTest('links open elsewhere and tell where they lead', async (page) => {
  await ask(page, 'echo [text](https://example.com/a) <https://example.com/b> https://example.com/c');
  const links = await page
    .locator('.answer .markdown a')
    .evaluateAll((all) => all.map((a) => [a.href, a.target, a.rel, a.title]));
  assert.deepEqual(
    links.map(([href]) => href),
    ['https://example.com/a', 'https://example.com/b', 'https://example.com/c'],
  );
  for (const [href, target, rel, title] of links) {
    assert.deepEqual([target, title], ['_blank', href]);
    assert.match(rel, /noopener.*noreferrer/);
  }
});

pageTest(
  'wide code and tables scroll by themselves',
  { viewport: { width: 390, height: 800 } },
  async (page) => {
    await ask(
      page,
      `echo \`\`\`\n${'x'.repeat(300)}\n\`\`\`\n\n|${'a column |'.repeat(20)}\n|${'---|'.repeat(20)}\n|${'cell |'.repeat(20)}\n\n$$${'x + '.repeat(60)}y$$\n\n${'긴단어'.repeat(80)}`,
    );
    await page.locator('.answer .katex').waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    assert.equal(
      await page.evaluate(
        () => document.querySelector('.thread').scrollWidth <= document.querySelector('.thread').clientWidth,
      ),
      true,
    );
  },
);
