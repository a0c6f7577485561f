/**
 * Numbers of persons in texts that are no place for them. What stands in a header, an amendment or a log is read by
 * everybody and cannot be erased, so that such texts are looked through before they are taken.
 */
import { text, type Text } from '../base/text.ts'
import { citizenIdFaultAt } from './citizen-id.ts'
import { latin1 } from './latin1.ts'
import { halfWidth } from './text.ts'

const SIZE = 18
/** Between the parts of a number as people write it. */
const SEPARATORS = /[\s\u00b7.\-_/]+/g
const MOBILE = /(?<![0-9])1[3-9][0-9]{9}(?![0-9])/

/** True when a text has a citizen identity number (GB 11643) in it, also in full width or in groups. */
export function holdsCitizenId(text: string): boolean {
  const plain = halfWidth(text).toUpperCase()
  return holdsRun(plain) || holdsRun(plain.replace(SEPARATORS, ''))
}

/** True when it has one, or a mobile number. */
export function holdsPersonalNumber(text: string): boolean {
  const plain = halfWidth(text)
  return MOBILE.test(plain) || MOBILE.test(plain.replace(/[\s-]+/g, '')) || holdsCitizenId(text)
}

/** True when the bytes at [start, end) have enough digits in a row for a citizen identity number. */
export function hasLongRun(bytes: Uint8Array, start: number, end: number): boolean {
  let run = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    run = digit >= 0 && digit <= 9 ? run + 1 : 0
    if (run === SIZE - 1) return true
  }
  return false
}

function holdsRun(text: string): boolean {
  for (const { index, 0: run } of text.matchAll(/[0-9]{17,}X?/g)) {
    const bytes = latin1(text.slice(index, index + run.length))
    for (let at = 0; bytes && at + SIZE <= bytes.length; at++)
      if (citizenIdFaultAt(bytes, at, at + SIZE) === undefined) return true
  }
  return false
}

const BASIS_CODE = /^[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32}){0,3}$/
const DOCUMENT_CHARS_MAX = 200

/** What is wrong with a basis code (依据代码): up to four words of lower-case letters, digits and hyphens, for example `repair/order36`. */
export function basisFault(basis: string): Text | undefined {
  if (!BASIS_CODE.test(basis))
    return text`a basis is a code of lower-case letters, digits and hyphens, for example repair/order36: everybody reads it`
  return holdsPersonalNumber(basis)
    ? text`a basis may not hold the number of a person: everybody reads it, and it cannot be erased`
    : undefined
}

/** What is wrong with the number of a document (文号); undefined when nothing is. An empty one is no number and has no fault. */
export function documentFault(document: string): Text | undefined {
  if (document.length > DOCUMENT_CHARS_MAX || /[\x00-\x1f\x7f]/.test(document))
    return text`a document number is one line of at most ${DOCUMENT_CHARS_MAX} characters`
  return holdsPersonalNumber(document)
    ? text`a document number may not hold the number of a person: everybody reads it, and it cannot be erased`
    : undefined
}
