/** Under `--lang zh`, a Chinese locale or `lang: zh` of node.yaml a person reads Chinese alone. */
import t from 'tap'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { languageOf, localTime } from '../../src/cli/output.ts'
import { runCli } from '../../src/cli/program.ts'
import { english } from './english.ts'

async function run(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; out: string; all: string }> {
  let out = ''
  let err = ''
  const code = await runCli(words, {
    stdout: { write: (text: string) => void (out += text) },
    stderr: { write: (text: string) => void (err += text) },
    env,
  })
  return { code, out, all: out + err }
}

t.test('the scan finds English sentences and leaves commands alone', async (t) => {
  t.same(english('错误：the node is not running'), ['错误：the node is not running'])
  t.same(english('请执行 huxin node recover，见 nodes/README.md'), [])
})

t.test('the help of every command is Chinese', async (t) => {
  let seen = 0
  const visit = async (path: readonly string[]): Promise<void> => {
    const { code, out } = await run([...path, '--help', '--lang', 'zh'])
    t.equal(code, 0, path.join(' '))
    t.same(english(out), [], `huxin ${path.join(' ')}`)
    seen++
    const commands = /^命令：\n((?: {2}.*\n)+)/m.exec(out)?.[1] ?? ''
    for (const [, name] of commands.matchAll(/^ {2}([a-z][a-z-]*)/gm))
      if (name !== 'help') await visit([...path, name!])
  }
  await visit([])
  t.ok(seen > 60, `${seen} commands were read`)
})

t.test(
  'what a wrong command line, a missing node and a bad configuration say is Chinese, and JSON has both languages',
  async (t) => {
    const folder = t.testdir()
    const wrong: readonly (readonly string[])[] = [
      ['nod'],
      ['node', 'chek'],
      ['node', 'status', '--frob'],
      ['log', 'show'],
      ['pki', 'issue'],
      ['amend', 'withdraw', 'x', 'y', '--reason', 'r', '--document', 'd'],
      ['node', 'status'],
      ['node', 'start'],
      ['node', 'check'],
      ['fsck'],
      ['log', 'list'],
      ['member', 'list'],
      ['catalog', 'list'],
      ['import', 'none.csv', '--item', 'a/b@1', '--to', '330106'],
      ['verify', 'none.txt', '--root', 'x'],
      ['log', 'verify', 'none.json', '--vkey', 'x'],
      ['show', 'r-1'],
      ['node', 'join', 'none.json'],
      ['catalog', 'publish', 'none.yaml', '--reason', 'r', '--document', 'd'],
    ]
    for (const words of wrong) {
      const ran = await run([...words, ...(words.length > 1 ? ['--lang', 'zh'] : [])], {
        HUXIN_NODE: folder,
        LANG: 'zh_CN.UTF-8',
      })
      t.not(ran.code, 0, words.join(' '))
      t.same(english(ran.all), [], words.join(' '))
      const { out } = await run([...words, '--json', '--lang', 'en'], { HUXIN_NODE: folder })
      if (!out.startsWith('{')) continue
      const { error } = JSON.parse(out) as { error?: { message: string; messageZh: string } }
      if (error)
        t.match(
          error,
          { message: /^[^\p{Script=Han}]+$/u, messageZh: /\p{Script=Han}/u },
          words.join(' '),
        )
    }
  },
)

t.test(
  'lang of node.yaml counts before the locale and after --lang, and a check of bad fields is in that language',
  async (t) => {
    const folder = t.testdir()
    const bad = [
      'node: Zj',
      'tier: village',
      'divisions: [33]',
      'body: 91330000MA27XXXXX8',
      'listen: 7443',
      'tls: {certificate: a, roots: []}',
      'parent: {node: zj.example/330000, address: nowhere, prox: x}',
      'lissten: x',
      'connectionsMax: 0',
      '',
    ]
    await writeFile(join(folder, 'node.yaml'), [...bad, 'lang: zh # for everybody', ''].join('\n'))
    const checked = await run(['node', 'check', '--node', folder], { LANG: 'en_US.UTF-8' })
    t.equal(checked.code, 2)
    t.match(checked.all, /\p{Script=Han}/u)
    t.same(english(checked.all), [])
    t.match((await run(['node', 'check', '--node', folder, '--lang', 'en'])).all, /is missing/)
    await writeFile(join(folder, 'node.yaml'), 'node: [\nlang: zh\n')
    t.match(
      (await run(['node', 'check', '--node', folder])).all,
      /第 \d+ 行第 \d+ 列不是正确的 YAML/,
    )
    t.equal(languageOf({ LANG: 'zh_CN.UTF-8' }, undefined, 'en'), 'en')
    t.equal(languageOf({ LANG: 'zh_CN.UTF-8' }, 'en', 'zh'), 'en')
    t.equal(languageOf({ LANG: 'zh_CN.UTF-8' }), 'zh')
  },
)

t.test('times are shown where the machine stands, with their zone', async (t) => {
  const before = process.env['TZ']
  t.teardown(() => {
    if (before === undefined) delete process.env['TZ']
    else process.env['TZ'] = before
  })
  const at = Date.parse('2026-11-30T13:15:03Z')
  for (const [zone, shown] of [
    ['Asia/Shanghai', '2026-11-30 21:15:03 +08:00'],
    ['UTC', '2026-11-30 13:15:03 +00:00'],
    ['America/St_Johns', '2026-11-30 09:45:03 -03:30'],
  ] as const) {
    process.env['TZ'] = zone
    t.equal(localTime(at), shown)
  }
})
