/**
 * Decimal arithmetic on what was written, without binary fractions. A number that came through JSON is taken as the
 * shortest decimal that stands for it, which is the one that was written when that had at most 15 digits.
 */

/** digits × 10^exponent */
interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

const FORM = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** No decimal that a double stands for has more; a longer text would be work for nothing. */
const EXPONENT_MAX = 400

function parse(text: string): Decimal | undefined {
  const match = FORM.exec(text)
  if (!match) return undefined
  const [, sign, whole, fraction = '', power = '0'] = match
  const exponent = Number(power) - fraction.length
  if (text.length > EXPONENT_MAX || Math.abs(exponent) > EXPONENT_MAX) return undefined
  return { digits: BigInt(`${sign}${whole}${fraction}`), exponent }
}

/** Both with the exponent of the finer one. */
function aligned(a: Decimal, b: Decimal): readonly [bigint, bigint] {
  const exponent = Math.min(a.exponent, b.exponent)
  return [
    a.digits * 10n ** BigInt(a.exponent - exponent),
    b.digits * 10n ** BigInt(b.exponent - exponent),
  ]
}

/** True when a number is a whole multiple of another, both as decimals: 8.69 is one of 0.01. */
export function isMultiple(value: number, of: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(of)) return value % of === 0
  const [dividend, divisor] = [parse(String(value)), parse(String(of))]
  if (!dividend || !divisor || divisor.digits === 0n) return false
  const [a, b] = aligned(dividend, divisor)
  return a % b === 0n
}

/** Negative, zero or positive as `a` is less than, the same as or more than `b`; undefined when one is no decimal. */
export function compareDecimals(a: string, b: string): number | undefined {
  const [one, other] = [parse(a), parse(b)]
  if (!one || !other) return undefined
  const [left, right] = aligned(one, other)
  return left < right ? -1 : left > right ? 1 : 0
}

/** True when a JSON number that is written so comes back with the same value from a reader that uses doubles. */
export function survivesDouble(text: string): boolean {
  const value = Number(text)
  return Number.isFinite(value) && compareDecimals(text, String(value)) === 0
}
