/**
 * Rows become records: cells are brought into form (never guessed), and each record is checked by the node's own rules
 * before it is sent. The same row always gives the same bytes, so that importing it again adds nothing.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import type { CatalogItem, Column } from '../gen/huxin/v1/catalog_pb.ts'
import {
  CatalogedRecordSchema,
  EvaluationKind,
  EvaluationResultSchema,
  RecordSchema,
  SubjectSchema,
  SubjectType,
} from '../gen/huxin/v1/record_pb.ts'
import { checkRecordBytes, type CompiledItem } from '../record/item.ts'
import { derivedIds, derivedIdsOf } from '../record/record-id.ts'
import { decodeRecord } from '../record/record.ts'
import { attributeSchemas } from '../record/schema.ts'
import { type CellPlace, type CellSettings, readCell } from './cells.ts'
import type { Said } from './codes.ts'
import type { Mapping } from './header.ts'
import type { CellNotice } from './notices.ts'
import type { RowFault, SourceRow } from './table.ts'
import { readGrade, readSubjectType } from './words.ts'

export type RowResult =
  | { readonly record: Uint8Array; readonly notices: readonly CellNotice[]; readonly name: string }
  | { readonly faults: readonly RowFault[] }

export interface RowReaderOptions {
  readonly compiled: CompiledItem
  readonly mapping: Mapping
  /** Unified social credit code of the body that answers for the records. */
  readonly provider: string
  readonly settings?: CellSettings
  /** field → cell, for columns that the file does not have, or has empty. */
  readonly defaults?: ReadonlyMap<string, string>
}

type Fields = Map<string, string | number>

/** Reads the rows of one file. */
export class RowReader {
  readonly #options: RowReaderOptions
  readonly #places: readonly (CellPlace & { readonly at: number })[]
  readonly #absent: readonly CellPlace[]

  constructor(options: RowReaderOptions) {
    const {
      compiled: { item },
      mapping,
      settings = {},
      defaults,
    } = options
    const schemas = attributeSchemas(item.attributesSchema)
    const place = (column: Column, header: string): CellPlace => ({
      column,
      header,
      settings,
      schema: schemas.get(column.field.slice('attributes.'.length)),
    })
    this.#options = options
    this.#places = mapping.columns.map(({ at, column, header }) => ({
      at,
      ...place(column, header),
    }))
    const given = item.columns.filter(
      ({ field }) =>
        defaults?.has(field) && !mapping.columns.some(({ column }) => column.field === field),
    )
    this.#absent = [
      ...mapping.defaults,
      ...given.filter(({ field }) => !mapping.defaults.some((known) => known.field === field)),
    ].map((column) => place(column, column.headerZh))
  }

  /** Builds the record of a row and checks it. */
  read(row: SourceRow): RowResult {
    if (row.fault) return { faults: [row.fault] }
    const faults: RowFault[] = []
    const notices: CellNotice[] = []
    const fields: Fields = new Map()
    for (const place of this.#places)
      this.#readInto(fields, place, { raw: row.cells[place.at] ?? '', faults, notices })
    for (const place of this.#absent) this.#readInto(fields, place, { raw: '', faults, notices })
    this.#readWords(fields, faults, notices)
    if (faults.length > 0) return { faults }
    const { compiled, provider } = this.#options
    const record = build(compiled.item, fields, provider)
    const found = checkRecordBytes(compiled, record)
    if (found.length === 0)
      return { record, notices, name: String(fields.get('subject.name') ?? '') }
    return {
      faults: found.map(({ path, code, message, messageZh }) => {
        const [en, zh] = this.#hasBreak(path, row)
          ? ['; the cell has a line break (Alt+Enter)', '；单元格内有换行（Alt+Enter）']
          : ['', '']
        return {
          column: this.#headerOf(path),
          code,
          reason: message + en,
          reasonZh: messageZh + zh,
        }
      }),
    }
  }

  /** Whether a cell goes on in another line, which a spreadsheet hardly shows. */
  #hasBreak(path: string, { cells }: SourceRow): boolean {
    const place = this.#places.find(({ column }) => column.field === path)
    return place !== undefined && /[\r\n]/.test((cells[place.at] ?? '').trim())
  }

  #readInto(
    fields: Fields,
    place: CellPlace,
    { raw, faults, notices }: { raw: string; faults: RowFault[]; notices: CellNotice[] },
  ): void {
    const { column, header } = place
    const standard = this.#options.defaults?.get(column.field)
    const blank = raw.trim() === ''
    if (blank && standard === undefined && column.defaultValue !== '') {
      fields.set(column.field, column.values[column.defaultValue] ?? column.defaultValue)
      return
    }
    const {
      value,
      fault,
      notices: found = [],
    } = readCell(place, blank && standard !== undefined ? standard : raw)
    if (fault) faults.push(faultOf(header, fault))
    else if (value !== undefined && value !== '') fields.set(column.field, value)
    else if (column.defaultValue !== '')
      fields.set(column.field, column.values[column.defaultValue] ?? column.defaultValue)
    notices.push(...found.map(({ code, text }) => ({ column: header, code, text })))
  }

  /** Words whose meaning rests on another cell of the row: of a type of subject on its code, of a grade on its scale. */
  #readWords(fields: Fields, faults: RowFault[], notices: CellNotice[]): void {
    const { compiled } = this.#options
    for (const [field, reading] of [
      [
        'subject.type',
        readSubjectType(
          compiled.item,
          String(fields.get('subject.type') ?? ''),
          String(fields.get('subject.id') ?? ''),
        ),
      ],
      [
        'evaluation_result.grade',
        readGrade(
          compiled.scaleOf(String(fields.get('evaluation_result.scale') ?? '')),
          String(fields.get('evaluation_result.grade') ?? ''),
        ),
      ],
    ] as const) {
      const header = this.#headerOf(field)
      if (reading.fault) faults.push(faultOf(header, reading.fault))
      if (reading.notice) notices.push({ column: header, ...reading.notice })
      for (const [name, value] of Object.entries(reading.fields ?? {})) fields.set(name, value)
    }
  }

  #headerOf(path: string): string {
    return (
      this.#places.find(({ column }) => column.field === path)?.header ??
      this.#options.compiled.item.columns.find(({ field }) => field === path)?.headerZh ??
      path
    )
  }
}

function faultOf(column: string, { code, text }: Said): RowFault {
  return { column, code, reason: text.en, reasonZh: text.zh }
}

function build(
  item: CatalogItem,
  fields: ReadonlyMap<string, string | number>,
  provider: string,
): Uint8Array {
  const text = (field: string): string => String(fields.get(field) ?? '')
  const attributes = [...fields]
    .filter(([field]) => field.startsWith('attributes.'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const subjectType = SubjectType[text('subject.type').toUpperCase() as keyof typeof SubjectType]
  const content =
    item.kind === 'evaluation'
      ? {
          case: 'evaluationResult' as const,
          value: create(EvaluationResultSchema, {
            kind:
              EvaluationKind[text('evaluation_result.kind') as keyof typeof EvaluationKind] ??
              EvaluationKind.UNSPECIFIED,
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
          value: create(CatalogedRecordSchema, {
            decidedOn: text('cataloged_record.decided_on'),
            document: text('cataloged_record.document'),
          }),
        }
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      recordId: text('record_id') || naturalId(item, fields, provider),
      subject: create(SubjectSchema, {
        type: subjectType ?? SubjectType.UNSPECIFIED,
        id: text('subject.id'),
        name: text('subject.name'),
        individualBusiness: text('subject.individual_business') === 'true',
      }),
      content,
      attributes:
        attributes.length === 0
          ? new Uint8Array()
          : Buffer.from(
              JSON.stringify(
                Object.fromEntries(
                  attributes.map(([field, value]) => [field.slice('attributes.'.length), value]),
                ),
              ),
            ),
    }),
  )
}

/** A record id for files without one: from provider, item, subject, field of industry and date, and from kind and scale where they are unusual. */
function naturalId(
  item: CatalogItem,
  fields: ReadonlyMap<string, string | number>,
  provider: string,
): string {
  const part = (field: string): string => String(fields.get(field) ?? '')
  return derivedIds(item, provider, {
    subjectType: part('subject.type'),
    subjectId: part('subject.id'),
    domain: part('evaluation_result.domain'),
    evaluatedOn: part('evaluation_result.evaluated_on'),
    document: part('cataloged_record.document'),
    decidedOn: part('cataloged_record.decided_on'),
    kind: part('evaluation_result.kind'),
    scale: part('evaluation_result.scale'),
  }).id
}

/** A record under the id that was derived for it before kind and scale were part of one. */
export function underFormerId(item: CatalogItem, provider: string, bytes: Uint8Array): Uint8Array {
  const record = decodeRecord(bytes)
  return toBinary(RecordSchema, {
    ...record,
    recordId: derivedIdsOf(item, provider, record).former,
  })
}
