/**
 * The citizen identity number (公民身份号码, GB 11643-1999): address code 6 (as of first issue, may be
 * withdrawn), birth date 8, sequence 3, check 1 (ISO 7064 MOD 11-2). The number itself tells birth date,
 * sex and origin: it is never a key, never in a log, never in a message.
 */
import { digits, isDate } from './forms.ts'
import { latin1 } from './latin1.ts'

const WEIGHTS = Int8Array.of(7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
const CHECKS = '10X98765432'

/** What is wrong with a number: the first of these that holds. */
export type CitizenIdFault = 'citizen_id_form' | 'citizen_id_birth' | 'citizen_id_check'

/** What is wrong with the number at [start, end), or undefined. A lower-case x is a wrong form. */
export function citizenIdFaultAt(
  bytes: Uint8Array,
  start: number,
  end: number,
): CitizenIdFault | undefined {
  if (end - start !== 18 || bytes[start] === 0x30) return 'citizen_id_form'
  let sum = 0
  for (let i = 0; i < 17; i++) {
    const value = bytes[start + i]! - 0x30
    if (value < 0 || value > 9) return 'citizen_id_form'
    sum += value * WEIGHTS[i]!
  }
  const check = bytes[start + 17]!
  if (check !== 0x58 && (check < 0x30 || check > 0x39)) return 'citizen_id_form'
  const year = digits(bytes, start + 6, 4)
  if (year < 1800 || !isDate(year, digits(bytes, start + 10, 2), digits(bytes, start + 12, 2)))
    return 'citizen_id_birth'
  return CHECKS.charCodeAt(sum % 11) === check ? undefined : 'citizen_id_check'
}

/** What is wrong with a number, or undefined. */
export function citizenIdFault(id: string): CitizenIdFault | undefined {
  const bytes = latin1(id)
  return bytes ? citizenIdFaultAt(bytes, 0, bytes.length) : 'citizen_id_form'
}

/** True when the bytes at [start, end) are written as a number is, with a birth date that exists; its check is not looked at. */
export function hasCitizenIdShape(bytes: Uint8Array, start: number, end: number): boolean {
  const fault = citizenIdFaultAt(bytes, start, end)
  return fault === undefined || fault === 'citizen_id_check'
}

/** Provinces with which the address of a number begins, GB/T 2260. No enterprise has a code that begins so. */
const PROVINCES = /^(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])/
/** Before it nobody alive was born. Codes of bodies in divisions that end in 18 would often look older. */
const BIRTH_YEAR_MIN = 1900

/**
 * True when a text is certainly the number of a person, wherever it stands: province, birth date and check are right. The
 * code of a body is one by chance about once in three hundred, in the few divisions whose last two digits are 19 or 20.
 */
export function isCitizenId(text: string): boolean {
  return (
    PROVINCES.test(text) &&
    Number(text.slice(6, 10)) >= BIRTH_YEAR_MIN &&
    citizenIdFault(text) === undefined
  )
}

/** Birth date YYYYMMDD of a number that has no fault, at `start`. */
export function birthNumberAt(bytes: Uint8Array, start: number): number {
  return digits(bytes, start + 6, 8)
}

/**
 * True when someone born on `birth` is eighteen on `date` (both YYYYMMDD): from the eighteenth birthday
 * on; someone born on 29 February is eighteen on 1 March of a year without that day.
 */
export function isAdult(birth: number, date: number): boolean {
  return birth + 180_000 <= date
}

/** An identifier with all but its first two and last two characters replaced; short ones entirely. */
export function mask(id: string): string {
  const characters = [...id]
  if (characters.length <= 4) return '*'.repeat(characters.length)
  return characters.map((one, i) => (i < 2 || i >= characters.length - 2 ? one : '*')).join('')
}

/**
 * A number for synthetic data with its check right.
 * @param body17 address code, birth date and sequence, 17 digits; use birth years 18xx, which were never issued
 */
export function syntheticCitizenId(body17: string): string {
  if (!/^\d{17}$/.test(body17)) throw new RangeError('a synthetic number is made from 17 digits')
  let sum = 0
  for (let i = 0; i < 17; i++) sum += Number(body17.charAt(i)) * WEIGHTS[i]!
  return body17 + CHECKS.charAt(sum % 11)
}
