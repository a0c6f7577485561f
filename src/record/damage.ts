/**
 * Damaged texts: what a name, a document number or another text for people holds when a program before this one has spoilt
 * it. Certain damage (`certainDamage`) is in no right text: a node publishes none of it. Likely damage (`likelyDamage`) is
 * for whoever has the file before him to judge: an import refuses it unless told otherwise.
 */
import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'

/** What is certainly wrong with a text. */
export type CertainDamage =
  | 'control'
  | 'replacement'
  | 'noncharacter'
  | 'surrogate'
  | 'bidi'
  | 'error_value'
/** What is most likely wrong with it. */
export type LikelyDamage =
  | 'mojibake'
  | 'question_marks'
  | 'formula'
  | 'digits_only'
  | 'no_letters'
  | 'invisible'

export interface Damage<Kind> {
  readonly kind: Kind
  /** Position of the character in code points, from 0. */
  readonly at: number
  /** What stands there: `U+FFFD`, or the error value. */
  readonly what: string
}

/** Values that a spreadsheet shows where a formula fails, in English and as WPS and Excel write them elsewhere. */
const ERROR_VALUE =
  /^#(?:N\/A|N\/D|REF!|VALUE!|DIV\/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|BUSY!|GETTING_DATA|PYTHON!|EXTERNAL!|#{2,})$/i

/** The value of a failed formula, or the signs of a column that is too narrow. */
export function isErrorValue(text: string): boolean {
  return ERROR_VALUE.test(text)
}

/** The first thing in a text that no right text has; undefined when there is none. */
export function certainDamage(text: string): Damage<CertainDamage> | undefined {
  if (isErrorValue(text)) return { kind: 'error_value', at: 0, what: text }
  let at = 0
  for (const one of text) {
    const point = one.codePointAt(0)!
    const kind = kindOf(point)
    if (kind) return { kind, at, what: codePoint(point) }
    at++
  }
  return undefined
}

function kindOf(point: number): CertainDamage | undefined {
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return 'control'
  if (point < 0x202a) return undefined
  if (point <= 0x202e || (point >= 0x2066 && point <= 0x2069)) return 'bidi'
  if (point >= 0xd800 && point <= 0xdfff) return 'surrogate'
  if (point === 0xfffd) return 'replacement'
  return (point & 0xfffe) === 0xfffe || (point >= 0xfdd0 && point <= 0xfdef)
    ? 'noncharacter'
    : undefined
}

/** `U+202E` */
export function codePoint(point: number): string {
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
}

// Bytes without which a text in UTF-8 or in escaped JSON has no certain damage. 0x23 begins an error value, 0x5c an escape.
const NEEDLES = [
  [0x23],
  [0x5c],
  [0x7f],
  [0xc2],
  [0xe2, 0x80],
  [0xe2, 0x81],
  [0xef, 0xb7],
  [0xef, 0xbf],
].map((bytes) => Buffer.from(bytes))

/** What the byte behind a needle must be: a length of a field and a dash begin like it. Anything behind the others. */
const FOLLOWERS: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [0x23, followers('#NRVDSCFBUGPEnrvdscfbugpe')],
  [0x5c, followers('ubf')],
  [0xe280, new Set([0xaa, 0xab, 0xac, 0xad, 0xae])],
  [0xe281, new Set([0xa6, 0xa7, 0xa8, 0xa9])],
  [0xefbf, new Set([0xbd, 0xbe, 0xbf])],
])

function followers(next: string): ReadonlySet<number> {
  return new Set(Buffer.from(next))
}

/**
 * Places in bytes where certain damage may be, for a search through many records at once: a sieve that lets much through
 * and leaves nothing out but control characters, which no record may hold raw. The search is native: a
 * millisecond for two megabytes.
 */
export function* damageSigns(bytes: Uint8Array): Generator<number> {
  const buffer = asBuffer(bytes)
  for (const needle of NEEDLES) {
    const wanted = FOLLOWERS.get(needle.readUIntBE(0, needle.length))
    for (let at = buffer.indexOf(needle); at >= 0; at = buffer.indexOf(needle, at + 1)) {
      if (!wanted || wanted.has(buffer[at + needle.length] ?? 0)) yield at
    }
  }
}

/** What programs leave of Chinese that was read in a wrong encoding and written again, or was never filled in. */
const LEFTOVERS = /锟斤拷|锟斤|斤拷|烫烫|屯屯屯|锘[挎縷]|ï»¿|ï¿½/
const FORMULA = /^(?:=|@[A-Z]+\(|[+-](?:[A-Z]{1,3}\d|[A-Z]+\())/i
/** Zero-width characters and soft hyphens: nobody sees them, and two names that look the same differ. */
const INVISIBLE = /[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff]/

/** What is most likely wrong with a text of people, such as a name; undefined when nothing is. */
export function likelyDamage(text: string): Damage<LikelyDamage> | undefined {
  const found = (kind: LikelyDamage, index: number, what: string): Damage<LikelyDamage> => ({
    kind,
    at: [...text.slice(0, index)].length,
    what,
  })
  const leftover = LEFTOVERS.exec(text)
  if (leftover) return found('mojibake', leftover.index, leftover[0])
  const marks = /[?？]{2,}/.exec(text)
  if (marks) return found('question_marks', marks.index, marks[0])
  if (FORMULA.test(text)) return found('formula', 0, text.slice(0, 1))
  const hidden = INVISIBLE.exec(text)
  if (hidden) return found('invisible', hidden.index, codePoint(hidden[0].codePointAt(0)!))
  const before = rightText(text)
  return before === undefined ? undefined : found('mojibake', 0, before)
}

/** What is most likely wrong with a name beside that. */
export function likelyNameDamage(name: string): Damage<LikelyDamage> | undefined {
  if (/^[\d\s０-９.,+-]+$/.test(name)) return { kind: 'digits_only', at: 0, what: '' }
  if (!/\p{L}/u.test(name)) return { kind: 'no_letters', at: 0, what: '' }
  return likelyDamage(name)
}

/** True for a character of a private use area: how it looks depends on the machine. */
export function privateUse(text: string): Damage<'private_use'> | undefined {
  let at = 0
  for (const one of text) {
    const point = one.codePointAt(0)!
    if ((point >= 0xe000 && point <= 0xf8ff) || point >= 0xf0000)
      return { kind: 'private_use', at, what: codePoint(point) }
    at++
  }
  return undefined
}

const HAN_ONLY = /^[\p{Script=Han}\u3000-\u303f\uff00-\uffef]+$/u

/**
 * The text that this one was before it was read in the wrong encoding; undefined when that is not so. Only what is
 * Chinese throughout afterwards, and was not before or was by chance, is taken for it.
 */
export function rightText(text: string): string | undefined {
  const strange = text.replace(/[\x00-\x7f]+/g, '')
  if (strange.length < 2) return undefined
  if (/^[\u0080-\u00ff\u0152-\u2122]+$/.test(strange)) return fromLatin(text, strange)
  if (strange.length < 3) return undefined
  const bytes = gbkBytes(text)
  // The end of the last character may be lost.
  const right =
    bytes &&
    utf8Of(bytes.subarray(0, bytes.length - unfinished(bytes)))?.replace(/[\x00-\x7f]+/g, '')
  return right !== undefined && right.length >= 2 && HAN_ONLY.test(right) ? right : undefined
}

/** UTF-8 or GBK that was read as Windows-1252. */
function fromLatin(text: string, strange: string): string | undefined {
  const bytes = Buffer.alloc(strange.length)
  for (let i = 0; i < strange.length; i++) {
    const byte = latinByte(strange[i]!)
    if (byte === undefined) return undefined
    bytes[i] = byte
  }
  // Western names have such letters alone or in pairs.
  if (!/[\u0080-\u00ff\u0152-\u2122]{3}/.test(text)) return undefined
  const right =
    utf8Of(bytes) ?? (/^[\u00a1-\u00fe]{4,}$/.test(strange) ? gb18030Of(bytes) : undefined)
  return right !== undefined && HAN_ONLY.test(right) ? right : undefined
}

/** Without an error, which costs more than everything else that is asked of a right name. */
function utf8Of(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes)
    ? asBuffer(bytes)
        .toString()
        .replace(/^\ufeff/, '')
    : undefined
}

/** Bytes at the end that begin a character of UTF-8 and do not end it. */
function unfinished(bytes: Uint8Array): number {
  const end = asBuffer(bytes.subarray(-3)).toString('latin1')
  return (
    /(?:[\xc0-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf7][\x80-\xbf]{0,2})$/.exec(end)?.[0].length ??
    0
  )
}

function gb18030Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('gb18030', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The byte of a character in Windows-1252. */
function latinByte(one: string): number | undefined {
  const code = one.charCodeAt(0)
  if (code < 0x100) return code
  latinBytes ??= tableOf(
    'windows-1252',
    Array.from({ length: 0x20 }, (_, i) => [0x80 + i]),
  )
  return latinBytes.get(one)
}

/** A text in GBK; undefined when a character is not in it. */
function gbkBytes(text: string): Uint8Array | undefined {
  gbkCodes ??= tableOf('gbk', pairs())
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) < 0x80 ? text.charCodeAt(i) : gbkCodes.get(text[i]!)
    if (code === undefined) return undefined
    if (code > 0xff) bytes.push(code >>> 8)
    bytes.push(code & 0xff)
  }
  return Uint8Array.from(bytes)
}

// Made when they are first needed, and never changed: 24,000 characters in ten milliseconds.
let latinBytes: ReadonlyMap<string, number> | undefined
let gbkCodes: ReadonlyMap<string, number> | undefined

function tableOf(
  encoding: string,
  codes: Iterable<readonly number[]>,
): ReadonlyMap<string, number> {
  const decoder = new TextDecoder(encoding)
  const table = new Map<string, number>()
  for (const bytes of codes) {
    const one = decoder.decode(Uint8Array.from(bytes))
    if (one.length === 1 && one !== '\ufffd' && !table.has(one))
      table.set(
        one,
        bytes.reduce((code, byte) => code * 256 + byte, 0),
      )
  }
  return table
}

function* pairs(): Generator<readonly number[]> {
  for (let first = 0x81; first <= 0xfe; first++) {
    for (let second = 0x40; second <= 0xfe; second++) if (second !== 0x7f) yield [first, second]
  }
}
