/**
 * How large files and functions of src may be, by the linter (`limits.oxlintrc.json`). What was larger when the limits came stands in
 * `standing.txt` with its measure. That list may only shrink: what grows, and what is new, fails.
 * `node dist/test/tidy/limits.test.js --write` writes the list anew, for whoever made something smaller.
 */
import t from 'tap'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = process.cwd()
const config = join(root, 'test/tidy/limits.oxlintrc.json')
const list = join(root, 'test/tidy/standing.txt')

interface Diagnostic {
  readonly code: string
  readonly filename: string
  readonly message: string
}

/** Rule, file and function → the measure; the largest where functions have no name. */
async function overLimits(): Promise<Map<string, number>> {
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  const said = await new Promise<string>((resolve) => {
    execFile(
      oxlint,
      ['--config', config, '--format', 'json', 'src'],
      { cwd: root, maxBuffer: 64 << 20 },
      (_error, stdout) => resolve(stdout),
    )
  })
  const found = new Map<string, number>()
  for (const { code, filename, message } of (
    JSON.parse(said) as { diagnostics: readonly Diagnostic[] }
  ).diagnostics) {
    const rule = /^eslint\(([a-z-]+)\)$/.exec(code)?.[1] ?? code
    const name = /`([^`]+)`/.exec(message)?.[1] ?? '-'
    const measure = Number(/(?:complexity of |\()(\d+)/.exec(message)?.[1] ?? Number.NaN)
    const key = `${rule} ${filename} ${name}`
    found.set(key, Math.max(measure, found.get(key) ?? 0))
  }
  return found
}

const lineOf = ([key, measure]: readonly [string, number]): string => `${key} ${measure}`
const found = await overLimits()

if (process.argv.includes('--write'))
  await writeFile(list, `${[...found].map(lineOf).sort().join('\n')}\n`)

t.test(
  'no file or function is larger than the limits, but for those on the list, which may only shrink',
  async (t) => {
    const listed = new Map(
      (await readFile(list, 'utf8'))
        .trimEnd()
        .split('\n')
        .map(
          (line) =>
            [
              line.slice(0, line.lastIndexOf(' ')),
              Number(line.slice(line.lastIndexOf(' ') + 1)),
            ] as const,
        ),
    )
    t.ok(found.size > 0 && [...found.values()].every(Number.isInteger), 'the linter measures')
    const worse = [...found].filter(([key, measure]) => measure > (listed.get(key) ?? 0))
    t.same(worse.map(lineOf), [], 'larger than the list says: divide it by what its parts do')
    t.same(
      [...listed.keys()].filter((key) => !found.has(key)),
      [],
      'no longer over a limit: take it off the list',
    )
  },
)
