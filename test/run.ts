/**
 * Runs every test file (tap), prints what failed, and ends with one line: `N passed, N failed`.
 * Arguments: parts of file names; `long` for the long ones; none means all but the long ones.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
/** What takes longest and finds least in a change of one place; `npm run test:long` runs it. */
const long = ['exchange/bitflip', 'exchange/late', 'exchange/restored-root', 'exchange/rotation-life', 'exchange/topologies', 'faults/writes']
const isLong = (file: string): boolean => long.some((name) => file === `${name}.test.js`)
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => (wanted.length === 0 ? !isLong(file) : wanted.some((part) => (part === 'long' ? isLong(file) : file.includes(part)))))
  .map((file) => join(here, file))
  .sort()

const FILE_MS_MAX = 240_000
/** One more than a small machine has processors: many tests wait for time to pass. */
const FILES_AT_ONCE = Math.max(1, Math.min(3, cpus().length + 1))
let passed = 0
let failed = 0

interface Outcome {
  readonly pass: number
  readonly fail: number
}

/** A tap file is an ordinary script: its standard output is TAP, its exit code the verdict. */
function run(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TAP_BAIL: '0', TAP_TIMEOUT: String(FILE_MS_MAX / 1000) } })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_MS_MAX)
    const begin = performance.now()
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const total = /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?/m.exec(out)
      const pass = Number(total?.[2] ?? 0)
      const fail = Number(total?.[3] ?? 0)
      // A file that dies, hangs or runs no test has failed whatever it counted.
      const broken = total === null || pass + fail === 0 || (code !== 0 && fail === 0)
      const seconds = ((performance.now() - begin) / 1000).toFixed(1)
      process.stdout.write(`${fail > 0 || broken ? 'FAIL' : 'ok  '} ${relative(here, file)}: ${pass} passed, ${fail} failed (${seconds} s)${signal ? `, killed by ${signal}` : ''}\n`)
      if (fail > 0 || broken) process.stdout.write(`${out.split('\n').filter((line) => /not ok|^\s*(?:error|message|diff|\+|-)|Error/.test(line)).slice(0, 60).join('\n') || out.slice(-2_000)}\n`)
      resolve({ pass, fail: fail + (broken ? 1 : 0) })
    })
  })
}

function count({ pass, fail }: Outcome): void {
  passed += pass
  failed += fail
}

const queue = [...files]
await Promise.all(Array.from({ length: FILES_AT_ONCE }, async () => {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) count(await run(file))
}))
if (files.length === 0) {
  process.stdout.write('no test file found: build first (npm run build)\n')
  failed++
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
