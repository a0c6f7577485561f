/**
 * The rules of recognition that everybody can check who has the catalog: what a request may ask for, and
 * that a confirmation keeps to the scale, the mapping and the subject that it names. What the catalog here
 * does not have yet is passed over; whether the cited source says the same, only who holds it can tell.
 */
import { text } from '../base/text.ts'
import { civilDate } from '../base/clock.ts'
import type { CatalogItem, GradeMapping, GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import {
  type RecognitionConfirmation,
  RecognitionDecision,
  type RecognitionRequest,
  type Record,
  type SubjectType,
} from '../gen/huxin/v1/record_pb.ts'
import { gather, quoteCode, type RecordFault, type Report } from './fault.ts'
import { inForce, mapGrade, mappingApplies } from './scales.ts'

/** The editions of the catalog, by id with edition or version. */
export interface Editions {
  item(id: string): CatalogItem | undefined
  scale(id: string): GradeScale | undefined
  mapping(id: string): GradeMapping | undefined
}

/** The batch in which a record of recognition stands. */
export interface Spoken {
  /** Full name of the node that signed it. */
  readonly origin: string
  /** When it was signed, milliseconds since 1970. */
  readonly createdMs: number
}

const DAY_MS = 86_400_000

/** What is wrong with a request or a confirmation beside the form of its fields; nothing for other records. */
export function recognitionFaults(
  record: Record,
  index: number,
  { origin, createdMs }: Spoken,
  editions: Editions,
): readonly RecordFault[] {
  const { content } = record
  return gather(index, (report) => {
    if (content.case === 'recognitionRequest') {
      const at = 'recognition_request'
      if (content.value.requester !== origin) report(`${at}.requester`, 'not_origin', origin)
      reportDay(`${at}.requested_on`, content.value.requestedOn, createdMs, report)
      reportAsked(content.value, editions, report)
    }
    if (content.case === 'recognitionConfirmation') {
      const at = 'recognition_confirmation'
      if (content.value.confirmer !== origin) report(`${at}.confirmer`, 'not_origin', origin)
      reportDay(`${at}.confirmed_on`, content.value.confirmedOn, createdMs, report)
      reportAnswered(content.value, record.subject?.type ?? 0, editions, report)
    }
  })
}

/** True for a decision that recognizes a grade. */
export function recognizes(decision: RecognitionDecision): boolean {
  return (
    decision === RecognitionDecision.RECOGNIZED ||
    decision === RecognitionDecision.RECOGNIZED_WITH_CONDITIONS
  )
}

/** Midnight may lie between the record and its signature. */
function reportDay(path: string, date: string, createdMs: number, report: Report): void {
  if (date < civilDate(createdMs - DAY_MS) || date > civilDate(createdMs + DAY_MS))
    report(path, 'date_signed', civilDate(createdMs))
}

function reportAsked(asked: RecognitionRequest, editions: Editions, report: Report): void {
  const at = 'recognition_request'
  const item = editions.item(asked.item)
  if (item && item.kind !== 'evaluation')
    report(
      `${at}.item`,
      'family_mismatch',
      text`${quoteCode(asked.item)} is of kind ${quoteCode(item.kind)}`,
    )
  if (item && !item.purposes.includes(asked.purpose))
    report(`${at}.purpose`, 'purpose_not_allowed', item.purposes.slice(0, 8).join(' '))
  const mapping = asked.mapping === '' ? undefined : editions.mapping(asked.mapping)
  if (item && mapping && !item.scales.includes(mapping.fromScale))
    report(`${at}.mapping`, 'mapping_scale', text`from ${quoteCode(mapping.fromScale)}`)
}

function reportAnswered(
  answer: RecognitionConfirmation,
  type: SubjectType,
  editions: Editions,
  report: Report,
): void {
  if (answer.decision === RecognitionDecision.NO_RESULT) return
  const at = 'recognition_confirmation'
  const item = editions.item(answer.sourceItem)
  const scale = editions.scale(answer.sourceScale)
  if (item && !item.scales.includes(answer.sourceScale))
    report(`${at}.source_scale`, 'scale_not_allowed', text`allowed: ${item.scales.join(' ')}`)
  if (scale && !scale.subjectTypes.includes(type))
    report(`${at}.source_scale`, 'scale_subject_type')
  if (scale && !scale.scoreOnly && !scale.grades.includes(answer.sourceGrade))
    report(`${at}.source_grade`, 'grade_unknown', scale.grades.join(' '))
  if (answer.mapping !== '' && recognizes(answer.decision))
    reportMapped(answer, type, editions, report)
}

function reportMapped(
  answer: RecognitionConfirmation,
  type: SubjectType,
  editions: Editions,
  report: Report,
): void {
  const at = 'recognition_confirmation'
  const mapping = editions.mapping(answer.mapping)
  if (!mapping) return
  const [from, to] = [editions.scale(mapping.fromScale), editions.scale(mapping.toScale)]
  if (mapping.fromScale !== answer.sourceScale)
    report(`${at}.mapping`, 'mapping_scale', text`from ${quoteCode(mapping.fromScale)}`)
  if (!inForce(mapping, answer.confirmedOn))
    report(
      `${at}.mapping`,
      'mapping_not_in_force',
      text`${mapping.effectiveFrom} to ${mapping.effectiveTo}`,
    )
  if (from && to && !mappingApplies(from, to, type)) report(`${at}.mapping`, 'mapping_subjects')
  const mapped = mapGrade(mapping, answer.sourceGrade)
  if (mapped !== answer.mappedGrade)
    report(
      `${at}.mapped_grade`,
      'mapping_grade',
      mapped === undefined ? text`it has no such grade` : text`it gives ${mapped}`,
    )
}
