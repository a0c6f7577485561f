/**
 * `npm test`: runs tap on the emitted JavaScript, shows one line per test file and the whole of every
 * failure, and closes with the line `N passed, N failed` (assertions of all files). Exit code 1 if
 * anything failed, if tap itself failed, or if no test ran. Arguments name the files or folders to run
 * (`node dist/test/run.js record wire/tls.test.js`); without any, everything but `long` and `bench`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, here.endsWith(join('dist', 'test')) ? '../..' : '../../..')
const tapBin = join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist/esm/run.mjs')
const FILE_TIMEOUT_SECONDS = '120'
const SHOWN_LINES_MAX = 400
const APART = ['long', 'bench']

/** Test files below `here`, relative to it, sorted. */
function testFiles(wanted: readonly string[]): string[] {
  const all = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.js'))
  const chosen = all.filter((path) =>
    wanted.length === 0
      ? !APART.includes(path.split(sep)[0] ?? '')
      : wanted.some((want) => path === normalize(want) || path.startsWith(normalize(want) + sep)),
  )
  return chosen.sort()
}

/** tap is generated for the plugins in use; the package as published still has the TypeScript plugin. */
function tapIsBuilt(): boolean {
  try {
    const built = createRequire(tapBin).resolve('@tapjs/test/package.json')
    const text = readFileSync(join(dirname(built), 'test-built/dist/esm/index.js'), 'utf8')
    return !text.includes('@tapjs/typescript')
  } catch {
    return false
  }
}

function buildTap(): void {
  const built = spawnSync(process.execPath, [tapBin, 'build'], { cwd: root, encoding: 'utf8' })
  if (built.status === 0) return
  process.stderr.write(`tap build failed\n${built.stdout}${built.stderr}`)
  process.stdout.write('0 passed, 1 failed\n')
  process.exit(1)
}

interface Totals {
  total: number
  pass: number
  fail: number
}

/** `# { total: 8, pass: 5, fail: 1, todo: 1, skip: 1 }`; parts that are zero may be absent. */
function parseTotals(line: string): Totals | undefined {
  const inner = /^# \{ (.*) \}$/.exec(line)?.[1]
  if (inner === undefined) return undefined
  const count = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(inner)?.[1] ?? 0)
  return { total: count('total'), pass: count('pass'), fail: count('fail') }
}

const RESULT = /^( *)(not )?ok \d+(?: - (.*?))?(?: # (TODO|SKIP|time=).*)?(?: \{)?$/

/** Collects the lines of one file; says which tests inside failed, innermost only. */
class FileReport {
  lines: string[] = []
  #failed: { indent: number; title: string }[] = []

  add(line: string): void {
    this.lines.push(line)
    const result = RESULT.exec(line)
    if (result === null || result[2] === undefined || result[4] === 'TODO' || result[4] === 'SKIP') return
    const indent = result[1]?.length ?? 0
    if (indent > 0) this.#failed.push({ indent, title: result[3] ?? '(no title)' })
  }

  failedTitles(): string[] {
    return this.#failed.map(({ title }) => title)
  }
}
