/** Texts of node.yaml, and of profiles, that are no such thing: refused at once, however they are nested. */
import t from 'tap'
import { parseYaml } from '../../src/base/yaml.ts'
import { parseProfile } from '../../src/intake/profile.ts'
import { parseConfig } from '../../src/node/config.ts'
import { spentMs } from '../support/own-time.ts'

const letters = [...'bcdefghijk']
const bombs: readonly (readonly [title: string, yaml: string])[] = [
  [
    'ten thousand million words by ten names',
    `a: &a [${Array<string>(10).fill('x').join()}]\n${letters
      .map(
        (key, i) =>
          `${key}: &${key} [${Array<string>(10)
            .fill(`*${letters[i - 1] ?? 'a'}`)
            .join()}]`,
      )
      .join('\n')}`,
  ],
  ['a name that holds itself', 'a: &a [*a, *a]\n'],
  ['lists in lists', '['.repeat(200_000)],
  ['tables in tables', '{a: '.repeat(60_000)],
  ['lists in lists by dashes', `a:\n${'- '.repeat(3_000)}`],
  ['tables in tables by question marks', '? '.repeat(3_000)],
  [
    'tables in tables by lines',
    Array.from({ length: 400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  ],
  ['a key of a megabyte', `? ${'a'.repeat(1_000_000)}\n: 1\n`],
  ['a prototype', '__proto__:\n  node: zj.example/330000\n'],
  ['a function', 'node: !!js/function "x"\n'],
  ['nothing', ''],
]

t.test('YAML that is made to take memory or time is refused at once', async (t) => {
  for (const [title, yaml] of bombs) {
    let faults = 0
    const ms = spentMs(() => {
      const { config, faults: found } = parseConfig(yaml, '/nowhere')
      t.equal(config, undefined, title)
      faults = found.length
      t.ok(parseProfile(yaml).profile === undefined, `${title}: no profile`)
    })
    t.ok(faults > 0 && faults < 50, `${title}: ${faults} faults`)
    t.ok(ms < 2_000, `${title} took ${ms.toFixed(0)} ms`)
  }
})

t.test(
  'a place that is nested too deep is named in both languages, and what stands in texts is no nesting',
  async (t) => {
    const [fault] = parseConfig(
      `node: zj.example/330000\nbody: ${'['.repeat(65)}`,
      '/nowhere',
    ).faults
    t.same(
      [fault!.message.en, fault!.message.zh],
      [
        'line 2 is nested too deep: lists and tables stand in each other 64 times at most',
        '第 2 行嵌套过深：列表与对应表至多嵌套 64 层',
      ],
    )
    const deep = { a: '['.repeat(200), b: ['- - - '.repeat(40), { c: '{'.repeat(100) }] }
    t.same(parseYaml(JSON.stringify(deep)), deep)
    const wide = {
      records: Array.from({ length: 100 }, (_, i) => ({ id: i, names: [{ en: 'a', zh: '甲' }] })),
    }
    for (const indent of [0, 2])
      t.same(
        parseYaml(JSON.stringify(wide, undefined, indent)),
        wide,
        'many fields on one line are no nesting',
      )
    for (const piece of ['a: ', 'a:\n ', 'a: 1, b: {a: '])
      t.throws(() => parseYaml(`{${piece.repeat(20_000)}`), { code: 'argument_invalid' })
    t.same(parseYaml(`${'['.repeat(60)}${']'.repeat(60)}`.concat('\n')) !== undefined, true)
  },
)
