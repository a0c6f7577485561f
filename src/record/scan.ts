/**
 * Finds the fields of a record in its bytes without decoding them. It either finds them as the strict decoder
 * would, or says that something is unusual; then the decoder has the word.
 *
 * One reading at a time: places are kept in reused arrays, so nothing here is reentrant and a caller uses what
 * was found before it scans again.
 */
import { limits } from '../base/limits.ts'
import type { RecordFamily } from './record.ts'

// Slots of the places. Those of EvaluationResult are its field numbers plus EVALUATION.
export const RECORD_ID = 0
export const SUBJECT_ID = 1
export const NAME = 2
const EVALUATION = 3
export const DOMAIN = EVALUATION + 2
export const SCALE = EVALUATION + 3
export const GRADE = EVALUATION + 4
export const SCORE = EVALUATION + 5
export const MODEL = EVALUATION + 6
export const EVALUATED_ON = EVALUATION + 7
export const VALID_FROM = EVALUATION + 8
export const VALID_TO = EVALUATION + 9
export const EVALUATOR = EVALUATION + 10
export const ATTRIBUTES = EVALUATION + 11
const SLOTS = EVALUATION + 12

/** Half-open ranges of the fields last found, by slot; empty for absent fields. */
export const starts = new Int32Array(SLOTS)
export const ends = new Int32Array(SLOTS)

/** What else was last found. */
export const found: { subjectType: number; evaluationKind: number; family: RecordFamily } = {
  subjectType: 0,
  evaluationKind: 0,
  family: 'unknown',
}

let at = 0

/**
 * Finds the fields of the record at [start, end); false when something is unusual, which is not to say
 * that it is wrong. Places are counted from the beginning of `bytes`.
 */
export function scan(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  forget()
  at = start
  if (end - start > limits.recordBytesMax) return false
  while (at < end) {
    const tag = bytes[at++]!
    switch (tag) {
      case 0x0a:
        if (!place(bytes, end, RECORD_ID)) return false
        break
      case 0x12:
        if (!scanSubject(bytes, end)) return false
        break
      case 0x1a:
        if (!scanEvaluation(bytes, end)) return false
        break
      case 0x22:
      case 0x2a:
      case 0x32:
        if (found.family === 'evaluation' || !skip(bytes, tag, end)) return false
        found.family = tag === 0x22 ? 'request' : tag === 0x2a ? 'confirmation' : 'cataloged'
        break
      case 0x7a:
        if (!place(bytes, end, ATTRIBUTES)) return false
        break
      default:
        if (tag >>> 3 <= 6 || tag >>> 3 === 15 || !skip(bytes, tag, end)) return false
    }
  }
  return true
}

function forget(): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    starts[slot] = 0
    ends[slot] = 0
  }
  found.subjectType = 0
  found.evaluationKind = 0
  found.family = 'unknown'
  at = 0
}

function scanSubject(bytes: Uint8Array, outer: number): boolean {
  const end = message(bytes, outer)
  if (end < 0) return false
  while (at < end) {
    const tag = bytes[at++]!
    switch (tag) {
      case 0x08:
        found.subjectType = oneByte(bytes, end)
        if (found.subjectType < 0) return false
        break
      case 0x12:
        if (!place(bytes, end, SUBJECT_ID)) return false
        break
      case 0x1a:
        if (!place(bytes, end, NAME)) return false
        break
      case 0x20:
        if (oneByte(bytes, end) < 0) return false
        break
      default:
        if (tag >>> 3 <= 4 || !skip(bytes, tag, end)) return false
    }
  }
  return true
}

function scanEvaluation(bytes: Uint8Array, outer: number): boolean {
  if (found.family !== 'unknown' && found.family !== 'evaluation') return false
  found.family = 'evaluation'
  const end = message(bytes, outer)
  if (end < 0) return false
  while (at < end) {
    const tag = bytes[at++]!
    if (tag === 0x08) {
      found.evaluationKind = oneByte(bytes, end)
      if (found.evaluationKind < 0) return false
    } else if ((tag & 7) === 2 && tag >= 0x12 && tag <= 0x52) {
      if (!place(bytes, end, EVALUATION + (tag >>> 3))) return false
    } else if (tag >>> 3 <= 10 || !skip(bytes, tag, end)) return false
  }
  return true
}

/** End of the embedded message whose length is next, or -1. */
function message(bytes: Uint8Array, end: number): number {
  const size = length(bytes, end)
  return size < 0 || at + size > end ? -1 : at + size
}

/** Notes where a field is. A field that is there twice is unusual: the decoder looks at both. */
function place(bytes: Uint8Array, end: number, slot: number): boolean {
  const size = length(bytes, end)
  if (size < 0 || at + size > end || ends[slot] !== 0) return false
  starts[slot] = at
  at += size
  ends[slot] = at
  return true
}

/** The varint at the place when it has at most three bytes, which is enough for any record; -1 otherwise. */
function length(bytes: Uint8Array, end: number): number {
  let value = 0
  for (let shift = 0; shift < 21 && at < end; shift += 7) {
    const byte = bytes[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  return -1
}

function oneByte(bytes: Uint8Array, end: number): number {
  return at < end && bytes[at]! < 0x80 ? bytes[at++]! : -1
}

/** Passes over the value of a field that is not needed. */
function skip(bytes: Uint8Array, tag: number, end: number): boolean {
  if (tag < 8 || tag >= 0x80) return skipLongTag(bytes, tag, end)
  const wire = tag & 7
  if (wire === 0) return length(bytes, end) >= 0
  const size = wire === 2 ? length(bytes, end) : wire === 1 ? 8 : wire === 5 ? 4 : -1
  if (size < 0 || at + size > end) return false
  at += size
  return true
}

/** Field numbers 16 to 2047 have a tag of two bytes; anything else is unusual. */
function skipLongTag(bytes: Uint8Array, tag: number, end: number): boolean {
  const next = oneByte(bytes, end)
  return tag >= 0x80 && next > 0 && skip(bytes, 0x78 | (tag & 7), end)
}
