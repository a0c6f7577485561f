/**
 * The fast reader. Most records are good evaluation results, so this file finds their fields without
 * decoding and accepts them on their bytes. It only ever accepts or passes on: whatever is unusual goes to
 * `rules.ts`, which says the same in full. A test holds that nothing accepted here has a fault there.
 *
 * One reading at a time: the places of the fields are kept in one reused array. Nothing here is reentrant.
 */
import { asBuffer } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { birthNumberAt, citizenIdFaultAt, isAdult } from './citizen-id.ts'
import { dateNumber, decimalMicros, isRecordId, isVersionedId, textLength } from './forms.ts'
import { decodeRecord, familyOf, type RecordFamily } from './record.ts'
import { usccFaultAt } from './uscc.ts'

/** What a ledger needs to know of a record to file it. */
export interface RecordPeek {
  readonly recordId: string
  /** SubjectType, 0 when not stated. */
  readonly subjectType: number
  readonly subjectId: string
  readonly family: RecordFamily
}

/** A scale as the fast reader needs it. */
export interface ScalePlan {
  readonly id: Uint8Array
  readonly grades: readonly Uint8Array[]
  readonly scoreOnly: boolean
  /** Bit n is set when the scale grades subjects of type n. */
  readonly subjectTypes: number
  /** Millionths; NaN when there is no bound. */
  readonly scoreFrom: number
  readonly scoreTo: number
  /** YYYYMMDD. */
  readonly effectiveFrom: number
  readonly effectiveTo: number
}

/** An item as the fast reader needs it. */
export interface FastPlan {
  /** Bit n is set when the item is about subjects of type n. */
  readonly subjectTypes: number
  readonly scales: readonly ScalePlan[]
  /** True when these attributes have no fault. */
  readonly attributesGood: (bytes: Uint8Array) => boolean
}

// Slots of the places. Those of EvaluationResult are its field numbers plus EVALUATION.
const RECORD_ID = 0
const SUBJECT_ID = 1
const NAME = 2
const EVALUATION = 3
const DOMAIN = EVALUATION + 2
const SCALE = EVALUATION + 3
const GRADE = EVALUATION + 4
const SCORE = EVALUATION + 5
const MODEL = EVALUATION + 6
const EVALUATED_ON = EVALUATION + 7
const VALID_FROM = EVALUATION + 8
const VALID_TO = EVALUATION + 9
const EVALUATOR = EVALUATION + 10
const ATTRIBUTES = EVALUATION + 11
const SLOTS = EVALUATION + 12

const starts = new Int32Array(SLOTS)
const ends = new Int32Array(SLOTS)
let subjectType = 0
let evaluationKind = 0
let family: RecordFamily = 'unknown'
let at = 0

/** Finds the fields; false when something is unusual, which is not to say that it is wrong. */
function scan(bytes: Uint8Array): boolean {
  forget()
  const end = bytes.length
  if (end > limits.recordBytesMax) return false
  while (at < end) {
    const tag = bytes[at++]!
    switch (tag) {
      case 0x0a: if (!place(bytes, end, RECORD_ID)) return false; break
      case 0x12: if (!scanSubject(bytes, end)) return false; break
      case 0x1a: if (!scanEvaluation(bytes, end)) return false; break
      case 0x22: case 0x2a: case 0x32:
        if (family === 'evaluation' || !skip(bytes, tag, end)) return false
        family = tag === 0x22 ? 'request' : tag === 0x2a ? 'confirmation' : 'cataloged'
        break
      case 0x7a: if (!place(bytes, end, ATTRIBUTES)) return false; break
      default: if (tag >>> 3 <= 6 || tag >>> 3 === 15 || !skip(bytes, tag, end)) return false
    }
  }
  return true
}

function forget(): void {
  starts.fill(0)
  ends.fill(0)
  subjectType = 0
  evaluationKind = 0
  family = 'unknown'
  at = 0
}

function scanSubject(bytes: Uint8Array, outer: number): boolean {
  const end = message(bytes, outer)
  if (end < 0) return false
  while (at < end) {
    const tag = bytes[at++]!
    switch (tag) {
      case 0x08: subjectType = oneByte(bytes, end); if (subjectType < 0) return false; break
      case 0x12: if (!place(bytes, end, SUBJECT_ID)) return false; break
      case 0x1a: if (!place(bytes, end, NAME)) return false; break
      case 0x20: if (oneByte(bytes, end) < 0) return false; break
      default: if (tag >>> 3 <= 4 || !skip(bytes, tag, end)) return false
    }
  }
  return true
}

function scanEvaluation(bytes: Uint8Array, outer: number): boolean {
  if (family !== 'unknown' && family !== 'evaluation') return false
  family = 'evaluation'
  const end = message(bytes, outer)
  if (end < 0) return false
  while (at < end) {
    const tag = bytes[at++]!
    if (tag === 0x08) {
      evaluationKind = oneByte(bytes, end)
      if (evaluationKind < 0) return false
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

function place(bytes: Uint8Array, end: number, slot: number): boolean {
  const size = length(bytes, end)
  if (size < 0 || at + size > end) return false
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

/** True when the record certainly has no fault. False says nothing. */
export function certainlyGood(plan: FastPlan, bytes: Uint8Array): boolean {
  if (!scan(bytes) || family !== 'evaluation') return false
  if ((plan.subjectTypes & (1 << subjectType)) === 0 || subjectType > 5) return false
  if (!isRecordId(bytes, starts[RECORD_ID]!, ends[RECORD_ID]!)) return false
  const name = textLength(bytes, starts[NAME]!, ends[NAME]!)
  if (name < 1 || name > 200) return false
  if (!evaluationGood(plan, bytes)) return false
  return ends[ATTRIBUTES] === starts[ATTRIBUTES]
    ? plan.attributesGood(nothing)
    : plan.attributesGood(bytes.subarray(starts[ATTRIBUTES], ends[ATTRIBUTES]))
}

const nothing = new Uint8Array(0)

function evaluationGood(plan: FastPlan, bytes: Uint8Array): boolean {
  if (evaluationKind !== 1 && evaluationKind !== 2) return false
  const domain = textLength(bytes, starts[DOMAIN]!, ends[DOMAIN]!)
  if (domain < 0 || domain > 32 || (domain === 0 && evaluationKind === 2)) return false
  const evaluatedOn = dateAt(bytes, EVALUATED_ON)
  const validTo = dateAt(bytes, VALID_TO)
  const validFrom = dateAt(bytes, VALID_FROM)
  if (evaluatedOn < 0 || validFrom < 0 || validFrom > validTo || evaluatedOn > validTo) return false
  if (!isVersionedId(bytes, starts[MODEL]!, ends[MODEL]!)) return false
  if (!usccPasses(bytes, EVALUATOR) || !subjectIdGood(bytes, evaluatedOn)) return false
  const scale = plan.scales.find((one) => matches(bytes, SCALE, one.id))
  return scale !== undefined && evaluatedOn >= scale.effectiveFrom && evaluatedOn <= scale.effectiveTo && gradeGood(scale, bytes)
}

function dateAt(bytes: Uint8Array, slot: number): number {
  return dateNumber(bytes, starts[slot]!, ends[slot]!)
}

function usccPasses(bytes: Uint8Array, slot: number): boolean {
  const fault = usccFaultAt(bytes, starts[slot]!, ends[slot]!)
  return fault === undefined || fault === 'uscc_inner_check'
}

function subjectIdGood(bytes: Uint8Array, evaluatedOn: number): boolean {
  if (subjectType !== SubjectType.NATURAL_PERSON) return usccPasses(bytes, SUBJECT_ID)
  const start = starts[SUBJECT_ID]!
  const end = ends[SUBJECT_ID]!
  if (citizenIdFaultAt(bytes, start, end) !== undefined || !isAdult(birthNumberAt(bytes, start), evaluatedOn)) return false
  return asBuffer(bytes).subarray(starts[RECORD_ID], ends[RECORD_ID]).indexOf(bytes.subarray(start, end)) < 0
}

function gradeGood(scale: ScalePlan, bytes: Uint8Array): boolean {
  if ((scale.subjectTypes & (1 << subjectType)) === 0) return false
  const scored = ends[SCORE]! > starts[SCORE]!
  if (scored) {
    const score = decimalMicros(bytes, starts[SCORE]!, ends[SCORE]!)
    if (Number.isNaN(score) || score < scale.scoreFrom || score > scale.scoreTo) return false
  }
  if (scale.scoreOnly) return scored && ends[GRADE] === starts[GRADE]
  return scale.grades.some((grade) => matches(bytes, GRADE, grade))
}

function matches(bytes: Uint8Array, slot: number, expected: Uint8Array): boolean {
  const start = starts[slot]!
  if (ends[slot]! - start !== expected.length) return false
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false
  return true
}

/**
 * Who and what a record is about, without decoding it; undefined when it is malformed. Does not look into
 * the parts that it does not need, so only `checkRecordBytes` says that a record is good.
 */
export function peekRecord(bytes: Uint8Array): RecordPeek | undefined {
  if (!scan(bytes)) return peekSlowly(bytes)
  const recordId = asciiAt(bytes, RECORD_ID)
  const subjectId = asciiAt(bytes, SUBJECT_ID)
  return recordId === undefined || subjectId === undefined ? peekSlowly(bytes) : { recordId, subjectType, subjectId, family }
}

function peekSlowly(bytes: Uint8Array): RecordPeek | undefined {
  try {
    const record = decodeRecord(bytes)
    return {
      recordId: record.recordId,
      subjectType: record.subject?.type ?? 0,
      subjectId: record.subject?.id ?? '',
      family: familyOf(record),
    }
  } catch {
    return undefined
  }
}

function asciiAt(bytes: Uint8Array, slot: number): string | undefined {
  const start = starts[slot]!
  const end = ends[slot]!
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return undefined
  return asBuffer(bytes).toString('latin1', start, end)
}
