#!/usr/bin/env node
// Measures OpenAI-compatible servers under load, side by side: tokens/s, time to the first token, gaps between tokens.
//
//   serve_bench.mjs --server NAME,KIND,URL[,JSON] [--server ...] [--streams 1,8,32] [--prompt 128] [--generate 64]
//                   [--requests 2] [--rounds 3] [--temperature 0] [--seconds 1200] [--json FILE] [--key KEY]
//
// KIND is `jaju` or `llama` (llama-server of llama.cpp and ik_llama.cpp): which fields ask for a fixed number of tokens
// and for no reuse of earlier prompts; JSON adds fields of a request: {"logit_bias":{"2":-100}} keeps token 2 away. Each
// of N streams sends `requests` streaming /v1/completions, one behind the other; a run is all of them, timed from the
// first byte sent to the last received. In each round every server gets one run of every N; who is first alternates. The
// same prompts go to all; no two requests of a server share one. Prompts are words of a space and three small letters,
// one token each in a vocabulary of synthetic_model.py; what the servers count is checked against it.
//
// Numbers are medians over the rounds (least and most in the JSON file). Total tokens/s counts prompt and generated tokens.
// A gap is the time between two events that carry text: with several tokens in an event (speculation) there are fewer gaps.
// Only addresses of this machine are accepted; count and time of the requests are bounded. No packages are needed.
import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import { parseArgs } from 'node:util'

const kinds = {
  jaju: {}, // its prefix cache finds nothing, because prompts differ from their first word
  llama: { ignore_eos: true, cache_prompt: false },
}

function fail(sentence) {
  console.error(`serve_bench: ${sentence}`)
  process.exit(2)
}

function whole(text, name, least, most) {
  const n = Number(text)
  if (!Number.isInteger(n) || n < least || n > most) fail(`--${name} ${text}: expected a whole number from ${least} to ${most}`)
  return n
}

function parseServer(text) {
  const [name, kind, url, extra] = text.match(/^([^,]+),([^,]+),([^,]+)(?:,(\{.*\}))?$/)?.slice(1) ?? []
  if (!name || !Object.hasOwn(kinds, kind)) fail(`--server ${text}: expected NAME,KIND,URL with KIND ${Object.keys(kinds).join(' or ')}`)
  const parsed = new URL(url)
  const here = ['localhost', '[::1]'].includes(parsed.hostname) || /^127(\.\d{1,3}){3}$/.test(parsed.hostname)
  if (parsed.protocol !== 'http:' || !here) fail(`--server ${text}: only http on this machine's own address (127.0.0.1, localhost, [::1])`)
  return { name, url: parsed, fields: { ...kinds[kind], ...JSON.parse(extra ?? '{}') }, agent: new http.Agent({ keepAlive: false }) } // llama-server closes after a stream without saying so
}

// Seeded dice (mulberry32), so that every server reads the same words.
function dice(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function words(n, seed) {
  const next = dice(seed)
  const letter = () => String.fromCharCode(97 + Math.floor(next() * 26))
  let text = ''
  for (let i = 0; i < n; ++i) text += ' ' + letter() + letter() + letter()
  return text
}

// One streaming request: when each event with text came (ms), the text, and what the server says it counted.
function complete(server, prompt, options, key) {
  const body = JSON.stringify({
    model: server.model, prompt, max_tokens: options.generate, temperature: options.temperature, stream: true,
    stream_options: { include_usage: true }, ...server.fields,
  })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  if (key) headers.authorization = `Bearer ${key}`
  return new Promise((resolve, reject) => {
    const sent = performance.now()
    const result = { sent, times: [], text: '', usage: null }
    const target = new URL('/v1/completions', server.url)
    const request = http.request(target, { method: 'POST', agent: server.agent, headers, timeout: 300_000 }, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        const now = performance.now()
        rest += chunk
        if (response.statusCode !== 200) return
        const lines = rest.split('\n')
        rest = lines.pop()
        for (const line of lines) {
          if (!line.startsWith('data:')) continue
          const data = line.slice(5).trim()
          if (data === '[DONE]') continue
          const event = JSON.parse(data)
          if (event.error) return reject(new Error(`${server.name}: ${JSON.stringify(event.error)}`))
          const text = event.choices?.[0]?.text ?? ''
          if (text !== '') {
            result.times.push(now)
            result.text += text
          }
          if (event.usage) result.usage = event.usage
        }
      })
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`${server.name}: HTTP ${response.statusCode}: ${rest.slice(0, 500)}`))
        result.done = performance.now()
        resolve(result)
      })
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`${server.name}: no answer for 300 s`)))
    request.on('error', reject)
    request.end(body)
  })
}

function quantile(values, q) {
  if (values.length === 0) return NaN
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const low = Math.floor(place)
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (place - low)
}

async function run(server, streams, round, options, key) {
  // Connections of its own: a server may have closed one that lay idle while another server was measured.
  server.agent.destroy()
  server.agent = new http.Agent({ keepAlive: true })
  const answers = []
  const began = performance.now()
  await Promise.all(
    Array.from({ length: streams }, async (_, stream) => {
      for (let i = 0; i < options.requests; ++i) {
        const seed = ((round * 1009 + streams) * 1009 + stream) * 1009 + i
        answers.push({ seed, ...(await complete(server, words(options.prompt, seed), options, key)) })
      }
    }),
  )
  const seconds = (Math.max(...answers.map((a) => a.done)) - began) / 1000
  const gaps = answers.flatMap((a) => a.times.slice(1).map((t, i) => t - a.times[i]))
  const first = answers.map((a) => (a.times[0] ?? a.done) - a.sent)
  const counted = (field) => answers.reduce((sum, a) => sum + (a.usage?.[field] ?? NaN), 0)
  const prompt = counted('prompt_tokens')
  const generated = counted('completion_tokens')
  const events = answers.reduce((sum, a) => sum + a.times.length, 0)
  const problems = []
  const asked = answers.length * options.generate
  if (prompt !== answers.length * options.prompt) problems.push(`read ${prompt} prompt tokens of ${answers.length * options.prompt}`)
  if (generated !== asked) problems.push(`generated ${generated} tokens of ${asked}`)
  return {
    seconds, prompt, generated, problems, answers,
    total_per_second: (prompt + generated) / seconds,
    generated_per_second: generated / seconds,
    tokens_per_event: generated / events,
    gap_p50_ms: quantile(gaps, 0.5), gap_p95_ms: quantile(gaps, 0.95), gap_p99_ms: quantile(gaps, 0.99),
    ttft_p50_ms: quantile(first, 0.5), ttft_p95_ms: quantile(first, 0.95),
  }
}

// Of the requests both answered: how many texts are the same, and how far they agree (characters, on average).
function agreement(a, b) {
  const bySeed = new Map(b.map((answer) => [answer.seed, answer.text]))
  let same = 0
  let share = 0
  for (const { seed, text } of a) {
    const other = bySeed.get(seed) ?? ''
    let i = 0
    while (i < text.length && text[i] === other[i]) ++i
    same += text === other
    share += i / Math.max(text.length, other.length, 1)
  }
  return { same, of: a.length, common_prefix: share / a.length }
}

const figures = ['total_per_second', 'generated_per_second', 'tokens_per_event', 'gap_p50_ms', 'gap_p95_ms', 'gap_p99_ms',
  'ttft_p50_ms', 'ttft_p95_ms']

function summary(runs) {
  const out = {}
  for (const name of figures) {
    const values = runs.map((r) => r[name])
    out[name] = { median: quantile(values, 0.5), least: Math.min(...values), most: Math.max(...values) }
  }
  return out
}

function table(results, servers) {
  const columns = ['streams', 'server', 'total t/s', 'generated t/s', 'gap p50 ms', 'gap p95 ms', 'TTFT p50 ms', 'TTFT p95 ms', 'ratio']
  const rows = results.flatMap(({ streams, servers: by }) =>
    servers.map(({ name }) => {
      const s = by[name]
      const shown = ['total_per_second', 'generated_per_second', 'gap_p50_ms', 'gap_p95_ms', 'ttft_p50_ms', 'ttft_p95_ms']
      const ratio = s.total_per_second.median / by[servers[0].name].total_per_second.median
      return [String(streams), name, ...shown.map((f) => s[f].median.toFixed(1)), ratio.toFixed(2)]
    }),
  )
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')
}

async function main() {
  const { values } = parseArgs({
    options: {
      server: { type: 'string', multiple: true }, streams: { type: 'string', default: '1,8,32' },
      prompt: { type: 'string', default: '128' }, generate: { type: 'string', default: '64' },
      requests: { type: 'string', default: '2' }, rounds: { type: 'string', default: '3' },
      temperature: { type: 'string', default: '0' }, seconds: { type: 'string', default: '1200' },
      json: { type: 'string' }, key: { type: 'string' }, help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help || !values.server) {
    const text = fs.readFileSync(new URL(import.meta.url), 'utf8')
    console.log(text.split('\n').filter((l) => l.startsWith('//')).map((l) => l.slice(3)).join('\n'))
    process.exit(values.help ? 0 : 2)
  }
  const servers = values.server.map(parseServer)
  if (new Set(servers.map((s) => s.name)).size !== servers.length) fail('every --server needs a name of its own')
  const streams = values.streams.split(',').map((s) => whole(s, 'streams', 1, 1024))
  const options = {
    prompt: whole(values.prompt, 'prompt', 1, 131072), generate: whole(values.generate, 'generate', 1, 131072),
    requests: whole(values.requests, 'requests', 1, 1000), rounds: whole(values.rounds, 'rounds', 1, 100),
    temperature: Number(values.temperature),
  }
  setTimeout(() => fail(`stopped after --seconds ${values.seconds}`), whole(values.seconds, 'seconds', 1, 86400) * 1000).unref()
  const note = (text) => process.stderr.write(`${text}\n`)

  for (const server of servers) {
    const models = await fetch(new URL('/v1/models', server.url), { headers: values.key ? { authorization: `Bearer ${values.key}` } : {} })
    if (!models.ok) fail(`${server.name}: /v1/models answers ${models.status}`)
    server.model = (await models.json()).data[0].id
    await complete(server, words(options.prompt, 1), { ...options, generate: 8 }, values.key) // warm-up
  }
  const runs = new Map(streams.map((n) => [n, new Map(servers.map((s) => [s.name, []]))]))
  const agreed = new Map(streams.map((n) => [n, []]))
  for (let round = 1; round <= options.rounds; ++round) {
    for (const n of streams) {
      const texts = new Map()
      for (const server of round % 2 === 1 ? servers : [...servers].reverse()) {
        const { answers, ...result } = await run(server, n, round, options, values.key)
        runs.get(n).get(server.name).push(result)
        texts.set(server.name, answers)
        note(`round ${round}, ${n} streams, ${server.name}: ${result.total_per_second.toFixed(1)} t/s, gap p95 ` +
          `${result.gap_p95_ms.toFixed(1)} ms${result.problems.map((p) => `; ${p}`).join('')}`)
      }
      for (const server of servers.slice(1)) {
        agreed.get(n).push({ round, with: server.name, ...agreement(texts.get(servers[0].name), texts.get(server.name)) })
      }
    }
  }
  const results = streams.map((n) => ({
    streams: n,
    servers: Object.fromEntries(servers.map((s) => [s.name, summary(runs.get(n).get(s.name))])),
    runs: Object.fromEntries(servers.map((s) => [s.name, runs.get(n).get(s.name)])),
    agreement: agreed.get(n),
  }))
  const cpu = os.cpus()
  const report = {
    date: new Date().toISOString(), machine: { cpu: cpu[0]?.model.trim(), cpus: cpu.length, bytes: os.totalmem() },
    servers: servers.map((s) => ({ name: s.name, model: s.model, fields: s.fields })), options, results,
  }
  if (values.json) fs.writeFileSync(values.json, JSON.stringify(report, null, 2) + '\n')
  console.log(`${options.prompt} prompt and ${options.generate} generated tokens, ${options.requests} requests a stream, ` +
    `median of ${options.rounds} rounds; ratio: total t/s over ${servers[0].name}'s\n`)
  console.log(table(results, servers))
  for (const { streams: n, agreement: list } of results) {
    for (const a of list) {
      if (options.temperature === 0) {
        note(`${n} streams, round ${a.round}: ${a.same} of ${a.of} texts of ${servers[0].name} and ${a.with} are the same; ` +
          `their common beginning is ${(100 * a.common_prefix).toFixed(0)} %`)
      }
    }
  }
  const bad = results.some((r) => Object.values(r.runs).flat().some((x) => x.problems.length > 0))
  if (bad) fail('a server did not do what it was asked for, so these speeds do not compare (see the lines above)')
}

main().then(() => process.exit(0), (error) => fail(error.message))
