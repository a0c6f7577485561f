/**
 * Forms of texts, read from bytes so that a record can be checked without decoding it. Each function
 * takes bytes and the half-open range [start, end) in them, never reads outside it, and never throws.
 */
import { asBuffer, utf8, utf8Text } from '../base/bytes.ts'

/** A test of a form on a range of bytes. */
export type ByteForm<T> = (bytes: Uint8Array, start: number, end: number) => T

/** Applies a form to a whole text. */
export function ofText<T>(form: ByteForm<T>, text: string): T {
  const bytes = utf8(text)
  return form(bytes, 0, bytes.length)
}

/** The text of a range in strict UTF-8, or undefined. ASCII, the usual case, costs no TextDecoder. */
export function textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
  for (let i = start; i < end; i++)
    if (bytes[i]! > 0x7f) return utf8Text(bytes.subarray(start, end))
  return start === end ? '' : asBuffer(bytes).toString('latin1', start, end)
}

/**
 * Number of Unicode code points, or -1 when the range is not valid UTF-8 (RFC 3629: no surrogates, no
 * overlong forms, at most U+10FFFF).
 */
export function characterCount(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; count++) {
    const byte = bytes[i]!
    if (byte < 0x80) {
      i++
      continue
    }
    const size = sequenceSize(bytes, i, end)
    if (size === 0) return -1
    i += size
  }
  return count
}

/** Bytes of the multi-byte sequence at `at`, or 0 when there is no valid one. */
function sequenceSize(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!
  // Most of what is not ASCII is Chinese, three bytes without exceptions.
  if (
    first > 0xe0 &&
    first < 0xed &&
    at + 3 <= end &&
    (bytes[at + 1]! & 0xc0) === 0x80 &&
    (bytes[at + 2]! & 0xc0) === 0x80
  )
    return 3
  const size =
    first >= 0xc2 && first <= 0xdf
      ? 2
      : first >= 0xe0 && first <= 0xef
        ? 3
        : first >= 0xf0 && first <= 0xf4
          ? 4
          : 0
  if (size === 0 || at + size > end) return 0
  const second = bytes[at + 1]!
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  for (let i = at + 2; i < at + size; i++) if ((bytes[i]! & 0xc0) !== 0x80) return 0
  return size
}

/**
 * Length in code points of a text for people: valid UTF-8 without control characters (C0, DEL, C1) and
 * without a space at either end; -1 otherwise. An empty range has length 0.
 */
export function textLength(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0
  if (bytes[start] === 0x20 || bytes[end - 1] === 0x20) return -1
  let count = 0
  for (let i = start; i < end; count++) {
    const byte = bytes[i]!
    if (byte < 0x80) {
      if (byte < 0x20 || byte === 0x7f) return -1
      i++
      continue
    }
    const size = sequenceSize(bytes, i, end)
    if (size === 0 || (byte === 0xc2 && bytes[i + 1]! < 0xa0)) return -1
    i += size
  }
  return count
}

/** True for 1 to 64 printable ASCII characters without a space at either end. */
export function isRecordId(bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start
  if (size < 1 || size > 64 || bytes[start] === 0x20 || bytes[end - 1] === 0x20) return false
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte < 0x20 || byte > 0x7e) return false
  }
  return true
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** The number that `size` ASCII digits at `start` write, or -1. At most 15 digits. */
export function digits(bytes: Uint8Array, start: number, size: number): number {
  let value = 0
  for (let i = start; i < start + size; i++) {
    const byte = bytes[i]!
    if (!isDigit(byte)) return -1
    value = value * 10 + byte - 0x30
  }
  return value
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** True for a date of the Gregorian calendar. */
export function isDate(year: number, month: number, day: number): boolean {
  if (year < 0 || month < 1 || month > 12 || day < 1) return false
  const leap = month === 2 && (year % 400 === 0 || (year % 4 === 0 && year % 100 !== 0))
  return day <= (leap ? 29 : monthDays[month - 1]!)
}

/** Below zero whatever is added to it. */
const NO_DIGITS = -1_000_000

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30
  const ones = bytes[at + 1]! - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NO_DIGITS
}

/** A civil date `YYYY-MM-DD` as the number YYYYMMDD, which sorts as the date does; -1 otherwise. */
export function dateNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 10 || bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return -1
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2)
  const month = twoDigits(bytes, start + 5)
  const day = twoDigits(bytes, start + 8)
  return isDate(year, month, day) ? year * 10_000 + month * 100 + day : -1
}

/**
 * A decimal string in millionths, exact: optional minus, 1 to 9 digits without leading zeros, and at
 * most 6 decimals. NaN otherwise, so that every comparison with it is false.
 */
export function decimalMicros(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 0x2d && start < end
  const first = negative ? start + 1 : start
  let point = first
  while (point < end && isDigit(bytes[point]!)) point++
  const whole = point - first
  if (whole < 1 || whole > 9 || (whole > 1 && bytes[first] === 0x30)) return Number.NaN
  const micros = digits(bytes, first, whole) * 1_000_000 + fractionMicros(bytes, point, end)
  return negative ? -micros : micros
}

function fractionMicros(bytes: Uint8Array, point: number, end: number): number {
  if (point === end) return 0
  const size = end - point - 1
  if (bytes[point] !== 0x2e || size < 1 || size > 6) return Number.NaN
  const fraction = digits(bytes, point + 1, size)
  return fraction < 0 ? Number.NaN : fraction * 10 ** (6 - size)
}

/**
 * True for `<owner>/<name>@<version>` or `<name>@<version>`: owner up to 32 and name up to 64 lower-case
 * letters, digits, `-`; version up to 32 letters, digits, `.`, `-`.
 */
export function isVersionedId(bytes: Uint8Array, start: number, end: number): boolean {
  const slash = wordEnd(bytes, start, end)
  if (slash === start) return false
  const named = slash < end && bytes[slash] === 0x2f
  if (named && slash - start > 32) return false
  const from = named ? slash + 1 : start
  const at = named ? wordEnd(bytes, from, end) : slash
  if (at === from || at - from > 64 || at >= end || bytes[at] !== 0x40) return false
  if (end - at < 2 || end - at > 33) return false
  for (let i = at + 1; i < end; i++) {
    const byte = bytes[i]!
    if (!isWordByte(byte) && !(byte >= 0x41 && byte <= 0x5a) && byte !== 0x2e) return false
  }
  return true
}

function wordEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = start
  while (i < end && isWordByte(bytes[i]!)) i++
  return i
}

function isWordByte(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d
}
