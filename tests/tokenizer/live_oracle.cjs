// Compares our tokenizer with Hugging Face `tokenizers` on random texts, over variants of one tokenizer.json.
//
//   node live_oracle.cjs TOKENIZER_JSON TOKENIZE_LINES [texts per variant] [seed]
//
// Every variant must load in both, give the same ids for every text, and decode the same (with and without special
// tokens, at once and streamed). Prints the first differences and exits 1 when there is any.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Tokenizer } = require('tokenizers')

const [source, binary] = process.argv.slice(2)
const textsPerVariant = Number(process.argv[4] ?? 400)
const seed = Number(process.argv[5] ?? 20261123)
const golden = JSON.parse(fs.readFileSync(source, 'utf8'))

// --- random texts -------------------------------------------------------------------------------------------------
let state = seed >>> 0
function random(n) {
  // mulberry32
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = (list) => list[random(list.length)]
const range = (low, high) => () => String.fromCodePoint(low + random(high - low + 1))
const chars = (text) => {
  const list = [...text]
  return () => pick(list)
}
const alphabets = [
  range(0x61, 0x7a), range(0x41, 0x5a), range(0x30, 0x39), range(0x20, 0x7e), range(0x20, 0x7e), range(0, 0x7f),
  range(0xac00, 0xd7a3), range(0xac00, 0xd7a3), range(0xac00, 0xac40), range(0x1100, 0x11ff), range(0x3130, 0x318f),
  range(0x4e00, 0x9fff), range(0x3400, 0x4dbf), range(0x20000, 0x2a6df), range(0xf900, 0xfaff),
  range(0x3041, 0x3096), range(0x30a0, 0x30ff), range(0xff00, 0xffef),
  range(0x80, 0xff), range(0x100, 0x24f), range(0x370, 0x3ff), range(0x400, 0x4ff), range(0x590, 0x5ff),
  range(0x600, 0x6ff), range(0x900, 0x97f), range(0xe00, 0xe7f), range(0x1e00, 0x1eff), range(0x10a0, 0x10ff),
  range(0x300, 0x36f), range(0x300, 0x36f), range(0x591, 0x5c7), range(0x2000, 0x206f), range(0x2070, 0x209f),
  range(0x20a0, 0x20bf), range(0x2150, 0x218b), range(0x2460, 0x24ff), range(0x2190, 0x23ff), range(0x1f300, 0x1f64f),
  range(0x1f3fb, 0x1f3ff), range(0x1f1e6, 0x1f1ff), range(0x1d400, 0x1d7ff), range(0xe000, 0xe0ff), range(0xfe00, 0xfe0f),
  range(0xe0100, 0xe0110), range(0x1f100, 0x1f1ff), range(0x16e0, 0x16ff), range(0x2c00, 0x2c5f),
  chars(' \t\n\r\u000b\f\u0085\u00a0\u1680\u2000\u2003\u2009\u200b\u2028\u2029\u202f\u205f\u3000\u180e\ufeff'),
  chars(' \n\r\t'), chars('\u200c\u200d\ufe0f👩👧👦❤🏽'), chars("'\"`’sStTmMdDlLvVeErRſK"), chars('İıßẞǅﬁŉΣσς'),
  chars('.,:;!?()[]{}<>|/\\@#$%^&*-_=+~'), chars('\u0130\u212b\u1e9b\u0323\u0344\u0958\u2126\u1100\u1161\u11a8'),
]
const words = [
  '안녕하세요', '주권은', '지켜주지 않는다', 'the ', ' hello', " I'll", "we've", " DON'T", ' function(x) {', '\n    return ', '==', ' != ',
  '#include <vector>\n', 'https://example.com/?q=1&r=%20', '2026-11-23', '1,234.56', '東京', 'タワー', 'です', '가각', '👩‍👩‍👧‍👦',
  '🇰🇷', '\r\n', '\n\n', '    ', '\t\t', '<think>', '</think>', '<|im_start|>', '<|im_end|>', '<|im_', '<|endoftext|>', '|im_end|>',
  '< think>', '<tool_call>', '<|image|>', '<Think>', 'think', '<<think>>', '<|IM_END|>', 'ㅋㅋㅋ', '각', 'é', '\ufffd', '\u0000', 'ĠĊ', 'Ã',
  '[SEP]', ' [SEP] ', 'a[SEP]b', 'er', '제곱', 'é한', '▁', '<0x41>', 'word', ' word ', 'sword', '<mask>', '  <mask>  ', ' <mask><mask> ',
  'ｃａｆé', 'CAFÉ', 'ALPHA', 'alpha', 'Alpha beta', '\u00a0<mask>\u3000',
]
function randomText() {
  const parts = []
  const n = 1 + random(random(4) === 0 ? 40 : 8)
  for (let i = 0; i < n; ++i) {
    const kind = random(10)
    if (kind < 4) {
      parts.push(pick(words))
    } else if (kind < 8) {
      const alphabet = pick(alphabets)
      for (let k = 1 + random(random(5) === 0 ? 60 : 6); k > 0; --k) parts.push(alphabet())
    } else {
      for (let k = 1 + random(8); k > 0; --k) parts.push(pick(alphabets)())
    }
  }
  return Buffer.from(parts.join(''), 'utf8').toString('utf8') // lone surrogates become U+FFFD
}

// --- variants -----------------------------------------------------------------------------------------------------
const split = (Regex, behavior = 'Isolated', invert = false) => ({ type: 'Split', pattern: { Regex }, behavior, invert })
const splitString = (String_, behavior = 'Isolated', invert = false) =>
  ({ type: 'Split', pattern: { String: String_ }, behavior, invert })
const byteLevel = (use_regex, add_prefix_space = false) => ({ type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex })
const sequence = (...pretokenizers) => ({ type: 'Sequence', pretokenizers })
const token = (content, flags = {}) =>
  ({ content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false, ...flags })
const addTokens = (t, ...list) => {
  for (const added of list) {
    const known = t.model.vocab[added.content]
    const last = Math.max(...t.added_tokens.map((a) => a.id))
    t.added_tokens.push({ id: known ?? Math.max(last, Object.keys(t.model.vocab).length - 1) + 1, ...added })
  }
}
const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const gpt4o = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const deepseek = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const kimi = '[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+'

const variants = {
  golden: () => {},
  'merges as strings': (t) => { t.model.merges = t.model.merges.map((m) => m.join(' ')) },
  'llama 3 split': (t) => { t.pre_tokenizer = sequence(split(llama3), byteLevel(false)) },
  'gpt-4o split': (t) => { t.pre_tokenizer = sequence(split(gpt4o), byteLevel(false)) },
  'deepseek splits': (t) => {
    t.pre_tokenizer = sequence(split('\\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'), split(deepseek), byteLevel(false))
  },
  'kimi split (class intersections)': (t) => { t.pre_tokenizer = sequence(split(kimi), byteLevel(false)) },
  'qwen split removed inverted': (t) => {
    t.pre_tokenizer = sequence(split(llama3.replace('{1,3}', ''), 'Removed', true), byteLevel(false))
  },
  'gpt-2': (t) => { t.pre_tokenizer = byteLevel(true) },
  'gpt-2 prefix space': (t) => { t.pre_tokenizer = byteLevel(true, true) },
  'prefix space on every piece': (t) => { t.pre_tokenizer = sequence(split('\\p{L}+'), byteLevel(false, true)) },
  'no split': (t) => { t.pre_tokenizer = byteLevel(false) },
  'no pre-tokenizer': (t) => { t.pre_tokenizer = null },
  'digits one by one': (t) => { t.pre_tokenizer = sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)) },
  'digits together': (t) => { t.pre_tokenizer = sequence({ type: 'Digits', individual_digits: false }, byteLevel(false)) },
  'byte-level first, digits after': (t) => { t.pre_tokenizer = sequence(byteLevel(true), { type: 'Digits', individual_digits: true }) },
  whitespace: (t) => { t.pre_tokenizer = sequence({ type: 'Whitespace' }, byteLevel(false)) },
  'whitespace split': (t) => { t.pre_tokenizer = sequence({ type: 'WhitespaceSplit' }, byteLevel(false)) },
  punctuation: (t) => { t.pre_tokenizer = sequence({ type: 'Punctuation', behavior: 'Isolated' }, byteLevel(true)) },
  'punctuation merged': (t) => { t.pre_tokenizer = sequence({ type: 'Punctuation', behavior: 'MergedWithPrevious' }, byteLevel(false)) },
  'ruby spellings': (t) => {
    t.pre_tokenizer = sequence(split('\\p{N}{1,2}+|\\h{3}?|\\bw\\w*|[[:upper:]]{2,}|[^\\W\\d]++|(?m:<.)|^#|;$|\\s{,2}', 'Isolated'), byteLevel(false))
  },
  'ignore merges': (t) => { t.model.ignore_merges = true },
  'fewer merges': (t) => { t.model.merges = t.model.merges.filter((m, i) => i % 3 !== 1 || m.join('').length < 3) },
  'ignore merges, fewer merges': (t) => {
    t.model.ignore_merges = true
    t.model.merges = t.model.merges.slice(0, 300)
  },
  'no decoder': (t) => { t.decoder = null },
  'template post-processor': (t) => {
    t.post_processor = { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<|pad|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<|pad|>': { id: '<|pad|>', ids: [2049], tokens: ['<|pad|>'] } } }
  },
  'added token flags': (t) => addTokens(t,
    token('<mask>', { lstrip: true, special: true }), token('[SEP]', { rstrip: true }), token('word', { single_word: true }),
    token('<|im_', { lstrip: true, rstrip: true }), token('한글', { single_word: true, lstrip: true })),
  'added tokens normalized': (t) => {
    t.normalizer = { type: 'Sequence', normalizers: [{ type: 'NFKC' }, { type: 'Lowercase' }] }
    addTokens(t, token('ALPHA', { normalized: true }), token('é한', { normalized: true }), token('<Think>', { normalized: true, special: true }),
      token('CAFÉ', { normalized: true, single_word: true }), token('①', { normalized: true, rstrip: true }))
  },
  'added tokens of the vocabulary': (t) => addTokens(t, token('er'), token('the', { single_word: true }), token('Ã')),
  'added tokens that overlap': (t) => addTokens(t, token('aa'), token('aab'), token('abab'), token('ba', { lstrip: true }), token(' a', { rstrip: true }),
    token('  ', { rstrip: true }), token('é한'), token('éĠx'), token('\n\n')),
  'byte fallback': (t) => {
    // Characters instead of bytes, as SentencePiece-made files have it.
    const vocab = { '<unk>': 0 }
    let id = 1
    for (let b = 0; b < 256; ++b) vocab[`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`] = id++
    for (const c of '▁abcdefghijklmnopqrstuvwxyz안녕하세요') vocab[c] = id++
    const merges = []
    for (const [a, b] of [['▁', 't'], ['▁t', 'h'], ['h', 'e'], ['▁th', 'e'], ['안', '녕'], ['l', 'l'], ['he', 'll'], ['hell', 'o'], ['▁', '▁'], ['▁▁', '▁▁']]) {
      vocab[a + b] = id++
      merges.push([a, b])
    }
    t.model = { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true,
      byte_fallback: true, ignore_merges: false, vocab, merges }
    t.added_tokens = []
    addTokens(t, token('<unk>', { special: true }), token('<think>'))
    t.normalizer = { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] }
    t.pre_tokenizer = null
    t.decoder = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 }] }
  },
  'unknown token': (t) => {
    variants['byte fallback'](t)
    for (let b = 0; b < 256; b += 2) {
      const name = `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`
      t.model.vocab[name + 'x'] = t.model.vocab[name]
      delete t.model.vocab[name]
    }
  },
  'unknown token not fused, affixes': (t) => {
    const vocab = { '<unk>': 0 }
    let id = 1
    for (const c of 'abcdefghijklmnopqrstuvwxyz ') for (const s of [c, '##' + c, c + '</w>', '##' + c + '</w>']) vocab[s] = id++
    const merges = []
    for (const [a, b] of [['t', '##h'], ['th', '##e</w>'], ['##l', '##l'], ['h', '##e'], ['he', '##ll'], ['hell', '##o</w>']]) {
      const joined = a + b.slice(2)
      vocab[joined] = id++
      merges.push([a, b])
    }
    t.model = { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: '##', end_of_word_suffix: '</w>', fuse_unk: false,
      byte_fallback: false, ignore_merges: false, vocab, merges }
    t.added_tokens = []
    addTokens(t, token('<unk>', { special: true }))
    t.pre_tokenizer = { type: 'Whitespace' }
    t.decoder = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { Regex: '##' }, content: '' },
      { type: 'Replace', pattern: { String: '</w>' }, content: ' ' }, { type: 'Fuse' }] }
  },
  'missing bytes': (t) => {
    for (const c of ['Ģ', 'ģ', 'ä', 'z', 'Ċ']) {
      if (!(c in t.model.vocab)) throw new Error(c)
      t.model.vocab[c + ' gone'] = t.model.vocab[c]
      delete t.model.vocab[c]
    }
    t.model.merges = t.model.merges.filter((m) => !/[ĢģäzĊ]/.test(m.join('')))
  },
}
for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents']) {
  variants[`normalizer ${form}`] = (t) => { t.normalizer = { type: form } }
}
variants['normalizer Strip'] = (t) => { t.normalizer = { type: 'Strip', strip_left: true, strip_right: false } }
variants['normalizers in sequence'] = (t) => {
  t.normalizer = { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'Strip', strip_left: true, strip_right: true },
    { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }, { type: 'Replace', pattern: { String: 'e' }, content: 'ee' },
    { type: 'Prepend', prepend: '>' }, { type: 'NFC' }] }
}
for (const behavior of ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']) {
  for (const invert of [false, true]) {
    const name = `${behavior}${invert ? ' inverted' : ''}`
    variants[`split by regex, ${name}`] = (t) => { t.pre_tokenizer = sequence(split('[\\s,.]|\\d', behavior, invert), byteLevel(false)) }
    variants[`split by string, ${name}`] = (t) => { t.pre_tokenizer = sequence(splitString(' ', behavior, invert), byteLevel(false)) }
  }
}

// --- comparison ---------------------------------------------------------------------------------------------------
function ours(file, flags, lines) {
  const input = lines.map((l) => JSON.stringify(l) + '\n').join('')
  const out = execFileSync(binary, [file, ...flags], { input, maxBuffer: 1 << 30, encoding: 'utf8' })
  const results = out.split('\n').slice(0, -1).map((l) => JSON.parse(l))
  if (results.length !== lines.length) throw new Error(`${results.length} answers to ${lines.length} lines`)
  return results
}

async function main() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'jaju-tokenizer-'))
  let differences = 0
  let compared = 0
  const report = (variant, what, text, theirs, mine) => {
    if (++differences <= 20) {
      console.error(`${variant}: ${what} of ${JSON.stringify(text)}\n  theirs ${JSON.stringify(theirs)}\n  ours   ${JSON.stringify(mine)}`)
    }
  }
  try {
    for (const [name, change] of Object.entries(variants)) {
      if (process.env.JAJU_VARIANT && !name.includes(process.env.JAJU_VARIANT)) continue
      const json = structuredClone(golden)
      change(json)
      const file = path.join(dir, 'tokenizer.json')
      fs.writeFileSync(file, JSON.stringify(json))
      const reference = Tokenizer.fromFile(file)
      const texts = []
      for (let i = 0; i < textsPerVariant; ++i) texts.push(randomText())
      const expected = []
      for (const text of texts) {
        const encoding = await reference.encode(text, null, { addSpecialTokens: false })
        expected.push(encoding.getIds())
      }
      const mine = ours(file, [], texts)
      texts.forEach((text, i) => {
        ++compared
        if (JSON.stringify(mine[i]) !== JSON.stringify(expected[i])) report(name, 'ids', text, expected[i], mine[i])
      })
      // Decoding: what was encoded, and random ids, whose bytes need not be UTF-8.
      const known = [...Object.values(json.model.vocab), ...json.added_tokens.map((t) => t.id)]
      const lists = expected.slice()
      for (let i = 0; i < textsPerVariant / 4; ++i) lists.push(Array.from({ length: random(30) }, () => pick(known)))
      for (const skip of [false, true]) {
        const decoded = []
        for (const ids of lists) decoded.push(await reference.decode(ids, skip))
        for (const mode of ['--decode', '--stream']) {
          const answers = ours(file, skip ? [mode, '--skip-special'] : [mode], lists)
          lists.forEach((ids, i) => {
            if (answers[i] !== decoded[i]) report(name, `${mode} (skip_special ${skip})`, ids, decoded[i], answers[i])
          })
        }
      }
      // As text, no id may be an added token's.
      const added = new Set(json.added_tokens.map((t) => t.id))
      ours(file, ['--as-text'], texts).forEach((ids, i) => {
        if (ids.some((id) => added.has(id))) report(name, 'added token from plain text', texts[i], 'none', ids)
      })
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
  console.log(`${Object.keys(variants).length} variants, ${compared} texts, seed ${seed}: ${differences} differences`)
  if (differences > 0) process.exit(1)
}

main().catch((e) => {
  console.error(String(e && e.stack ? e.stack : e))
  process.exit(1)
})
