// The load generator against servers made up here: what it counts, and what it refuses to call a result.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bench/serve_bench.mjs', import.meta.url))

// Answers with `tokens ?? max_tokens` words, two to an event when `pairs`; remembers what it was asked.
async function fake({ tokens, pairs = false, closes = false, text = () => ' xyz', status = 200 } = {}) {
  const asked = []
  let now = 0
  let most = 0
  const server = http.createServer(async (request, response) => {
    if (request.url === '/v1/models') return response.end('{"data":[{"id":"made-up"}]}')
    let body = ''
    for await (const chunk of request) body += chunk
    const wanted = JSON.parse(body)
    asked.push(wanted)
    if (status !== 200) {
      response.statusCode = status
      return response.end('{"error":{"message":"no"}}')
    }
    most = Math.max(most, ++now)
    const count = tokens ?? wanted.max_tokens
    response.setHeader('content-type', 'text/event-stream')
    response.write(': keep-alive\n\n')
    for (let i = 0; i < count; i += pairs ? 2 : 1) {
      const data = { choices: [{ text: text(wanted, i) + (pairs ? text(wanted, i + 1) : '') }] }
      const line = `data: ${JSON.stringify(data)}\n\n`
      response.write(line.slice(0, 9)) // events come in pieces
      await new Promise(setImmediate)
      response.write(line.slice(9))
    }
    const usage = { prompt_tokens: wanted.prompt.split(' ').length - 1, completion_tokens: count }
    response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`)
    --now
    response.end()
    // As if the connection had lain idle for long; the client learns of it only when it writes again.
    if (closes) setTimeout(() => request.socket.destroy(), 5)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { asked, url: `http://127.0.0.1:${server.address().port}`, most: () => most, close: () => server.close() }
}

const measure = (...words) =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })

const json = () => path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'serve_bench-')), 'report.json')

test('every stream sends its requests, the same to both servers, none twice', async () => {
  const a = await fake()
  const b = await fake({ pairs: true })
  const file = json()
  const done = await measure('--server', `a,llama,${a.url}`, '--server', `b,jaju,${b.url},{"logit_bias":{"7":-100}}`, '--streams', '1,3', '--prompt', '5',
    '--generate', '6', '--requests', '2', '--rounds', '2', '--json', file)
  assert.equal(done.code, 0, done.stderr)
  const [warmup, ...measured] = a.asked
  assert.equal(warmup.max_tokens, 8)
  assert.equal(measured.length, (1 + 3) * 2 * 2)
  assert.equal(new Set(a.asked.map((r) => r.prompt)).size, a.asked.length)
  assert.deepEqual(a.asked.map((r) => r.prompt).sort(), b.asked.map((r) => r.prompt).sort())
  assert.match(measured[0].prompt, /^( [a-z]{3}){5}$/)
  assert.ok(measured.every((r) => r.max_tokens === 6 && r.temperature === 0 && r.stream && r.ignore_eos))
  assert.ok(b.asked.every((r) => r.logit_bias['7'] === -100 && !('ignore_eos' in r)))
  assert.ok(measured.every((r) => r.cache_prompt === false) && b.asked.every((r) => !('cache_prompt' in r)))
  assert.equal(a.most(), 3)
  const report = JSON.parse(fs.readFileSync(file, 'utf8'))
  assert.deepEqual(report.results.map((r) => r.streams), [1, 3])
  const { runs, servers, agreement } = report.results[1]
  assert.deepEqual(runs.a.map((r) => [r.prompt, r.generated]), [[30, 36], [30, 36]])
  for (const r of runs.a) assert.ok(Math.abs(r.total_per_second * r.seconds - 66) < 1e-6)
  assert.equal(servers.a.tokens_per_event.median, 1)
  assert.equal(servers.b.tokens_per_event.median, 2)
  assert.ok(agreement.every((x) => x.same === x.of && x.of === 6))
  assert.match(done.stdout, /\| 3 \| b \|/)
  a.close()
  b.close()
})

test('the round decides who is first, and differing texts are told', async () => {
  const order = []
  const tell = (name) => (wanted, i) => {
    if (i === 0 && wanted.max_tokens === 4) order.push(name)
    return name === 'b' && i === 2 ? ' no' : ' ok'
  }
  const a = await fake({ text: tell('a'), closes: true })
  const b = await fake({ text: tell('b') })
  const done = await measure('--server', `a,llama,${a.url}`, '--server', `b,llama,${b.url}`, '--streams', '1', '--prompt', '3',
    '--generate', '4', '--requests', '1', '--rounds', '3')
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(order, ['a', 'b', 'b', 'a', 'a', 'b'])
  assert.match(done.stderr, /0 of 1 texts of a and b are the same; their common beginning is 58 %/)
  a.close()
  b.close()
})

test('a server that stops early, refuses or is elsewhere gives no result', async () => {
  const early = await fake({ tokens: 3 })
  const one = ['--streams', '1', '--prompt', '4', '--generate', '5', '--requests', '1', '--rounds', '1']
  let done = await measure('--server', `a,llama,${early.url}`, ...one)
  assert.equal(done.code, 2)
  assert.match(done.stderr, /generated 3 tokens of 5/)
  early.close()
  const refusing = await fake({ status: 400 })
  done = await measure('--server', `a,llama,${refusing.url}`, ...one)
  assert.equal(done.code, 2)
  assert.match(done.stderr, /HTTP 400/)
  refusing.close()
  for (const url of ['http://192.168.0.1:80', 'http://example.org', 'https://127.0.0.1', 'http://127.0.0.1.example.org']) {
    done = await measure('--server', `a,llama,${url}`, ...one)
    assert.equal(done.code, 2)
    assert.match(done.stderr, /only http on this machine's own address/)
  }
})
