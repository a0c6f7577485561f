/**
 * The fast check. Most records are good evaluation results, so they are accepted on their bytes. This file only
 * ever accepts or passes on: whatever is unusual goes to `rules.ts`, which says the same in full. A test holds
 * that nothing accepted here has a fault there.
 */
import { asBuffer } from '../base/bytes.ts'
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { birthNumberAt, citizenIdFaultAt, isAdult } from './citizen-id.ts'
import { type ByteForm, dateNumber, decimalMicros, isRecordId, isVersionedId, textLength } from './forms.ts'
import {
  ATTRIBUTES, DOMAIN, ends, EVALUATED_ON, EVALUATOR, found, GRADE, MODEL, NAME, RECORD_ID, SCALE, scan, SCORE, starts,
  SUBJECT_ID, VALID_FROM, VALID_TO,
} from './scan.ts'
import { hasLongRun } from './personal.ts'
import { usccFaultAt } from './uscc.ts'

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
  /** True when the attributes at this range have no fault. */
  readonly attributesGood: ByteForm<boolean>
}

/** True when the record at [start, end) certainly has no fault. False says nothing. */
export function certainlyGood(plan: FastPlan, bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  if (!scan(bytes, start, end) || found.family !== 'evaluation') return false
  if ((plan.subjectTypes & (1 << found.subjectType)) === 0 || found.subjectType > 5) return false
  if (!isRecordId(bytes, starts[RECORD_ID]!, ends[RECORD_ID]!) || hasLongRun(bytes, starts[RECORD_ID]!, ends[RECORD_ID]!)) return false
  const name = textLength(bytes, starts[NAME]!, ends[NAME]!)
  if (name < 1 || name > 200) return false
  if (!evaluationGood(plan, bytes)) return false
  return plan.attributesGood(bytes, starts[ATTRIBUTES]!, ends[ATTRIBUTES]!)
}

function evaluationGood(plan: FastPlan, bytes: Uint8Array): boolean {
  if (found.evaluationKind !== 1 && found.evaluationKind !== 2) return false
  const domain = textLength(bytes, starts[DOMAIN]!, ends[DOMAIN]!)
  if (domain < 0 || domain > 32 || (domain === 0 && found.evaluationKind === 2)) return false
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
  if (found.subjectType !== SubjectType.NATURAL_PERSON) return usccPasses(bytes, SUBJECT_ID)
  const start = starts[SUBJECT_ID]!
  const end = ends[SUBJECT_ID]!
  if (citizenIdFaultAt(bytes, start, end) !== undefined || !isAdult(birthNumberAt(bytes, start), evaluatedOn)) return false
  return asBuffer(bytes).subarray(starts[RECORD_ID], ends[RECORD_ID]).indexOf(bytes.subarray(start, end)) < 0
}

function gradeGood(scale: ScalePlan, bytes: Uint8Array): boolean {
  if ((scale.subjectTypes & (1 << found.subjectType)) === 0) return false
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
