/** What a good record is, in full: every rule and every fault. `fast.ts` accepts a subset of what passes here. */
import { term, type Text, text } from '../base/text.ts'
import type { GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import {
  type CatalogedRecord,
  EvaluationKind,
  type EvaluationResult,
  type RecognitionConfirmation,
  RecognitionDecision,
  type RecognitionRequest,
  type Record,
  type Subject,
  SubjectType,
} from '../gen/huxin/v1/record_pb.ts'
import { citizenIdFault, isAdult, mask } from './citizen-id.ts'
import type { FaultCode, Report } from './fault.ts'
import { dateNumber, isRecordId, isVersionedId, ofText, textAt, textLength } from './forms.ts'
import { holdsCitizenId } from './personal.ts'
import { familyOf, type RecordFamily } from './record.ts'
import { inForce, reportGrade } from './scales.ts'
import type { AttributesRule } from './schema.ts'
import { subjectIdFault, subjectIdWarnings } from './subject.ts'
import { usccDoubt, usccFault } from './uscc.ts'

/** What the rules need of a catalog item. */
export interface RulePlan {
  /** Kind of batch: evaluation, recognition or record. */
  readonly kind: string
  readonly subjectTypes: readonly SubjectType[]
  /** Scales that the item allows, by id with version. */
  readonly allowedScales: readonly string[]
  /** Any scale of the catalog, by id with version. */
  readonly scaleOf: (id: string) => GradeScale | undefined
  readonly attributes: AttributesRule
}

/** Families that a batch of each kind carries. */
const familiesOfKind: Readonly<{ [kind: string]: readonly RecordFamily[] }> = {
  evaluation: ['evaluation'],
  recognition: ['request', 'confirmation'],
  record: ['cataloged'],
}

/** Reports every fault of a record. */
export function reportRecord(plan: RulePlan, record: Record, report: Report): void {
  const { recordId, subject } = record
  if (!ofText(isRecordId, recordId))
    report('record_id', 'record_id_form', text`${recordId.length} characters`)
  else if (holdsCitizenId(recordId)) report('record_id', 'record_id_personal')
  if (subject) reportSubject(plan, subject, report)
  else report('subject', 'required')
  if (subject?.type === SubjectType.NATURAL_PERSON) reportPerson(record, subject, report)
  const family = familyOf(record)
  if (!familiesOfKind[plan.kind]?.includes(family))
    report('content', 'family_mismatch', text`${family} in an item of kind ${plan.kind}`)
  reportContent(plan, record, report)
  plan.attributes(textAt(record.attributes, 0, record.attributes.length), report)
}

function reportContent(plan: RulePlan, { content, subject }: Record, report: Report): void {
  switch (content.case) {
    case 'evaluationResult':
      return reportEvaluation(plan, content.value, subject?.type ?? 0, report)
    case 'recognitionRequest':
      return reportRequest(content.value, report)
    case 'recognitionConfirmation':
      return reportConfirmation(plan, content.value, report)
    case 'catalogedRecord':
      return reportCataloged(content.value, report)
  }
}

/** Reports what is doubtful about a record that has no fault. */
export function reportWarnings(record: Record, report: Report): void {
  const { subject, content } = record
  if (!subject) return
  for (const code of subjectIdWarnings(subject.type, subject.id, subject.individualBusiness)) {
    report(
      code === 'individual_business_class' ? 'subject.individual_business' : 'subject.id',
      code,
    )
  }
  const doubt = content.case === 'evaluationResult' ? usccDoubt(content.value.evaluator) : undefined
  if (doubt) report('evaluation_result.evaluator', doubt)
}

/** A type in words; one of a later version as its number. */
function typeName(type: SubjectType): Text | string {
  const name = Object.entries(SubjectType).find(([, value]) => value === type)?.[0]
  return name === undefined ? String(type) : term(name.toLowerCase())
}

function reportSubject(plan: RulePlan, subject: Subject, report: Report): void {
  if (!plan.subjectTypes.includes(subject.type))
    report('subject.type', 'subject_type', text`type ${typeName(subject.type)}`)
  const known = subject.type >= 1 && subject.type <= 5
  const code =
    subject.id === '' ? 'required' : known ? subjectIdFault(subject.type, subject.id) : undefined
  if (code !== undefined)
    report('subject.id', code, code === 'required' ? text`` : mask(subject.id.slice(0, 24)))
  reportText({ path: 'subject.name', text: subject.name, lengthMax: 200, required: true }, report)
}

function reportPerson(record: Record, { id }: Subject, report: Report): void {
  if (citizenIdFault(id) !== undefined) return
  if (record.recordId.includes(id) && !holdsCitizenId(record.recordId))
    report('record_id', 'record_id_personal')
  const [path, date] = dateOf(record)
  const number = ofText(dateNumber, date)
  if (number >= 0 && !isAdult(Number(id.slice(6, 14)), number)) report(path, 'minor')
}

/** The date on which a record speaks, with its path. */
function dateOf({ content }: Record): readonly [path: string, date: string] {
  switch (content.case) {
    case 'evaluationResult':
      return ['evaluation_result.evaluated_on', content.value.evaluatedOn]
    case 'recognitionRequest':
      return ['recognition_request.requested_on', content.value.requestedOn]
    case 'recognitionConfirmation':
      return ['recognition_confirmation.confirmed_on', content.value.confirmedOn]
    case 'catalogedRecord':
      return ['cataloged_record.decided_on', content.value.decidedOn]
    default:
      return ['content', '']
  }
}

function reportEvaluation(
  plan: RulePlan,
  result: EvaluationResult,
  type: SubjectType,
  report: Report,
): void {
  const at = 'evaluation_result'
  if (result.kind !== EvaluationKind.COMPREHENSIVE && result.kind !== EvaluationKind.INDUSTRY)
    report(`${at}.kind`, 'value_unknown')
  const required = result.kind === EvaluationKind.INDUSTRY
  reportText({ path: `${at}.domain`, text: result.domain, lengthMax: 32, required }, report)
  reportVersionedId(`${at}.model`, result.model, report)
  const dated = [
    reportDate(`${at}.evaluated_on`, result.evaluatedOn, report),
    reportDate(`${at}.valid_from`, result.validFrom, report),
    reportDate(`${at}.valid_to`, result.validTo, report),
  ].every((good) => good)
  if (dated && result.validTo < result.validFrom)
    report(`${at}.valid_to`, 'date_order', text`before valid_from`)
  if (dated && result.validTo < result.evaluatedOn)
    report(`${at}.valid_to`, 'date_order', text`before evaluated_on`)
  const code = result.evaluator === '' ? 'required' : usccFault(result.evaluator)
  if (code !== undefined) report(`${at}.evaluator`, code)
  reportScale(plan, result, type, report)
}

function reportScale(
  plan: RulePlan,
  result: EvaluationResult,
  type: SubjectType,
  report: Report,
): void {
  const path = 'evaluation_result.scale'
  if (result.scale === '') return report(path, 'required')
  if (!plan.allowedScales.includes(result.scale))
    return report(path, 'scale_not_allowed', text`allowed: ${plan.allowedScales.join(' ')}`)
  const scale = plan.scaleOf(result.scale)
  if (!scale) return report(path, 'scale_unknown')
  if (!inForce(scale, result.evaluatedOn)) report(path, 'scale_not_in_force')
  if (!scale.subjectTypes.includes(type)) report(path, 'scale_subject_type')
  reportGrade(scale, result, report)
}

function reportRequest(request: RecognitionRequest, report: Report): void {
  const at = 'recognition_request'
  reportNode(`${at}.requester`, request.requester, report)
  reportNode(`${at}.holder`, request.holder, report)
  reportVersionedId(`${at}.item`, request.item, report)
  if (request.resultRecordId !== '' && !ofText(isRecordId, request.resultRecordId))
    report(`${at}.result_record_id`, 'record_id_form')
  if (request.purpose === '') report(`${at}.purpose`, 'required')
  else if (!purposeForm.test(request.purpose)) report(`${at}.purpose`, 'code_form')
  reportText(
    { path: `${at}.legal_basis`, text: request.legalBasis, lengthMax: 500, required: true },
    report,
  )
  if (request.acceptedScales.length > 64)
    report(`${at}.accepted_scales`, 'too_long', text`at most 64`)
  for (const [i, scale] of request.acceptedScales.slice(0, 64).entries())
    reportVersionedId(`${at}.accepted_scales[${i}]`, scale, report)
  if (request.ageDaysMax < 0) report(`${at}.age_days_max`, 'range')
  const dated = reportDate(`${at}.requested_on`, request.requestedOn, report)
  if (
    request.deadline !== '' &&
    reportDate(`${at}.deadline`, request.deadline, report) &&
    dated &&
    request.deadline < request.requestedOn
  ) {
    report(`${at}.deadline`, 'date_order', text`before requested_on`)
  }
  if (request.mapping !== '') reportVersionedId(`${at}.mapping`, request.mapping, report)
}

function reportConfirmation(plan: RulePlan, answer: RecognitionConfirmation, report: Report): void {
  const at = 'recognition_confirmation'
  if (!ofText(isRecordId, answer.requestRecordId))
    report(`${at}.request_record_id`, 'record_id_form')
  reportNode(`${at}.requester`, answer.requester, report)
  reportNode(`${at}.confirmer`, answer.confirmer, report)
  if (answer.decision < 1 || answer.decision > 4) report(`${at}.decision`, 'value_unknown')
  const dated = reportDate(`${at}.confirmed_on`, answer.confirmedOn, report)
  if (answer.decision === RecognitionDecision.NO_RESULT) reportNoSource(answer, report)
  else {
    reportSource(plan, answer, report)
    const until = reportDate(`${at}.valid_until`, answer.validUntil, report)
    if (until && dated && answer.validUntil < answer.confirmedOn)
      report(`${at}.valid_until`, 'date_order', text`before confirmed_on`)
  }
  const required = answer.decision === RecognitionDecision.RECOGNIZED_WITH_CONDITIONS
  reportText(
    { path: `${at}.conditions`, text: answer.conditions, lengthMax: 1000, required },
    report,
  )
  reportMapped(answer, report)
}

function reportMapped(
  { decision, mapping, mappedGrade }: RecognitionConfirmation,
  report: Report,
): void {
  const at = 'recognition_confirmation'
  const declined =
    decision === RecognitionDecision.NOT_RECOGNIZED || decision === RecognitionDecision.NO_RESULT
  if (mapping !== '') reportVersionedId(`${at}.mapping`, mapping, report)
  if (mappedGrade === '') return
  if (declined) report(`${at}.mapped_grade`, 'unexpected', text`the result is not recognized`)
  if (mapping === '') report(`${at}.mapping`, 'required', text`a mapped grade names its mapping`)
  reportText(
    { path: `${at}.mapped_grade`, text: mappedGrade, lengthMax: 16, required: true },
    report,
  )
}

function reportSource(plan: RulePlan, answer: RecognitionConfirmation, report: Report): void {
  const at = 'recognition_confirmation'
  if (answer.sourceBatchId.length !== 32)
    report(`${at}.source_batch_id`, 'range', text`${answer.sourceBatchId.length} bytes, not 32`)
  if (answer.sourceHash.length !== 32)
    report(`${at}.source_hash`, 'range', text`${answer.sourceHash.length} bytes, not 32`)
  reportVersionedId(`${at}.source_item`, answer.sourceItem, report)
  reportVersionedId(`${at}.source_scale`, answer.sourceScale, report)
  const scoreOnly = plan.scaleOf(answer.sourceScale)?.scoreOnly === true
  if (scoreOnly && answer.sourceGrade !== '') report(`${at}.source_grade`, 'grade_unexpected')
  reportText(
    { path: `${at}.source_grade`, text: answer.sourceGrade, lengthMax: 16, required: !scoreOnly },
    report,
  )
}

function reportNoSource(answer: RecognitionConfirmation, report: Report): void {
  const at = 'recognition_confirmation'
  if (answer.sourceBatchId.length > 0) report(`${at}.source_batch_id`, 'unexpected')
  if (answer.sourceHash.length > 0) report(`${at}.source_hash`, 'unexpected')
  if (answer.sourceItem !== '') report(`${at}.source_item`, 'unexpected')
  if (answer.sourceScale !== '') report(`${at}.source_scale`, 'unexpected')
  if (answer.sourceGrade !== '') report(`${at}.source_grade`, 'unexpected')
}

function reportCataloged(record: CatalogedRecord, report: Report): void {
  reportDate('cataloged_record.decided_on', record.decidedOn, report)
  reportText(
    { path: 'cataloged_record.document', text: record.document, lengthMax: 128, required: false },
    report,
  )
}

/** A purpose code (使用目的). */
export const purposeForm = /^[a-z0-9][a-z0-9_/-]{0,63}$/
const nodeForm = /^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}$/

function reportNode(path: string, name: string, report: Report): void {
  const code: FaultCode | undefined =
    name === '' ? 'required' : nodeForm.test(name) ? undefined : 'node_form'
  if (code) report(path, code)
}

function reportVersionedId(path: string, id: string, report: Report): void {
  const code: FaultCode | undefined =
    id === '' ? 'required' : ofText(isVersionedId, id) ? undefined : 'id_form'
  if (code) report(path, code)
}

/** Reports a date that is not one; true when it is good. */
function reportDate(path: string, date: string, report: Report): boolean {
  const good = ofText(dateNumber, date) >= 0
  if (!good) report(path, date === '' ? 'required' : 'date_form')
  return good
}

/** A text field and what it must be. */
export interface TextField {
  readonly path: string
  readonly text: string
  /** Code points. */
  readonly lengthMax: number
  readonly required: boolean
}

/** Reports what is wrong with a text for people. */
export function reportText(
  { path, text: content, lengthMax, required }: TextField,
  report: Report,
): void {
  const length = ofText(textLength, content)
  if (length < 0) report(path, 'text_form')
  else if (length === 0 && required) report(path, 'required')
  else if (length > lengthMax)
    report(path, 'too_long', text`${length} characters, at most ${lengthMax}`)
}
