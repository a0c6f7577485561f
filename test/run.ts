/**
 * Runs every test file (tap), prints what failed, and ends with one line: `N passed, N failed`.
 * Arguments: parts of file names; `long` for the long ones; none means all but the long ones.
 */
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Outcome, reasonsIn, runFile } from './support/run-file.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
/** What takes longest and finds least in a change of one place; `npm run test:long` runs it. */
const long = [
  'exchange/bitflip',
  'exchange/late',
  'exchange/restored-root',
  'exchange/rotation-life',
  'exchange/topologies',
  'faults/writes',
]
const isLong = (file: string): boolean => long.some((name) => file === `${name}.test.js`)
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) =>
    wanted.length === 0
      ? !isLong(file)
      : wanted.some((part) => (part === 'long' ? isLong(file) : file.includes(part))),
  )
  .map((file) => join(here, file))
  .sort()

const FILE_MS_MAX = 240_000
/** Two more than a small machine has processors: many tests wait for time to pass. */
const FILES_AT_ONCE = Math.min(4, cpus().length + 2)
let passed = 0
let failed = 0

/** Runs a file and prints what became of it. */
async function run(file: string): Promise<Outcome> {
  const outcome = await runFile(file, { msMax: FILE_MS_MAX })
  const { pass, fail, seconds, signal } = outcome
  process.stdout.write(
    `${fail > 0 ? 'FAIL' : 'ok  '} ${relative(here, file)}: ${pass} passed, ${fail} failed (${seconds.toFixed(1)} s)${signal ? `, killed by ${signal}` : ''}\n`,
  )
  if (fail > 0) process.stdout.write(`${reasonsIn(outcome.out)}\n`)
  return outcome
}

function count({ pass, fail }: Outcome): void {
  passed += pass
  failed += fail
}

const queue = [...files]
await Promise.all(
  Array.from({ length: FILES_AT_ONCE }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) count(await run(file))
  }),
)
if (files.length === 0) {
  process.stdout.write('no test file found: build first (npm run build)\n')
  failed++
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
