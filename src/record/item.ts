/**
 * Catalog items: what is wrong with one, and one made ready to check records with.
 *
 * An item is checked when it is published and again when it is compiled; a record is checked at every door.
 * Checking is synchronous, keeps nothing of a record but a bounded memo of good attributes, and may be
 * done in a worker.
 */
import { type DescMessage, toBinary } from '@bufbuild/protobuf'
import { utf8 } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { bilingual, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { CatalogItem, Column, GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import {
  CatalogedRecordSchema,
  EvaluationResultSchema,
  RecognitionConfirmationSchema,
  RecognitionRequestSchema,
  type Record,
  RecordSchema,
} from '../gen/huxin/v1/record_pb.ts'
import { certainlyGood, type FastPlan, sameBytes, type ScalePlan, sharedForms } from './fast.ts'
import { fault, gather, quoteCode, type RecordFault, type Report } from './fault.ts'
import { dateNumber, decimalMicros, isVersionedId, ofText, textAt } from './forms.ts'
import { decodeRecord } from './record.ts'
import { purposeForm, reportRecord, reportText, reportWarnings, type RulePlan } from './rules.ts'
import { reportPeriod, reportSubjectTypes, scaleFaults, scaleId } from './scales.ts'
import { attributesRule, checkSchema, mayHoldLargeNumbers } from './schema.ts'

export type { RecordFault } from './fault.ts'

/** An item ready to check records with. */
export interface CompiledItem {
  readonly item: CatalogItem
  /** `<id>@<edition>` */
  readonly id: string
  /** Scales of the item that the catalog does not have yet; records on them have the fault scale_unknown. */
  readonly missingScales: readonly string[]
  /** Whether attributes may hold whole numbers that some readers change. */
  readonly largeNumbers: boolean
  /** A scale of the catalog by its id with version. */
  scaleOf(id: string): GradeScale | undefined
  /** Faults of a record that is not encoded yet. */
  check(record: Record, index?: number): readonly RecordFault[]
  /** As checkRecordBytes. */
  checkBytes(bytes: Uint8Array, index: number): readonly RecordFault[]
  /** True when the record at [start, end) certainly has no fault; false says nothing. */
  passes(bytes: Uint8Array, start: number, end: number): boolean
}

const itemForm = /^[a-z0-9-]{1,32}\/[a-z0-9-]{1,64}@[A-Za-z0-9.-]{1,32}$/
const patternForm = /^(?:\*\*|[a-z0-9-]{1,32}(?:\/\*\*)?|tier:(?:nation|province|city|county))$/
const kinds = ['evaluation', 'recognition', 'record']
const columnTypes = ['text', 'date', 'integer', 'decimal', 'uscc', 'citizen_id', 'enum']

/** What is wrong with an item in itself; paths are fields of CatalogItem. `own`: it is published now, so that more is asked of it. */
export function itemFaults(
  item: CatalogItem,
  { own = false }: { readonly own?: boolean } = {},
): readonly RecordFault[] {
  return gather(0, (report) => {
    if (!itemForm.test(`${item.id}@${item.edition}`)) report('id', 'id_form')
    reportText({ path: 'name_zh', text: item.nameZh, lengthMax: 200, required: true }, report)
    reportText({ path: 'name_en', text: item.nameEn, lengthMax: 200, required: true }, report)
    reportText(
      { path: 'legal_basis', text: item.legalBasis, lengthMax: 500, required: true },
      report,
    )
    if (!kinds.includes(item.kind))
      report('kind', 'value_unknown', text`one of ${kinds.join(', ')}`)
    reportPatterns('originators', item.originators, report)
    reportPatterns('recipients', item.recipients, report)
    reportSubjectTypes(item.subjectTypes, report)
    reportPeriod(item, report)
    reportScales(item, report)
    reportPurposes(item.purposes, report)
    if (item.retentionYears < 0 || item.retentionYears > 100)
      report('retention_years', 'range', text`0 to 100`)
    const attributes = checkSchema(item.attributesSchema, report, { own })
    reportColumns(item, attributes, report)
  })
}

/** Faults that a later version may explain: by path, and code; what stands in columns and labels is for importing alone. */
const laterPaths =
  /^(?:labels \S+|kind value_unknown|subject_types value_unknown|columns\[\d+\]\.(?:type column_type|field column_field))$/

/** Of the faults of an item or a scale, those that no later version explains. */
export function lastingFaults(faults: readonly RecordFault[]): readonly RecordFault[] {
  // What else a kind wants is known with the kind.
  if (faults.some(({ path, code }) => path === 'kind' && code === 'value_unknown')) return []
  return faults.filter(({ path, code }) => !laterPaths.test(`${path} ${code}`))
}

/** True when this version knows everything that an item says; otherwise it is carried, and its records are not judged and not served. */
export function understoodItem(item: CatalogItem): boolean {
  return itemFaults(item).length === 0
}

function reportPatterns(path: string, patterns: readonly string[], report: Report): void {
  if (patterns.length === 0) report(path, 'required')
  if (patterns.length > 4096) report(path, 'too_long', text`at most 4096`)
  if (new Set(patterns).size < patterns.length) report(path, 'duplicate')
  for (const pattern of patterns)
    if (!patternForm.test(pattern)) report(path, 'pattern_form', quoteCode(pattern))
}

function reportScales({ kind, scales }: CatalogItem, report: Report): void {
  if (kind === 'evaluation' && scales.length === 0) report('scales', 'required')
  if (kind !== 'evaluation' && scales.length > 0)
    report('scales', 'unexpected', text`only evaluations have scales`)
  if (scales.length > 64) report('scales', 'too_long', text`at most 64`)
  if (new Set(scales).size < scales.length) report('scales', 'duplicate')
  for (const scale of scales)
    if (!ofText(isVersionedId, scale)) report('scales', 'id_form', quoteCode(scale))
}

function reportPurposes(purposes: readonly string[], report: Report): void {
  if (purposes.length === 0) report('purposes', 'required')
  if (new Set(purposes).size < purposes.length) report('purposes', 'duplicate')
  for (const purpose of purposes)
    if (!purposeForm.test(purpose)) report('purposes', 'code_form', quoteCode(purpose))
}

function reportColumns(item: CatalogItem, attributes: readonly string[], report: Report): void {
  const fields = new Set([
    ...(fieldsOfKind[item.kind] ?? []),
    ...attributes.map((name) => `attributes.${name}`),
  ])
  const seen = new Set<string>()
  for (const [i, column] of item.columns.entries()) {
    reportColumn(column, `columns[${i}]`, report)
    if (!fields.has(column.field))
      report(`columns[${i}].field`, 'column_field', quoteCode(column.field))
    for (const name of [
      `field ${column.field}`,
      ...new Set([`header ${column.headerZh}`, `header ${column.headerEn}`]),
    ]) {
      if (seen.has(name)) report(`columns[${i}]`, 'duplicate', name)
      seen.add(name)
    }
  }
}

function reportColumn(column: Column, at: string, report: Report): void {
  reportText(
    { path: `${at}.header_zh`, text: column.headerZh, lengthMax: 64, required: true },
    report,
  )
  reportText(
    { path: `${at}.header_en`, text: column.headerEn, lengthMax: 64, required: true },
    report,
  )
  if (!columnTypes.includes(column.type))
    report(`${at}.type`, 'column_type', quoteCode(column.type))
  const valued = Object.keys(column.values).length > 0
  if (column.type === 'enum' && !valued) report(`${at}.values`, 'required')
  if (column.type !== 'enum' && valued)
    report(`${at}.values`, 'unexpected', text`only an enum has values`)
}

/** Paths of the single fields of a content. */
function pathsOf(name: string, message: DescMessage): readonly string[] {
  return message.fields
    .filter(({ fieldKind }) => fieldKind !== 'list')
    .map((field) => `${name}.${field.name}`)
}

const subjectPaths = [
  'record_id',
  'subject.type',
  'subject.id',
  'subject.name',
  'subject.individual_business',
]
const fieldsOfKind: Readonly<{ [kind: string]: readonly string[] }> = {
  evaluation: [...subjectPaths, ...pathsOf('evaluation_result', EvaluationResultSchema)],
  recognition: [
    ...subjectPaths,
    ...pathsOf('recognition_request', RecognitionRequestSchema),
    ...pathsOf('recognition_confirmation', RecognitionConfirmationSchema),
  ],
  record: [...subjectPaths, ...pathsOf('cataloged_record', CatalogedRecordSchema)],
}

/**
 * Makes an item ready. Takes some milliseconds for its schema: keep the result.
 * @param scales any scale of the catalog by `<id>@<version>`
 * @throws HuxinError record_invalid when the item has faults
 */
export function compileItem(
  item: CatalogItem,
  scales: (id: string) => GradeScale | undefined,
): CompiledItem {
  const id = `${item.id}@${item.edition}`
  const [first] = itemFaults(item)
  if (first)
    throw new HuxinError(
      'record_invalid',
      text`catalog item ${quoteCode(id)} is not sound: ${first.path}: ${bilingual(first.message, first.messageZh)}`,
    )
  const rules: RulePlan = {
    kind: item.kind,
    subjectTypes: item.subjectTypes,
    allowedScales: item.scales,
    scaleOf: scales,
    attributes: attributesRule(item.attributesSchema),
  }
  const fast = item.kind === 'evaluation' ? fastPlan(item, rules) : undefined
  const checkBytes = (bytes: Uint8Array, index: number): readonly RecordFault[] =>
    fast && certainlyGood(fast, bytes) ? noFaults : ruleFaults(rules, bytes, index)
  return {
    item,
    id,
    missingScales: item.scales.filter((scale) => scales(scale) === undefined),
    largeNumbers: mayHoldLargeNumbers(item.attributesSchema),
    scaleOf: scales,
    check: (record, index = 0) => checkBytes(toBinary(RecordSchema, record), index),
    checkBytes,
    passes: (bytes, start, end) => fast !== undefined && certainlyGood(fast, bytes, start, end),
  }
}

const noFaults: readonly RecordFault[] = Object.freeze([])

/**
 * Every fault of a record against its item, at most 16; empty for a good record.
 * @param bytes the record as it was encoded at its origin
 * @param index position in the batch, for the faults
 */
export function checkRecordBytes(
  compiled: CompiledItem,
  bytes: Uint8Array,
  index = 0,
): readonly RecordFault[] {
  return compiled.checkBytes(bytes, index)
}

/** What is doubtful about a record that has no fault; never a reason to refuse it. */
export function recordWarnings(bytes: Uint8Array, index = 0): readonly RecordFault[] {
  return gather(index, (report) => reportWarnings(decodeRecord(bytes), report))
}

function ruleFaults(rules: RulePlan, bytes: Uint8Array, index: number): readonly RecordFault[] {
  if (bytes.length > limits.recordBytesMax) {
    return [
      fault(
        index,
        '',
        'record_too_large',
        `${bytes.length} bytes, at most ${limits.recordBytesMax}`,
      ),
    ]
  }
  try {
    const record = decodeRecord(bytes)
    return gather(index, (report) => reportRecord(rules, record, report))
  } catch (error) {
    if (!isHuxinError(error, 'record_invalid')) throw error
    return [fault(index, '', 'record_malformed')]
  }
}

function fastPlan(item: CatalogItem, rules: RulePlan): FastPlan {
  const sound = item.scales.flatMap((id) => {
    const scale = rules.scaleOf(id)
    return scale && scaleId(scale) === id && scaleFaults(scale).length === 0
      ? [scalePlan(scale)]
      : []
  })
  return {
    subjectTypes: maskOf(item.subjectTypes),
    scales: sound,
    ...sharedForms(),
    attributesGood: attributesMemo(rules),
  }
}

function maskOf(types: readonly number[]): number {
  return types
    .filter((type) => type >= 1 && type <= 5)
    .reduce((bits, type) => bits | (1 << type), 0)
}

function scalePlan(scale: GradeScale): ScalePlan {
  return {
    id: utf8(scaleId(scale)),
    grades: scale.scoreOnly ? [] : scale.grades.map(utf8),
    scoreOnly: scale.scoreOnly,
    subjectTypes: maskOf(scale.subjectTypes),
    scoreFrom: ofText(decimalMicros, scale.scoreFrom),
    scoreTo: ofText(decimalMicros, scale.scoreTo),
    effectiveFrom: ofText(dateNumber, scale.effectiveFrom),
    effectiveTo: scale.effectiveTo === '' ? 99_999_999 : ofText(dateNumber, scale.effectiveTo),
  }
}

const MEMO_ENTRIES_MAX = 1024
const MEMO_LENGTH_MAX = 256

/** Remembers short attributes that were good, since the records of a batch share many. */
function attributesMemo(rules: RulePlan): FastPlan['attributesGood'] {
  const known = new Set<string>()
  let last: Uint8Array = new Uint8Array()
  let good = true
  const refuse: Report = () => {
    good = false
  }
  return (bytes, start, end) => {
    if (last.length > 0 && sameBytes(bytes, start, end, last)) return true
    const source = textAt(bytes, start, end)
    if (source === undefined || !known.has(source)) {
      good = true
      rules.attributes(source, refuse)
      if (!good || source === undefined || source.length > MEMO_LENGTH_MAX) return good
      if (known.size >= MEMO_ENTRIES_MAX) known.clear()
      known.add(source)
    }
    last = Uint8Array.from(bytes.subarray(start, end))
    return true
  }
}
