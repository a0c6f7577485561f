/** `npm run build` beside a running node: the program before stays until the new one is whole. */
import t from 'tap'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const COMPILER = 'tsc -p tsconfig.json'
const folder = await mkdtemp(join(tmpdir(), 'huxin-build-'))
t.teardown(() => rm(folder, { recursive: true }))

/** Runs the build of package.json with another compiler; gives the exit code. */
async function build(compiler: string): Promise<number> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: { build: string }
  }
  if (!scripts.build.includes(COMPILER)) throw new Error(`the build does not call ${COMPILER}`)
  await writeFile(join(folder, 'compiler.cjs'), compiler)
  return new Promise((resolve) => {
    execFile(
      'sh',
      ['-c', scripts.build.replace(COMPILER, 'node compiler.cjs')],
      { cwd: folder },
      (error) => resolve(Number(error?.code ?? 0)),
    )
  })
}

/** Writes where it is told, when the program before is there. */
const compiler = (
  name: string,
  before: readonly string[],
  exit = 0,
): string => `const fs = require('node:fs')
const out = process.argv[process.argv.indexOf('--outDir') + 1]
const there = fs.existsSync('dist') ? fs.readdirSync('dist') : []
if (JSON.stringify(there) !== '${JSON.stringify(before)}') process.exit(9)
fs.mkdirSync(out, { recursive: true })
fs.writeFileSync(out + '/${name}', '')
process.exit(${exit})`

t.test(
  'a build takes the place of the one before at once, and one that fails takes none',
  async (t) => {
    t.equal(await build(compiler('a.js', [])), 0, 'the first')
    t.same(await readdir(join(folder, 'dist')), ['a.js'])
    t.equal(
      await build(compiler('b.js', ['a.js'])),
      0,
      'the program before is there while the compiler runs',
    )
    t.same(await readdir(join(folder, 'dist')), ['b.js'], 'nothing of the one before is left')
    t.equal(await build(compiler('c.js', ['b.js'], 2)), 2)
    t.same(await readdir(join(folder, 'dist')), ['b.js'])
    await mkdir(join(folder, 'dist.before'))
    t.equal(
      await build(compiler('d.js', ['b.js'])),
      0,
      'what was left by one that was cut off is no hindrance',
    )
    t.same(
      (await readdir(folder)).filter((name) => name.startsWith('dist')),
      ['dist'],
    )
  },
)
