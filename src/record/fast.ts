/**
 * The fast check. Most records are good evaluation results, so they are accepted on their bytes. This file only
 * ever accepts or passes on: whatever is unusual goes to `rules.ts`, which says the same in full. A test holds
 * that nothing accepted here has a fault there.
 */
import { asBuffer } from '../base/bytes.ts'
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { birthNumberAt, citizenIdFaultAt, isAdult } from './citizen-id.ts'
import {
  type ByteForm,
  dateNumber,
  decimalMicros,
  isRecordId,
  isVersionedId,
  textLength,
} from './forms.ts'
import {
  ATTRIBUTES,
  DOMAIN,
  ends,
  EVALUATED_ON,
  EVALUATOR,
  found,
  GRADE,
  MODEL,
  NAME,
  RECORD_ID,
  SCALE,
  scan,
  SCORE,
  starts,
  SUBJECT_ID,
  VALID_FROM,
  VALID_TO,
} from './scan.ts'
import { hasLongRun } from './personal.ts'
import { isDoubt, usccFindingAt } from './uscc.ts'

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
  /** True when the code of a body at this range may pass. */
  readonly evaluatorGood: ByteForm<boolean>
  /** True when the id of a model at this range has its form. */
  readonly modelGood: ByteForm<boolean>
  /** True when the attributes at this range have no fault. */
  readonly attributesGood: ByteForm<boolean>
}

/** True when the record at [start, end) certainly has no fault. False says nothing. */
export function certainlyGood(
  plan: FastPlan,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): boolean {
  if (!scan(bytes, start, end) || found.family !== 'evaluation') return false
  if ((plan.subjectTypes & (1 << found.subjectType)) === 0 || found.subjectType > 5) return false
  if (
    !isRecordId(bytes, starts[RECORD_ID]!, ends[RECORD_ID]!) ||
    hasLongRun(bytes, starts[RECORD_ID]!, ends[RECORD_ID]!)
  )
    return false
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
  if (!plan.modelGood(bytes, starts[MODEL]!, ends[MODEL]!)) return false
  if (
    !plan.evaluatorGood(bytes, starts[EVALUATOR]!, ends[EVALUATOR]!) ||
    !subjectIdGood(bytes, evaluatedOn)
  )
    return false
  for (const scale of plan.scales) {
    if (matches(bytes, SCALE, scale.id))
      return (
        evaluatedOn >= scale.effectiveFrom &&
        evaluatedOn <= scale.effectiveTo &&
        gradeGood(scale, bytes)
      )
  }
  return false
}

function dateAt(bytes: Uint8Array, slot: number): number {
  return dateNumber(bytes, starts[slot]!, ends[slot]!)
}

function usccPasses(bytes: Uint8Array, start: number, end: number): boolean {
  const finding = usccFindingAt(bytes, start, end)
  return finding === undefined || isDoubt(finding)
}

/** Whether a code of 18 characters has the year of a birth date where an identity number has it: such codes are left to the rules. */
function mayBePerson(bytes: Uint8Array, start: number): boolean {
  const century = bytes[start + 6]! * 256 + bytes[start + 7]!
  return century === 0x3139 || century === 0x3230
}

function evaluatorPasses(bytes: Uint8Array, start: number, end: number): boolean {
  return usccPasses(bytes, start, end) && !mayBePerson(bytes, start)
}

/** The checks of what the records of a batch mostly have in common: one evaluator, one model. */
export function sharedForms(): Pick<FastPlan, 'evaluatorGood' | 'modelGood'> {
  return { evaluatorGood: lastGood(evaluatorPasses), modelGood: lastGood(isVersionedId) }
}

/** Remembers the last text that passed. */
function lastGood(form: ByteForm<boolean>): ByteForm<boolean> {
  let last: Uint8Array = new Uint8Array()
  return (bytes, start, end) => {
    if (last.length > 0 && sameBytes(bytes, start, end, last)) return true
    if (!form(bytes, start, end)) return false
    last = Uint8Array.from(bytes.subarray(start, end))
    return true
  }
}

export function sameBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
): boolean {
  if (end - start !== other.length) return false
  for (let i = 0; i < other.length; i++) if (bytes[start + i] !== other[i]) return false
  return true
}

/** A doubtful code of a subject is left to the rules, so that whoever publishes it can be warned. */
function subjectIdGood(bytes: Uint8Array, evaluatedOn: number): boolean {
  if (found.subjectType !== SubjectType.NATURAL_PERSON)
    return (
      usccFindingAt(bytes, starts[SUBJECT_ID]!, ends[SUBJECT_ID]!) === undefined &&
      !mayBePerson(bytes, starts[SUBJECT_ID]!)
    )
  const start = starts[SUBJECT_ID]!
  const end = ends[SUBJECT_ID]!
  if (
    citizenIdFaultAt(bytes, start, end) !== undefined ||
    !isAdult(birthNumberAt(bytes, start), evaluatedOn)
  )
    return false
  return (
    asBuffer(bytes)
      .subarray(starts[RECORD_ID], ends[RECORD_ID])
      .indexOf(bytes.subarray(start, end)) < 0
  )
}

function gradeGood(scale: ScalePlan, bytes: Uint8Array): boolean {
  if ((scale.subjectTypes & (1 << found.subjectType)) === 0) return false
  const scored = ends[SCORE]! > starts[SCORE]!
  if (scored) {
    const score = decimalMicros(bytes, starts[SCORE]!, ends[SCORE]!)
    if (Number.isNaN(score) || score < scale.scoreFrom || score > scale.scoreTo) return false
  }
  if (scale.scoreOnly) return scored && ends[GRADE] === starts[GRADE]
  for (const grade of scale.grades) if (matches(bytes, GRADE, grade)) return true
  return false
}

function matches(bytes: Uint8Array, slot: number, expected: Uint8Array): boolean {
  return sameBytes(bytes, starts[slot]!, ends[slot]!, expected)
}
