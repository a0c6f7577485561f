import t from 'tap'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig } from '../../src/node/config.ts'
import { errorRows, examples } from './examples.ts'

const root = process.cwd()

t.test('the worked examples in proto/README.md are what the code makes', async (t) => {
  const readme = await readFile(join(root, 'proto/README.md'), 'utf8')
  const printed = new Map([...readme.matchAll(/```text example:([a-z-]+)\n([\s\S]*?)\n```/g)].map((match) => [match[1]!, match[2]!]))
  for (const [name, content] of Object.entries(examples())) t.equal(printed.get(name), content.trimEnd(), name)
  t.ok(readme.includes(errorRows()), 'the error table is the one in src/base/errors.ts')
})

t.test('every configuration in nodes/ is valid', async (t) => {
  for (const id of await readdir(join(root, 'nodes'))) {
    for (const name of ['node.yaml', 'node.yaml.example']) {
      const text = await readFile(join(root, 'nodes', id, name), 'utf8').catch(() => undefined)
      if (text !== undefined) t.same(parseConfig(text, join(root, 'nodes', id)).faults, [], `${id}/${name}`)
    }
  }
})

t.test('a bad configuration names every bad field with a hint', (t) => {
  const { faults } = parseConfig('node: X\ntier: town\nbody: 1\ntls: {certificate: a, roots: []}\nlisten: 7\nwrong: 1\n', '/x')
  t.same(faults.map(({ path }) => path).sort(), ['body', 'listen', 'node', 'tier', 'tls.key', 'tls.roots', 'wrong'])
  t.ok(faults.every(({ hint }) => hint.length > 0))
  t.end()
})
