/** `src/gen` is what the definitions in `proto` give, and they keep to buf's rules. */
import t from 'tap'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = process.cwd()
const bin = join(root, 'node_modules/.bin')
const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` }

async function buf(...words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(join(bin, 'buf'), words, {
    cwd: join(root, 'proto'),
    env,
  })
  return `${stdout}${stderr}`
}

/** Path below the folder → content. */
async function filesIn(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .sort()
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
    ),
  )
}

t.test('the definitions keep to the rules', async (t) => {
  t.equal(await buf('lint'), '')
})

t.test('the generated code is what they give', async (t) => {
  const folder = t.testdir()
  // The template writes beside `proto`.
  await buf('generate', '--output', join(folder, 'proto'))
  const [made, kept] = [
    await filesIn(join(folder, 'src/gen')),
    await filesIn(join(root, 'src/gen')),
  ]
  t.ok(made.size > 5)
  t.same([...made.keys()], [...kept.keys()])
  t.same(
    [...made].filter(([name, text]) => kept.get(name) !== text).map(([name]) => name),
    [],
    'npm run generate makes these anew',
  )
})
