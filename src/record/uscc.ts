/**
 * The unified social credit code (统一社会信用代码, GB 32100-2015): 18 characters of an alphabet without
 * I, O, S, V, Z: registering department 1, class 1, division of the registering authority 6 (GB/T 2260,
 * as of the day of issue: never route by it), subject id 9 (GB 11714), check 1.
 */
import { hasCitizenIdShape } from './citizen-id.ts'
import { latin1 } from './latin1.ts'

const ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY'
const OUTER_WEIGHTS = Int8Array.of(1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
const INNER_WEIGHTS = Int8Array.of(3, 7, 9, 10, 5, 8, 4, 2)

/** Value of a byte in the alphabet, or -1. */
const VALUES = new Int8Array(256).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/** Classes of each registering department, GB 32100-2015 table 1. */
const CLASSES: Readonly<{ [department: string]: string }> = {
  1: '1239',
  2: '19',
  3: '123459',
  4: '19',
  5: '1239',
  6: '129',
  7: '129',
  8: '19',
  9: '123',
  A: '19',
  N: '1239',
  Y: '1',
}
const PAIRS = new Uint8Array(65_536)
for (const [department, classes] of Object.entries(CLASSES)) {
  for (const one of classes) PAIRS[department.charCodeAt(0) * 256 + one.charCodeAt(0)] = 1
}

/** What is wrong with a code. */
export type UsccFault = 'uscc_form' | 'uscc_check' | 'uscc_class'

/**
 * What is doubtful about a code that passes, because such codes were issued: one of its two checks is not what its formula
 * gives, or its department and class are not in the table. A warning, never a refusal.
 */
export type UsccDoubt = 'uscc_outer_check' | 'uscc_inner_check' | 'uscc_class_unknown'

/**
 * What is wrong with the code at [start, end) or doubtful about it; undefined when neither.
 *
 * One irregularity is a doubt: registries have issued codes with each of them. Two are a fault, since a slip of the pen
 * in the nine characters of the subject breaks both checks. A citizen identity number has the form of a code, and would
 * pass as a doubtful one: what has its shape is given no doubt.
 */
export function usccFindingAt(
  bytes: Uint8Array,
  start: number,
  end: number,
): UsccFault | UsccDoubt | undefined {
  if (end - start !== 18) return 'uscc_form'
  let sum = 0
  for (let i = 0; i < 17; i++) {
    const byte = bytes[start + i]!
    const value = VALUES[byte]!
    if (value < 0 || (i >= 2 && i <= 7 && value > 9)) return 'uscc_form'
    sum += value * OUTER_WEIGHTS[i]!
  }
  const check = VALUES[bytes[start + 17]!]!
  if (check < 0) return 'uscc_form'
  const innerRight = bytes[start + 16] === innerCheck(bytes, start + 8)
  const classKnown = PAIRS[bytes[start]! * 256 + bytes[start + 1]!] !== 0
  if ((sum + check) % 31 !== 0)
    return innerRight && classKnown && !hasCitizenIdShape(bytes, start, end)
      ? 'uscc_outer_check'
      : 'uscc_check'
  if (!classKnown)
    return innerRight && !hasCitizenIdShape(bytes, start, end) ? 'uscc_class_unknown' : 'uscc_class'
  return innerRight ? undefined : 'uscc_inner_check'
}

const doubts: ReadonlySet<string> = new Set<UsccDoubt>([
  'uscc_outer_check',
  'uscc_inner_check',
  'uscc_class_unknown',
])

export function isDoubt(finding: UsccFault | UsccDoubt): finding is UsccDoubt {
  return doubts.has(finding)
}

function usccFinding(code: string): UsccFault | UsccDoubt | undefined {
  const bytes = latin1(code)
  return bytes ? usccFindingAt(bytes, 0, bytes.length) : 'uscc_form'
}

/** What is wrong with a code, or undefined. */
export function usccFault(code: string): UsccFault | undefined {
  const finding = usccFinding(code)
  return finding === undefined || isDoubt(finding) ? undefined : finding
}

/** What is doubtful about a code that has no fault, or undefined. */
export function usccDoubt(code: string): UsccDoubt | undefined {
  const finding = usccFinding(code)
  return finding !== undefined && isDoubt(finding) ? finding : undefined
}

/** Whether a code can be one of a body. */
export function isUscc(code: string): boolean {
  return usccFault(code) === undefined
}

/** Position of the first character that a code cannot have there, from 0, or -1; the first 18 are looked at. */
export function strangeCharacter(code: string): number {
  return [...code].slice(0, 18).findIndex((one, i) => {
    const value = one.length === 1 && one.charCodeAt(0) < 256 ? VALUES[one.charCodeAt(0)]! : -1
    return value < 0 || (i >= 2 && i <= 7 && value > 9)
  })
}

/** Check character (as a byte) of the eight characters of a subject id, GB 11714. */
function innerCheck(bytes: Uint8Array, start: number): number {
  let sum = 0
  for (let i = 0; i < 8; i++) {
    const byte = bytes[start + i]!
    sum += (byte <= 0x39 ? byte - 0x30 : byte - 0x37) * INNER_WEIGHTS[i]!
  }
  const check = 11 - (sum % 11)
  return check === 10 ? 0x58 : check === 11 ? 0x30 : 0x30 + check
}

/**
 * A code for synthetic data with both checks right.
 * @param prefix8 department, class and division, 8 characters
 * @param subjectId8 subject id without its check, 8 characters; begin it with `TT`, which is not issued
 */
export function syntheticUscc(prefix8: string, subjectId8: string): string {
  const bytes = latin1(prefix8 + subjectId8)
  if (!bytes || prefix8.length !== 8 || bytes.length !== 16)
    throw new RangeError('a synthetic code is made from 8 and 8 characters of ASCII')
  const body = prefix8 + subjectId8 + String.fromCharCode(innerCheck(bytes, 8))
  let sum = 0
  for (let i = 0; i < 17; i++) {
    const value = ALPHABET.indexOf(body.charAt(i))
    if (value < 0) throw new RangeError(`character ${i + 1} is not in the alphabet of GB 32100`)
    sum += value * OUTER_WEIGHTS[i]!
  }
  return body + ALPHABET.charAt((31 - (sum % 31)) % 31)
}
