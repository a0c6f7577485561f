/**
 * Grade scales and one-way mappings as versioned data, and the rules of recognition: a grade keeps its scale
 * with it, a mapped grade is an annotation, and nothing is ever guessed, defaulted, inverted or computed
 * from a score. Scores of two scales are never compared.
 */
import { text } from '../base/text.ts'
import { isCivilDate } from '../base/clock.ts'
import type { GradeMapping, GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import { type EvaluationResult, SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { gather, quoteCode, type RecordFault, type Report } from './fault.ts'
import { decimalMicros, isVersionedId, ofText, textLength } from './forms.ts'

/** `<id>@<version>` */
export function scaleId(scale: GradeScale | GradeMapping): string {
  return `${scale.id}@${scale.version}`
}

/** The grade that the mapping gives to a grade of its source scale; undefined when it gives none. */
export function mapGrade(mapping: GradeMapping, grade: string): string | undefined {
  return Object.hasOwn(mapping.pairs, grade) ? mapping.pairs[grade] : undefined
}

/** True when the date (YYYY-MM-DD) is within the period in which a scale or mapping is in force. */
export function inForce(
  period: { effectiveFrom: string; effectiveTo: string },
  date: string,
): boolean {
  return date >= period.effectiveFrom && (period.effectiveTo === '' || date <= period.effectiveTo)
}

/** What is wrong with a scale in itself. */
export function scaleFaults(scale: GradeScale): readonly RecordFault[] {
  return gather(0, (report) => {
    if (!ofText(isVersionedId, scaleId(scale))) report('id', 'id_form')
    reportLegalTexts(scale, report)
    if (scale.nameZh === '') report('name_zh', 'required')
    if (scale.nameEn === '') report('name_en', 'required')
    reportSubjectTypes(scale.subjectTypes, report)
    reportGrades(scale, report)
    reportLabels(scale, report)
    reportScores(scale, report)
  })
}

function reportGrades(scale: GradeScale, report: Report): void {
  if (scale.scoreOnly && scale.grades.length > 0) report('grades', 'grade_unexpected')
  if (!scale.scoreOnly && scale.grades.length === 0) report('grades', 'required')
  if (scale.grades.length > 64) report('grades', 'too_long', text`at most 64 grades`)
  if (new Set(scale.grades).size < scale.grades.length) report('grades', 'duplicate')
  for (const [i, grade] of scale.grades.entries()) {
    const length = ofText(textLength, grade)
    if (length < 1 || length > 16)
      report(`grades[${i}]`, 'text_form', text`a grade has 1 to 16 characters`)
  }
}

function reportLabels({ grades, labels }: GradeScale, report: Report): void {
  for (const [label, grade] of Object.entries(labels)) {
    const length = ofText(textLength, label)
    if (length < 1 || length > 32)
      report('labels', 'text_form', text`a label has 1 to 32 characters`)
    if (grades.includes(label)) report('labels', 'duplicate', quoteCode(label))
    if (!grades.includes(grade)) report('labels', 'grade_unknown', quoteCode(grade))
  }
}

function reportScores(scale: GradeScale, report: Report): void {
  for (const [path, score] of [
    ['score_from', scale.scoreFrom],
    ['score_to', scale.scoreTo],
  ] as const) {
    if (score !== '' && Number.isNaN(ofText(decimalMicros, score))) report(path, 'score_form')
  }
  if (ofText(decimalMicros, scale.scoreFrom) > ofText(decimalMicros, scale.scoreTo))
    report('score_to', 'range', text`below score_from`)
}

/** What is wrong with a list of subject types. */
export function reportSubjectTypes(types: readonly SubjectType[], report: Report): void {
  if (types.length === 0) report('subject_types', 'required')
  if (new Set(types).size < types.length) report('subject_types', 'duplicate')
  if (types.some((type) => !Number.isInteger(type) || type < 1 || type > 5))
    report('subject_types', 'value_unknown')
}

function reportLegalTexts(act: GradeScale | GradeMapping, report: Report): void {
  if (act.legalDocument === '') report('legal_document', 'required')
  reportPeriod(act, report)
}

/** What is wrong with a period in which something is in force. */
export function reportPeriod(
  period: { effectiveFrom: string; effectiveTo: string },
  report: Report,
): void {
  if (!isCivilDate(period.effectiveFrom)) report('effective_from', 'date_form')
  if (period.effectiveTo === '') return
  if (!isCivilDate(period.effectiveTo)) report('effective_to', 'date_form')
  else if (period.effectiveTo < period.effectiveFrom) report('effective_to', 'date_order')
}

/** What is wrong with a mapping between two scales: it is total on the source, stays in the target and keeps the order of grades. */
export function mappingFaults(
  mapping: GradeMapping,
  from: GradeScale,
  to: GradeScale,
): readonly RecordFault[] {
  return gather(0, (report) => {
    if (!ofText(isVersionedId, scaleId(mapping))) report('id', 'id_form')
    reportLegalTexts(mapping, report)
    if (mapping.fromScale !== scaleId(from)) report('from_scale', 'mapping_scale')
    if (mapping.toScale !== scaleId(to)) report('to_scale', 'mapping_scale')
    if (!mappable(from, to)) report('from_scale', 'mapping_subjects')
    for (const grade of from.grades) {
      if (mapGrade(mapping, grade) === undefined)
        report('pairs', 'mapping_not_total', quoteCode(grade))
    }
    const places = from.grades.map((grade) => to.grades.indexOf(mapGrade(mapping, grade) ?? ''))
    if (places.some((place, i) => i > 0 && place >= 0 && place < places[i - 1]!))
      report('pairs', 'mapping_order')
    for (const [source, target] of Object.entries(mapping.pairs)) {
      if (!from.grades.includes(source))
        report('pairs', 'grade_unknown', text`${quoteCode(source)} in ${mapping.fromScale}`)
      if (!to.grades.includes(target))
        report('pairs', 'grade_unknown', text`${quoteCode(target)} in ${mapping.toScale}`)
    }
  })
}

function mappable(from: GradeScale, to: GradeScale): boolean {
  const common = from.subjectTypes.filter((type) => to.subjectTypes.includes(type))
  return (
    !from.scoreOnly && !to.scoreOnly && common.some((type) => type !== SubjectType.NATURAL_PERSON)
  )
}

/** True when a mapping may be applied to a subject of this type: both scales grade it, and it is no natural person. */
export function mappingApplies(from: GradeScale, to: GradeScale, type: SubjectType): boolean {
  return (
    type !== SubjectType.NATURAL_PERSON &&
    from.subjectTypes.includes(type) &&
    to.subjectTypes.includes(type)
  )
}

/** What is wrong with the grade and the score of a result on its scale. */
export function gradeFaults(scale: GradeScale, result: EvaluationResult): readonly RecordFault[] {
  return gather(0, (report) => reportGrade(scale, result, report))
}

/** As gradeFaults, into a report. */
export function reportGrade(scale: GradeScale, result: EvaluationResult, report: Report): void {
  if (result.scale !== scaleId(scale)) report('evaluation_result.scale', 'scale_not_allowed')
  if (scale.scoreOnly && result.grade !== '') report('evaluation_result.grade', 'grade_unexpected')
  if (!scale.scoreOnly && result.grade === '') report('evaluation_result.grade', 'required')
  else if (!scale.scoreOnly && !scale.grades.includes(result.grade)) {
    report('evaluation_result.grade', 'grade_unknown', scale.grades.join(' '))
  }
  if (scale.scoreOnly && result.score === '') report('evaluation_result.score', 'required')
  if (result.score === '') return
  const score = ofText(decimalMicros, result.score)
  if (Number.isNaN(score)) return report('evaluation_result.score', 'score_form')
  // A missing bound is NaN, and no comparison with NaN holds.
  if (
    score < ofText(decimalMicros, scale.scoreFrom) ||
    score > ofText(decimalMicros, scale.scoreTo)
  ) {
    report('evaluation_result.score', 'score_range', text`${scale.scoreFrom} to ${scale.scoreTo}`)
  }
}
