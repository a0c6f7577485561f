import t from 'tap'
import { access, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig } from '../../src/node/config.ts'
import { verifyFork } from '../../src/evidence/fork.ts'
import { verifyEvidence } from '../../src/evidence/verify.ts'
import { alarmTable } from '../../src/alarm/alarm-table.ts'
import { alarmRows, errorRows, examples } from './examples.ts'

const root = process.cwd()

t.test('the worked examples in proto/README.md are what the code makes', async (t) => {
  const readme = await readFile(join(root, 'proto/README.md'), 'utf8')
  const printed = new Map(
    [...readme.matchAll(/```text example:([a-z-]+)\n([\s\S]*?)\n```/g)].map((match) => [
      match[1]!,
      match[2]!,
    ]),
  )
  for (const [name, content] of Object.entries(examples()))
    t.equal(printed.get(name), content.trimEnd(), name)
  t.ok(readme.includes(errorRows()), 'the error table is the one in src/base/errors.ts')
})

t.test('the example of evidence is verified with the key of its root', (t) => {
  const { evidence, vkeys } = examples()
  const { record, logs } = verifyEvidence(Buffer.from(evidence!), [vkeys!.split('\n')[2]!])
  t.equal(Buffer.from(record!.bytes!).toString(), 'first record')
  t.same(
    logs.map(({ log, cosigners }) => [log, cosigners.map(({ name }) => name)]),
    [['zj.example/330800/1', ['zj.example/330825']]],
  )
  t.end()
})

t.test('the example of a fork is verified with the key of its root', (t) => {
  const { fork, vkeys } = examples()
  const [county, , city] = vkeys!.split('\n') as [string, string, string]
  t.match(verifyFork(Buffer.from(fork!), [city]), { log: 'zj.example/330825/1', keys: [county] })
  t.end()
})

t.test('every configuration in nodes/ is valid', async (t) => {
  for (const id of await readdir(join(root, 'nodes'))) {
    for (const name of ['node.yaml', 'node.yaml.example']) {
      const text = await readFile(join(root, 'nodes', id, name), 'utf8').catch(() => undefined)
      if (text !== undefined)
        t.same(parseConfig(text, join(root, 'nodes', id)).faults, [], `${id}/${name}`)
    }
  }
})

t.test('a bad configuration names every bad field with a hint', (t) => {
  const { faults } = parseConfig(
    'node: X\ntier: town\nbody: 1\ntls: {certificate: a, roots: []}\nlisten: 7\nwrong: 1\n',
    '/x',
  )
  t.same(faults.map(({ path }) => path).sort(), [
    'body',
    'listen',
    'node',
    'tier',
    'tls.key',
    'tls.roots',
    'wrong',
  ])
  t.ok(faults.every(({ hint }) => hint.en.length > 0))
  t.end()
})

const read = (file: string): Promise<string> => readFile(join(root, file), 'utf8')

/** Cells of the table rows of a text. */
function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '))
}

t.test('src/README.md names exactly the dependencies that package.json has', async (t) => {
  const { dependencies } = JSON.parse(await read('package.json')) as {
    dependencies: Readonly<Record<string, string>>
  }
  const section = (await read('src/README.md')).split('## Dependencies')[1]!
  const named = tableRows(section)
    .slice(1)
    .flatMap(([packages]) => packages!.split(', '))
  t.same(
    named.sort(),
    Object.entries(dependencies)
      .map(([name, version]) => `${name} ${version}`)
      .sort(),
  )
})

t.test('both manuals of nodes have every field of node.yaml', async (t) => {
  const readmes = [await read('nodes/README.md'), await read('nodes/README.zh-CN.md')]
  const known = parseConfig('unknown: 1\n', '/x')
    .faults.find(({ path }) => path === 'unknown')!
    .hint.en.replace('known are ', '')
    .split(', ')
  t.ok(known.length > 8)
  for (const readme of readmes)
    for (const field of known)
      t.ok(readme.includes(`| \`${field}\``) || readme.includes(`| \`${field}.`), field)
})

t.test(
  'both manuals of nodes have the table of alarms, each code is raised, and what raises it has Chinese',
  async (t) => {
    t.ok(
      (await read('nodes/README.md')).includes(alarmRows()),
      'node dist/test/docs/print.js prints it',
    )
    t.ok((await read('nodes/README.zh-CN.md')).includes(alarmRows('zh')), 'the Chinese one as well')
    const files = (await readdir(join(root, 'src'), { recursive: true })).filter(
      (path) => path.endsWith('.ts') && !path.startsWith('gen'),
    )
    const source = (await Promise.all(files.map((path) => read(join('src', path))))).join('\n')
    for (const [code, row] of Object.entries(alarmTable)) {
      t.ok(new RegExp(`(raise\\(\\s*|ALARM = |alarm: )'${code}'`).test(source), `${code} is raised`)
      for (const words of [row.meaningZh, row.remedyZh]) t.match(words, /[\u4e00-\u9fff]/, code)
    }
  },
)

t.test('the glossary has the terms that the federation uses', async (t) => {
  const terms = new Map(
    tableRows((await read('proto/README.md')).split('## Glossary')[1]!).map(([en, zh]) => [zh, en]),
  )
  for (const [zh, en] of Object.entries({
    目录项: 'catalog item',
    信用信息记录: 'credit record',
    报送节点: 'origin',
    数据提供单位: 'provider',
    送达范围: 'targets',
    报送序列: 'lane',
    接收入账: 'accept',
    退回: 'refused',
    辖区: 'subtree',
    接入节点: 'member',
    日志签名点: 'checkpoint',
    见证签名: 'cosignature',
    暂停接收: 'quarantine',
    查询留痕: 'access record',
    存证材料: 'evidence',
    信用主体: 'subject',
  }))
    t.equal(terms.get(zh), en, zh)
})

t.test('every test that the threat model names is there', async (t) => {
  const text = await readFile(join(root, '.github/SECURITY.md'), 'utf8')
  const table = text.slice(text.indexOf('## Threats'), text.indexOf('## Known limits'))
  const named = [
    ...new Set([...table.matchAll(/`([a-z0-9-]+\/[a-z0-9-]+)`/g)].map((match) => match[1]!)),
  ]
  t.ok(named.length > 20)
  for (const name of named) await t.resolves(readFile(join(root, 'test', `${name}.test.ts`)), name)
  for (const row of table
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| who')))
    t.match(row, /`[a-z0-9-]+\/[a-z0-9-]+` \|$/, row.slice(0, 40))
})

t.test('no README names a file of the repository that is not there', async (t) => {
  const folders = ['src', 'proto', 'nodes', 'certs', 'test']
  const there = (
    await Promise.all(
      folders.map(async (folder) =>
        (await readdir(join(root, folder), { recursive: true })).map((path) => join(folder, path)),
      ),
    )
  ).flat()
  for (const folder of ['', ...folders]) {
    const texts = await Promise.all(
      ['README.md', 'README.zh-CN.md'].map((name) => read(join(folder, name)).catch(() => '')),
    )
    for (const [, name] of texts
      .join('\n')
      .matchAll(/`((?:[a-z-]+\/)*[a-z0-9-]+\.(?:ts|md|proto))`/g)) {
      t.ok(
        there.some((path) => path === name || path.endsWith(`/${name}`)),
        `${folder}/README.md: ${name}`,
      )
    }
  }
})

t.test(
  'every file, folder, test and script that .github/CONTRIBUTING.md names is there',
  async (t) => {
    const text = await read('.github/CONTRIBUTING.md')
    const paths = [...text.matchAll(/`((?:src|test|proto|nodes|\.github)\/[\w./-]+)`/g)].map(
      (match) => match[1]!,
    )
    t.ok(paths.length > 20)
    for (const path of new Set(paths)) await t.resolves(access(join(root, path)), path)
    const { scripts } = JSON.parse(await read('package.json')) as {
      scripts: Readonly<Record<string, string>>
    }
    for (const [, name] of text.matchAll(/`npm run ([a-z:]+)/g))
      t.ok(Object.hasOwn(scripts, name!), `npm run ${name}`)
  },
)

t.test(
  'the Chinese manual of nodes has the sections of the English one, in the same order',
  async (t) => {
    const [english, chinese] = await Promise.all(
      ['nodes/README.md', 'nodes/README.zh-CN.md'].map(async (path) => headings(await read(path))),
    )
    t.ok(english!.length > 15)
    t.same(
      chinese!.map(({ level }) => level),
      english!.map(({ level }) => level),
    )
  },
)

t.test('every link to a section of a manual leads to one', async (t) => {
  const paths = ['', 'src/', 'proto/', 'nodes/', 'certs/', 'test/'].flatMap((folder) => [
    `${folder}README.md`,
    `${folder}README.zh-CN.md`,
  ])
  const texts = new Map(
    (
      await Promise.all(
        [...paths, '.github/CONTRIBUTING.md'].map(
          async (path) => [path, await read(path).catch(() => undefined)] as const,
        ),
      )
    ).flatMap(([path, text]) => (text === undefined ? [] : [[path, text] as const])),
  )
  let links = 0
  for (const [path, text] of texts) {
    for (const [, file, anchor] of text.matchAll(/\]\(([\w./-]*)#([^)]+)\)/g)) {
      const target = file === '' ? path : join(path, '..', file!)
      const there = headings(texts.get(target) ?? '').map(({ title }) =>
        title
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      )
      t.ok(there.includes(anchor!), `${path}: ${target}#${anchor}`)
      links++
    }
  }
  t.ok(links > 15, 'links were found')
})

/** Headings outside of code. */
function headings(text: string): { readonly level: number; readonly title: string }[] {
  return [...text.replaceAll(/^ *```[^]*?^ *```/gm, '').matchAll(/^(#+) (.+)$/gm)].map(
    ([, marks, title]) => ({ level: marks!.length, title: title! }),
  )
}
