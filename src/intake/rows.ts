/**
 * Rows become records: cells are brought into form (never guessed), and each record is checked by the node's own rules
 * before it is sent. The same row always gives the same bytes, so that importing it again adds nothing.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { createHash } from 'node:crypto'
import type { CatalogItem, Column } from '../gen/huxin/v1/catalog_pb.ts'
import { CatalogedRecordSchema, EvaluationKind, EvaluationResultSchema, RecordSchema, SubjectSchema, SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { mask } from '../record/citizen-id.ts'
import { checkRecordBytes, type CompiledItem } from '../record/item.ts'
import { codeCell, damagedIdentifier, damageTable, decimalCell, halfWidth, integerCell, nameCell, parseDateCell } from '../record/text.ts'
import type { Mapping } from './header.ts'
import type { RowFault, SourceRow } from './table.ts'

export type RowResult = { readonly record: Uint8Array } | { readonly faults: readonly RowFault[] }

/** Builds the record of a row and checks it. */
export function rowToRecord(compiled: CompiledItem, mapping: Mapping, row: SourceRow, provider: string): RowResult {
  if (row.fault) return { faults: [row.fault] }
  const faults: RowFault[] = []
  const fields = new Map<string, string | number>()
  for (const { at, column, header } of mapping.columns) {
    const cell = readCell(column, row.cells[at] ?? '', header)
    if (cell.fault) faults.push(cell.fault)
    else if (cell.value !== '') fields.set(column.field, cell.value!)
  }
  for (const column of mapping.defaults) fields.set(column.field, column.values[column.defaultValue] ?? column.defaultValue)
  for (const { column } of mapping.columns) {
    if (!fields.has(column.field) && column.defaultValue !== '') fields.set(column.field, column.values[column.defaultValue] ?? column.defaultValue)
  }
  if (faults.length > 0) return { faults }
  const record = build(compiled.item, fields, provider)
  const found = checkRecordBytes(compiled, record)
  if (found.length === 0) return { record }
  const headerOf = (path: string): string => mapping.columns.find(({ column }) => column.field === path)?.header ?? path
  return { faults: found.map(({ path, code, message, messageZh }) => ({ column: headerOf(path), code, reason: message, reasonZh: messageZh })) }
}

/** Cells of a row as they may be written into a reject file: identifiers masked. */
export function maskedCells(mapping: Mapping, row: SourceRow): string[] {
  return row.cells.map((cell, at) => {
    const column = mapping.columns.find((mapped) => mapped.at === at)?.column
    const identifies = column?.type === 'citizen_id' || column?.field === 'subject.id' || /\d{15,}/.test(halfWidth(cell).replace(/[\s-]/g, ''))
    return identifies && cell !== '' ? mask(cell) : cell
  })
}

function readCell(column: Column, raw: string, header: string): { value?: string | number; fault?: RowFault } {
  const fault = (code: string, reason: string, reasonZh: string): { fault: RowFault } => ({ fault: { column: header, code, reason, reasonZh } })
  if (raw.trim() === '') {
    return column.required && column.defaultValue === '' ? fault('missing', 'the cell is empty', '必填项为空') : { value: '' }
  }
  switch (column.type) {
    case 'uscc':
    case 'citizen_id': {
      const damage = damagedIdentifier(raw)
      if (damage) return fault(damage, damageTable[damage][0], damageTable[damage][1])
      return { value: codeCell(raw) }
    }
    case 'date': {
      const value = parseDateCell(raw)
      return value === undefined ? fault('date_form', 'no date: YYYY-MM-DD, YYYY/MM/DD or YYYYMMDD is wanted', '日期无法识别，应为 YYYY-MM-DD、YYYY/MM/DD 或 YYYYMMDD') : { value }
    }
    case 'integer': {
      const value = integerCell(raw)
      return value === undefined ? fault('integer_form', 'no whole number', '不是整数') : { value }
    }
    case 'decimal': {
      const value = decimalCell(raw)
      return value === undefined ? fault('decimal_form', 'no decimal number', '不是数值') : { value }
    }
    case 'enum': {
      const value = column.values[nameCell(raw)] ?? column.values[nameCell(raw).toLowerCase()]
      return value === undefined ? fault('enum_value', `not one of ${Object.keys(column.values).join(', ')}`, `不在取值范围内：${Object.keys(column.values).join('、')}`) : { value }
    }
    // A department's own number is kept as it is but for the width of its characters.
    default: return { value: column.field === 'record_id' ? nameCell(halfWidth(raw)) : column.field.endsWith('.grade') ? codeCell(raw) : nameCell(raw) }
  }
}

function build(item: CatalogItem, fields: ReadonlyMap<string, string | number>, provider: string): Uint8Array {
  const text = (field: string): string => String(fields.get(field) ?? '')
  const attributes = [...fields].filter(([field]) => field.startsWith('attributes.')).sort(([a], [b]) => (a < b ? -1 : 1))
  const subjectType = SubjectType[text('subject.type').toUpperCase() as keyof typeof SubjectType]
  const content = item.kind === 'evaluation'
    ? {
        case: 'evaluationResult' as const,
        value: create(EvaluationResultSchema, {
          kind: EvaluationKind[text('evaluation_result.kind') as keyof typeof EvaluationKind] ?? EvaluationKind.UNSPECIFIED,
          domain: text('evaluation_result.domain'),
          scale: text('evaluation_result.scale'),
          grade: text('evaluation_result.grade'),
          score: text('evaluation_result.score'),
          model: text('evaluation_result.model'),
          evaluatedOn: text('evaluation_result.evaluated_on'),
          validFrom: text('evaluation_result.valid_from'),
          validTo: text('evaluation_result.valid_to'),
          evaluator: text('evaluation_result.evaluator'),
        }),
      }
    : {
        case: 'catalogedRecord' as const,
        value: create(CatalogedRecordSchema, { decidedOn: text('cataloged_record.decided_on'), document: text('cataloged_record.document') }),
      }
  return toBinary(RecordSchema, create(RecordSchema, {
    recordId: text('record_id') || naturalId(item, fields, provider),
    subject: create(SubjectSchema, { type: subjectType ?? SubjectType.UNSPECIFIED, id: text('subject.id'), name: text('subject.name') }),
    content,
    attributes: attributes.length === 0 ? new Uint8Array() : Buffer.from(JSON.stringify(Object.fromEntries(attributes.map(([field, value]) => [field.slice('attributes.'.length), value])))),
  }))
}

/** A record id for files without one: from provider, item, subject, field of industry and date. */
function naturalId(item: CatalogItem, fields: ReadonlyMap<string, string | number>, provider: string): string {
  const parts = ['subject.type', 'subject.id', 'evaluation_result.domain', 'evaluation_result.evaluated_on', 'cataloged_record.document', 'cataloged_record.decided_on']
  const key = [provider, item.id, ...parts.map((field) => String(fields.get(field) ?? ''))].join('\n')
  return `r-${createHash('sha256').update(key).digest('hex').slice(0, 30)}`
}
