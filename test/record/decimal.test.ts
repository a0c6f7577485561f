/** Decimals are what was written: no binary fraction decides whether an amount is right. */
import t from 'tap'
import { compareDecimals, isMultiple, survivesDouble } from '../../src/record/decimal.ts'
import { attributesRule } from '../../src/record/schema.ts'

t.test('multiples are those of decimal arithmetic', async (t) => {
  for (const value of [
    8.69, 143.48, 1.11, 0.94, 19.99, 4.35, 0.07, 4.1, -8.69, 0, 1e3, 999999999999.99, 1e-2,
  ])
    t.equal(isMultiple(value, 0.01), true, String(value))
  for (const value of [
    8.695,
    0.001,
    1.005,
    999999999.999,
    1e-7,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ])
    t.equal(isMultiple(value, 0.01), false, String(value))
  t.equal(isMultiple(0.000001, 0.000001), true)
  t.equal(isMultiple(123456.789012, 0.000001), true)
  t.equal(isMultiple(1e300, 1e-300), true, 'in bounded time')
  t.equal(isMultiple(7, 2), false)
  t.equal(isMultiple(8, 2), true)
})

t.test('attributes are checked so', async (t) => {
  const rule = attributesRule(
    JSON.stringify({
      type: 'object',
      additionalProperties: false,
      properties: { amount: { type: 'number', multipleOf: 0.01 } },
    }),
  )
  const faults = (source: string): string[] => {
    const found: string[] = []
    rule(source, (path, code, detail) => found.push(`${path} ${code} ${String(detail)}`))
    return found
  }
  for (const amount of ['8.69', '143.48', '1.11', '4.35', '1e2', '-0.07'])
    t.same(faults(`{"amount":${amount}}`), [], amount)
  for (const amount of ['8.695', '0.001', '1e-3'])
    t.same(
      faults(`{"amount":${amount}}`),
      ['attributes.amount attributes_schema multipleOf: must be multiple of 0.01'],
      amount,
    )
})

t.test('decimal texts compare by value, exactly', async (t) => {
  const cases: readonly (readonly [string, string, number | undefined])[] = [
    ['8.69', '8.690', 0],
    ['999999999999.999999', '999999999999.999998', 1],
    ['-1', '-0.999999', -1],
    ['1e2', '100', 0],
    ['0', '-0', 0],
    ['18228000000.00', '18228000000', 0],
    ['x', '1', undefined],
    ['', '0', undefined],
    ['1.', '1', undefined],
    ['1e9999', '1', undefined],
  ]
  for (const [a, b, order] of cases) t.equal(compareDecimals(a, b), order, `${a} and ${b}`)
})

t.test('a number in JSON is exact when a reader with doubles gets the same value', async (t) => {
  for (const one of ['8.69', '100', '100.00', '999999999.999999', '0.1', '9007199254740991', '1e2'])
    t.equal(survivesDouble(one), true, one)
  for (const one of [
    '999999999999.999999',
    '9007199254740993',
    '12345678901234567890',
    '0.1000000000000000000000001',
    '1e400',
    '',
  ])
    t.equal(survivesDouble(one), false, one)
})
