// Our tokenizer against Hugging Face `tokenizers` (npm), one thread each, on the same text in the same chunks.
//
//   RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false node tokenizer_bench.cjs TOKENIZER TEXT TOKENIZER_BENCH [rounds]
//
// Run it where `require('tokenizers')` works, e.g. in the directory tests/tokenizer/live_oracle.sh made. The two take
// turns; each turn is the median of its passes, the result the median of the turns. The ids are compared by a hash.
'use strict'
process.env.RAYON_NUM_THREADS = '1'
process.env.TOKENIZERS_PARALLELISM = 'false'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { Tokenizer } = require('tokenizers')

const [tokenizerPath, textPath, binary] = process.argv.slice(2)
const rounds = Number(process.argv[5] ?? 5)
const text = fs.readFileSync(textPath)
const chunks = []
for (let from = 0; from < text.length; ) {
  const at = text.indexOf(10, Math.min(from + 4096, text.length))
  const end = at < 0 ? text.length : at + 1
  chunks.push(text.subarray(from, end).toString('utf8'))
  from = end
}
const median = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1]

// CPU time of the whole process: encodeBatch does the work on a thread of its own, JavaScript only waits.
async function theirs(tokenizer) {
  const rates = []
  let encodings = []
  let spent = 0
  while (spent < 2 || rates.length < 3) {
    const before = process.cpuUsage()
    encodings = await tokenizer.encodeBatch(chunks, { addSpecialTokens: false })
    const used = process.cpuUsage(before)
    const seconds = (used.user + used.system) / 1e6
    spent += seconds
    rates.push(text.length / seconds / 1e6)
  }
  let hash = 0
  let tokens = 0
  for (const encoding of encodings) {
    const ids = encoding.getIds()
    tokens += ids.length
    for (const id of ids) hash = (Math.imul(hash, 31) + id) >>> 0
  }
  return { mb_s: median(rates), tokens, hash }
}

async function main() {
  const tokenizer = Tokenizer.fromFile(tokenizerPath)
  const ours = []
  const other = []
  for (let round = 0; round < rounds; ++round) {
    const mine = JSON.parse(execFileSync(binary, [tokenizerPath, textPath, '2'], { encoding: 'utf8' }))
    const reference = await theirs(tokenizer)
    if (mine.tokens !== reference.tokens || mine.hash !== reference.hash) throw new Error('the ids differ')
    ours.push(mine.mb_s)
    other.push(reference.mb_s)
  }
  const result = { bytes: text.length, ours_mb_s: median(ours), hf_mb_s: median(other), ratio: median(ours) / median(other),
    ours_all: ours, hf_all: other }
  console.log(JSON.stringify(result))
}

main().catch((e) => {
  console.error(String(e.stack ?? e))
  process.exit(1)
})
