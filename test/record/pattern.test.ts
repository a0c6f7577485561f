import t from 'tap'
import { patternEngine, patternFault } from '../../src/record/pattern.ts'
import { attributesRule } from '../../src/record/schema.ts'
import { spentMs } from '../support/own-time.ts'

const groups = `^${'(a|a)'.repeat(38)}b$`
const counted = '^a{0,300}a{0,300}a{0,30}b$'

t.test('a pattern says what is wrong with it', async (t) => {
  const rows: readonly (readonly [
    pattern: string,
    lengthMax: number | undefined,
    fault: RegExp | undefined,
  ])[] = [
    ['^[0-9A-Z]{18}$', undefined, undefined],
    ['^[^ ]+ [^ ]+$', 1_000, undefined],
    ['^(浙|沪)[^,;]{1,30}号$', undefined, undefined],
    ['a', undefined, undefined],
    ['^(a+)+$', undefined, undefined],
    [groups, undefined, undefined],
    ['^a{0,100}a{0,100}b$', 1_000, undefined],
    ['^(?=.*[0-9])[a-z0-9]{1,20}$', 100, undefined],
    ['^(?=a{0,400})a{0,400}a{0,400}b$', 100, /RE2 does not take it/],
    ['^(?=a|b)c$', undefined, /RE2 does not take it/],
    ['^(a)\\1$', undefined, /RE2 does not take it/],
    ['^(a{0,50}){0,50}$', undefined, /RE2 does not take it/],
    ['^a{0,1000}a{0,1000}a{0,1000}a{0,1000}b$', 10, /too large/],
    [counted, undefined, /too slow for texts of 65536 characters: give a maxLength of at most \d+/],
    [counted, 300, undefined],
    [`^${'a'.repeat(199)}$`, undefined, /at most 200 characters/],
    ['^(', undefined, undefined], // schema_invalid says it
  ]
  for (const [pattern, lengthMax, fault] of rows) {
    const found = patternFault(pattern, lengthMax)
    if (fault) t.match(found?.en, fault, pattern)
    else t.equal(found, undefined, pattern)
  }
})

t.test('patterns that make a backtracking engine stand still are matched at once', async (t) => {
  const rows = [
    [groups, 'a'.repeat(38)],
    [counted, 'a'.repeat(299)],
    ['^(a+)+$', `${'a'.repeat(60_000)}b`],
    ['^(x+x+)+y', 'x'.repeat(60_000)],
  ] as const
  for (const [pattern, text] of rows) {
    const engine = patternEngine(pattern, 'u')
    let matches = true
    const ms = spentMs(() => {
      matches = engine.test(text)
    })
    t.notOk(matches, pattern)
    t.ok(ms < 500, `${pattern.slice(0, 30)} took ${ms.toFixed(1)} ms`)
  }
})

t.test('both engines agree on what patterns of departments mean', async (t) => {
  const texts = [
    '',
    'a',
    'A123',
    '浙信〔2026〕12号',
    '沪信1号',
    '𠮷',
    '0571-12345678',
    'ab\n',
    'a b',
    '2026-11-30',
  ]
  for (const pattern of [
    '^(浙|沪)[^,;]{1,30}号$',
    '^[A-T][0-9]{0,4}$',
    '^(?:a|b)?.{1,3}$',
    '^\\d{3,4}-\\d{7,8}$',
    '^[\\u4e00-\\u9fff]{1,20}',
    '^\\S{1,10}$',
    '^(|a)$',
  ]) {
    const engine = patternEngine(pattern, 'u')
    t.match(String(engine), /^re2:/, `${pattern} is RE2's`)
    for (const text of texts)
      t.equal(
        engine.test(text),
        new RegExp(pattern, 'u').test(text),
        `${pattern} on ${JSON.stringify(text)}`,
      )
  }
})

t.test('the elements of a large array are compared in linear time', async (t) => {
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      list: {
        type: 'array',
        uniqueItems: true,
        'x-personal-data': 'none',
        items: {
          type: 'object',
          additionalProperties: false,
          'x-personal-data': 'none',
          properties: { n: { type: 'integer', 'x-personal-data': 'none' } },
        },
      },
    },
  }
  const rule = attributesRule(JSON.stringify(schema))
  const faults = (list: unknown): string[] => {
    const found: string[] = []
    rule(JSON.stringify({ list }), (path, code) => found.push(`${path} ${code}`))
    return found
  }
  const many = Array.from({ length: 6_000 }, (_, n) => ({ n }))
  const ms = spentMs(() => t.same(faults(many), []))
  t.ok(ms < 500, `took ${ms.toFixed(1)} ms`)
  t.same(faults([...many, { n: 7 }]), ['attributes.list attributes_schema'])
  t.same(faults([{ n: 1 }, { n: 1.0 }]), ['attributes.list attributes_schema'])
  t.same(faults([{}, { n: 0 }]), [])
})
