/**
 * Patterns of attribute schemas. Whoever publishes a catalog item chooses the pattern, and every node matches it
 * against text that somebody else chooses; so no pattern may take long, whatever the text.
 *
 * A plain pattern is matched by the platform's engine, which backtracks: it has no alternation, no counted repetition
 * and few quantifiers, so that it is at most quadratic on a short text. Every other pattern is matched by RE2
 * (re2js), whose time is linear in the text and in the size of the compiled pattern; that product is bounded here.
 * References to groups are refused. Look-around, which RE2 does not know, is not published any more; items of before have it in plain patterns alone.
 */
import { RE2JS } from 're2js'
import { messageOf } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'

export const PATTERN_LENGTH_MAX = 200
/** Characters of a text on which a plain pattern may give way without a bound. */
const PLAIN_TEXT_MAX = 1_000
const PLAIN_QUANTIFIERS_MAX = 4
const PLAIN_UNBOUNDED_MAX = 2
/** Ways in which the counted repetitions of a pattern with look-around may give way, all together. */
const COUNTED_WAYS_MAX = 10_000
/** Instructions of a compiled pattern. */
const PROGRAM_MAX = 2_000
/** Instructions times characters: about a hundredth of a second where RE2 is slowest. */
const WORK_MAX = 16_000_000
/** Characters of a text in a record, which has at most 65,536 bytes. */
const TEXT_MAX = 65_536

/** What ajv wants of a compiled pattern. */
export interface Pattern {
  test(text: string): boolean
  toString(): string
}

/**
 * What is wrong with a pattern of a schema; undefined when nothing is.
 * @param lengthMax the `maxLength` that stands beside it, in characters; `own`: it is published now, and look-around is for items of before
 */
export function patternFault(
  pattern: string,
  lengthMax: unknown,
  { own = false }: { readonly own?: boolean } = {},
): Text | undefined {
  if (own && isLookAround(withoutClasses(pattern)))
    return text`RE2 does not know look-ahead and look-behind, (?= (?! (?<= (?<!: say what the text is, and not what stands beside it`
  if (pattern.length > PATTERN_LENGTH_MAX) return text`at most ${PATTERN_LENGTH_MAX} characters`
  const textMax = typeof lengthMax === 'number' ? Math.min(lengthMax, TEXT_MAX) : TEXT_MAX
  if (isPlain(pattern, textMax)) return undefined
  let size: number
  try {
    size = compileRe2(pattern).programSize()
  } catch (error) {
    return text`RE2 does not take it: ${messageOf(error).slice(0, 120)}`
  }
  if (size > PROGRAM_MAX)
    return text`it is too large (${size} steps, at most ${PROGRAM_MAX}): repeat less often`
  return size * textMax > WORK_MAX
    ? text`it is too slow for texts of ${textMax} characters: give a maxLength of at most ${Math.floor(WORK_MAX / size)}`
    : undefined
}

/**
 * The engine for ajv (`code.regExp`). Patterns that patternFault finds good are matched in bounded time.
 * @throws Error when the pattern does not compile
 */
export const patternEngine = Object.assign(
  (pattern: string, flags: string): Pattern => {
    return isPlain(pattern, TEXT_MAX) || isLookAround(pattern)
      ? new RegExp(pattern, flags)
      : new Re2Pattern(pattern)
  },
  { code: 'patternEngine' },
)

class Re2Pattern implements Pattern {
  readonly #source: string
  readonly #compiled: RE2JS

  constructor(source: string) {
    this.#source = source
    this.#compiled = compileRe2(source)
  }

  test(text: string): boolean {
    return this.#compiled.test(text)
  }

  /** ajv keeps compiled patterns by this text. */
  toString(): string {
    return `re2:${this.#source}`
  }
}

/** JSON Schema asks for ECMA-262, whose `\\uXXXX` RE2 writes `\\x{XXXX}`. */
function compileRe2(pattern: string): RE2JS {
  return RE2JS.compile(RE2JS.translateRegExp(pattern))
}

/** True when the platform's engine is at most quadratic on texts of that many characters. */
function isPlain(pattern: string, textMax: number): boolean {
  const bare = bareOf(pattern)
  if (!bare.startsWith('^') || /[|\\]|\)[*+{]/.test(bare)) return false
  const counted = [...bare.matchAll(/\{(\d+),(\d+)\}/g)]
  if (counted.length > 0 && !isLookAround(pattern)) return false
  const ways = counted.reduce(
    (product, [, from, to]) => product * (Number(to) - Number(from) + 1),
    1,
  )
  const quantifiers = bare.match(/[*+?]|\{\d+,\d*\}/g) ?? []
  const unbounded = quantifiers.filter((one) => /^[*+]|,\}$/.test(one)).length
  return (
    quantifiers.length <= PLAIN_QUANTIFIERS_MAX &&
    unbounded <= PLAIN_UNBOUNDED_MAX &&
    ways <= COUNTED_WAYS_MAX &&
    (unbounded === 0 || textMax <= PLAIN_TEXT_MAX)
  )
}

const isLookAround = (pattern: string): boolean => /\(\?<?[=!]/.test(pattern)

/** The pattern with one letter for each escape and class. */
const withoutClasses = (pattern: string): string =>
  pattern.replace(/\\[^\dk]/g, 'x').replace(/\[[^\]]*\]/g, 'x')
/** The same without what follows the opening of a group. */
const bareOf = (pattern: string): string =>
  withoutClasses(pattern).replace(/\(\?(?:[:=!]|<[^>]*>)/g, '(')
