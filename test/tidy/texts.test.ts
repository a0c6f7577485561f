/** Every sentence that the program says has its Chinese, with the same values. */
import t from 'tap'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chineseRows } from '../../src/base/chinese.ts'
import { systemChinese } from '../../src/base/chinese/system.ts'
import { templatesIn, templatesOf } from './templates.ts'

const src = join(process.cwd(), 'src')
const places = (template: string): readonly string[] =>
  [...template.matchAll(/\{\d+\}/g)].map(([place]) => place).sort()
/** A template of values and marks alone says nothing in any language. */
const isWordless = (template: string): boolean =>
  !/\p{L}/u.test(template.replaceAll(/\{\d+\}/g, ''))

t.test(
  'every template has its Chinese, every Chinese its template, and both the same places',
  async (t) => {
    const templates = await templatesOf(src)
    t.ok(templates.length > 700, 'templates were found')
    const rows = new Map(chineseRows())
    t.same(
      chineseRows()
        .map(([english]) => english)
        .filter((english, i, all) => all.indexOf(english) !== i),
      [],
      'English that stands twice',
    )
    t.same(
      templates
        .filter(({ template }) => !isWordless(template) && !rows.has(template))
        .map(({ place, template }) => `${place}: ${template}`),
      [],
      'templates without Chinese',
    )
    const used = new Set(templates.map(({ template }) => template))
    t.same(
      [...rows.keys()].filter(
        (english) => !used.has(english) && !Object.hasOwn(systemChinese, english),
      ),
      [],
      'Chinese without a template',
    )
    t.same(
      [...rows]
        .filter(([english, chinese]) => places(english).join() !== places(chinese).join())
        .map(([english]) => english),
      [],
      'other places',
    )
  },
)

t.test('the Chinese has Chinese words, and no English ones but names', async (t) => {
  const wrong = chineseRows().filter(([, chinese]) => !isWordless(chinese) && sentenceIn(chinese))
  t.same(
    wrong.map(([english]) => english),
    [],
  )
})

/** Three English words one behind the other, outside of commands and quotes. */
function sentenceIn(chinese: string): boolean {
  return /(?:\b[a-z]{2,} ){3}/.test(chinese.replaceAll(/huxin [a-z -]+/g, ''))
}

t.test('no value of a template is an English sentence', async (t) => {
  const wrong = (await templatesOf(src)).flatMap(({ place, values }) =>
    values.filter((value) => hasBareSentence(value)).map((value) => `${place}: ${value}`),
  )
  t.same(wrong, [], 'a translated word in a place is a text of its own')
})

/** Rooms and files whose bare sentences are for logs, programs or data: protocols of others, names of the starter catalog, files themselves. */
const FOR_PROGRAMS =
  /^(?:cli|base|gen|record\/data|intake)\/|^service\/(?:witness-http|audit-server)\.ts|^wire\/server\.ts|^node\/former-epochs\.ts/

t.test(
  'no sentence for people is a bare string, which would stay English wherever a text takes it',
  async (t) => {
    const wrong: string[] = []
    for (const path of (await readdir(src, { recursive: true })).filter(
      (one) => one.endsWith('.ts') && !FOR_PROGRAMS.test(one),
    )) {
      for (const [i, line] of (await readFile(join(src, path), 'utf8')).split('\n').entries())
        if (isBareSentence(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`)
    }
    t.same(wrong, [])
    t.ok(isBareSentence("  if (!stored) return 'its body is missing here'"))
    t.ok(
      isBareSentence('  const whose = owner ? `${owner.name} publishes the names of it` : text`x`'),
    )
    t.notOk(isBareSentence('  return text`its body is missing here`'))
  },
)

/** A string that is returned or chosen and has four words. */
function isBareSentence(line: string): boolean {
  const code =
    /^\s*(?:\*|\/\/|\/\*)/.test(line) || /\blog\.(?:warn|info|error|debug)|nameEn|# \$\{/.test(line)
      ? ''
      : line
  return /(?:return|[?:=]) (['`])(?:\$\{[^}]*\} )?(?:[a-z]{2,}[ ,]+){3,}[a-z]{2,}[^'`]*\1/.test(
    code,
  )
}

/** A literal with two words that is not a text. */
function hasBareSentence(code: string): boolean {
  const bare =
    templatesIn(code, '').length > 0 ? code.replaceAll(/text`(?:[^`$]|\$\{[^}]*\})*`/g, '') : code
  return /'[^']*[a-z]{2,} [a-z]{2,}[^']*'/.test(bare)
}

t.test(
  'the scan finds nested templates, escapes and braces, and passes over what only looks like one',
  async (t) => {
    const found = templatesIn(
      "throw f(text`a ${b ? text`c ${d}` : '}'} \\`e\\``) // the `text` of\nconst x = `well-formed text`",
      'x.ts',
    )
    t.same(
      found.map(({ template }) => template),
      ['a {0} `e`', 'c {0}'],
    )
    t.same(found[0]!.values, ["b ? text`c ${d}` : '}'"])
    t.equal(found[1]!.place, 'x.ts:1')
  },
)
