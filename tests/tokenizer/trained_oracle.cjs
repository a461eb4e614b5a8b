// Compares a tokenizer that `jaju tokenizer train` made with what Hugging Face `tokenizers` makes of the same file.
//
//   node trained_oracle.cjs JAJU TOKENIZE_LINES GOLDEN_DIR SOURCE_DIR
//
// Trains on texts in five languages and on source code, loads the file in both, and compares ids and decoded text for
// texts it was not trained on. The vocabulary is also checked against the file: every merge's result is there, special
// tokens have the last ids, and the token counts `jaju tokenizer stats` prints are the library's.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Tokenizer } = require('tokenizers')

const [jaju, tokenizeLines, goldenDir, sourceDir] = process.argv.slice(2)

// --- a small corpus with words, from a seed -----------------------------------------------------------------------
let state = 20261124
function random(n) {
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = (list) => list[random(list.length)]
const n = () => String(random(10 ** (1 + random(5))))
const sentences = {
  ko: [
    () => `${pick(['철수', '영희', '민수'])}는 ${pick(['사과', '연필', '구슬'])} ${n()}개를 샀습니다.`,
    () => `기차가 ${n()}분 늦게 도착했기 때문에, 우리는 ${pick(['역에서', '집에서', '학교에서'])} 기다렸어요.`,
    () => `${n()} 더하기 ${n()}은(는) 얼마입니까? 답: ${n()}원입니다.`,
  ],
  en: [
    () => `${pick(['Mina', 'Tom', 'Ada'])} bought ${n()} ${pick(['apples', 'pencils', 'marbles'])}, didn't she?`,
    () => `The train's ${n()} minutes late; we'll wait at the ${pick(['station', 'school', 'harbour'])}.`,
    () => `What is ${n()} + ${n()}? It's ${n()}.`,
  ],
  zh: [() => `小${pick(['明', '红', '华'])}买了${n()}个苹果，还剩${n()}个。`, () => `火车晚点${n()}分钟，我们在车站等。`],
  ja: [() => `${pick(['太郎', '花子'])}さんはリンゴを${n()}個買いました。`, () => `電車が${n()}分遅れたので、駅で待っています。`],
  es: [() => `${pick(['María', 'José'])} compró ${n()} manzanas; ¿cuántas quedan mañana?`, () => `El tren llegó ${n()} minutos tarde, ¡qué lástima!`],
}
const languages = Object.keys(sentences)
const sentence = (language) => pick(sentences[language])()
const paragraph = (language) => Array.from({ length: 1 + random(4) }, () => sentence(language)).join(pick([' ', '\n', '\n\n']))

function jsonl(file, count) {
  const lines = []
  for (let i = 0; i < count; ++i) {
    const language = languages[i % languages.length]
    const record = [
      { text: paragraph(language) },
      { question: sentence(language), thinking: paragraph(language), answer: sentence(language) },
      { messages: [{ role: 'user', content: sentence(language) }, { role: 'assistant', content: paragraph(language) }] },
    ][i % 3]
    lines.push(JSON.stringify({ ...record, language }))
  }
  fs.writeFileSync(file, lines.join('\n') + '\n')
}

async function main() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'jaju-trained-'))
  let differences = 0
  const differs = (what, detail) => {
    if (++differences <= 20) console.error(`${what}: ${detail}`)
  }
  let compared = 0
  try {
    jsonl(path.join(dir, 'train.jsonl'), 6000)
    jsonl(path.join(dir, 'test.jsonl'), 300)
    // Source code to learn from and to test on; the latter spells no special token, which stats would read as text.
    const sources = fs.readdirSync(sourceDir).filter((f) => /\.(cc|h)$/.test(f)).sort().map((f) => path.join(sourceDir, f))
    const plain = sources.filter((f) => !/<\||<\/?(think|tool_call)>/.test(fs.readFileSync(f, 'utf8')))
    const held = plain.filter((f, i) => i % 4 === 0)
    const trained = sources.filter((f) => !held.includes(f))
    if (held.length < 3) throw new Error(`only ${held.length} files of ${sourceDir} to test on`)
    for (const [size, more] of [[700, []], [2048, ['--multiple-of', '128']], [3001, ['--min-frequency', '1', '--max-token-bytes', '12']]]) {
      const to = path.join(dir, String(size))
      const report = JSON.parse(execFileSync(jaju, ['tokenizer', 'train', path.join(dir, 'train.jsonl'), ...trained, '--to', to,
        '--vocab-size', String(size), '--json', ...more], { encoding: 'utf8' }))
      if (report.vocab_size !== size) differs('size', `asked for ${size}, got ${report.vocab_size}`)
      const file = path.join(to, 'tokenizer.json')
      const json = JSON.parse(fs.readFileSync(file, 'utf8'))
      const reference = Tokenizer.fromFile(file)
      const total = reference.getVocabSize(true)
      if (total !== size) differs('size', `the library counts ${total}, not ${size}`)
      const special = ['<|endoftext|>', '<|pad|>', '<|im_start|>', '<|im_end|>', '<think>', '</think>', '<tool_call>', '</tool_call>']
      const first = size - json.added_tokens.length
      special.forEach((content, i) => {
        if (reference.tokenToId(content) !== first + i) differs('special token', `${content} has id ${reference.tokenToId(content)}`)
      })
      for (const token of Object.keys(json.model.vocab)) {
        if (/[0-9]/.test(token) && token.length > 1) differs('digits', token)
      }

      const texts = JSON.parse(fs.readFileSync(path.join(goldenDir, 'cases.json'), 'utf8')).map((c) => c.text)
      for (let i = 0; i < 300; ++i) texts.push(paragraph(pick(languages)) + pick(['', '<|im_end|>\n', ' <think>', '</think>']) + sentence(pick(languages)))
      for (const f of held) texts.push(...fs.readFileSync(f, 'utf8').match(/[^]{1,997}/gu))
      const lines = (flags, list) => execFileSync(tokenizeLines, [file, ...flags],
        { input: list.map((l) => JSON.stringify(l) + '\n').join(''), maxBuffer: 1 << 30, encoding: 'utf8' })
        .split('\n').slice(0, -1).map((l) => JSON.parse(l))
      const mine = lines([], texts)
      const back = lines(['--decode'], mine)
      for (let i = 0; i < texts.length; ++i) {
        ++compared
        const theirs = (await reference.encode(texts[i], null, { addSpecialTokens: false })).getIds()
        if (JSON.stringify(theirs) !== JSON.stringify(mine[i])) differs('ids', `${JSON.stringify(texts[i])}\n  theirs ${theirs}\n  ours   ${mine[i]}`)
        const decoded = await reference.decode(theirs, false)
        if (decoded !== back[i] || decoded !== texts[i]) differs('decoded', JSON.stringify([texts[i], decoded, back[i]]))
      }

      // The table of `stats` against the library's counts.
      const stats = JSON.parse(execFileSync(jaju, ['tokenizer', 'stats', to, path.join(dir, 'test.jsonl'), ...held, '--json'], { encoding: 'utf8' }))
      const expected = {}
      const count = async (group, parts) => {
        expected[group] ??= { documents: 0, bytes: 0, tokens: 0 }
        ++expected[group].documents
        for (const part of parts) {
          expected[group].bytes += Buffer.byteLength(part)
          expected[group].tokens += (await reference.encode(part, null, { addSpecialTokens: false })).getIds().length
        }
      }
      for (const line of fs.readFileSync(path.join(dir, 'test.jsonl'), 'utf8').split('\n').slice(0, -1)) {
        const r = JSON.parse(line)
        await count(r.language, r.text ? [r.text] : r.messages ? r.messages.map((m) => m.content) : [r.question, r.thinking, r.answer])
      }
      for (const f of held) await count('code', [fs.readFileSync(f, 'utf8')])
      for (const [group, want] of Object.entries(expected)) {
        const row = stats.groups.find((g) => g.group === group)
        const got = row && { documents: row.documents, bytes: row.bytes, tokens: row.results[0].tokens }
        if (JSON.stringify(got) !== JSON.stringify(want)) differs(`stats of ${group}`, JSON.stringify([want, got]))
      }
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
  console.log(`3 trained tokenizers, ${compared} texts: ${differences} differences`)
  if (differences > 0 || compared < 1000) process.exit(1)
}

main().catch((e) => {
  console.error(String(e && e.stack ? e.stack : e))
  process.exit(1)
})
