/** One record for people: its fields under the titles of the catalog item, in the item's order, with values in words. */
import { type DescField, type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf'
import { hex } from '../base/bytes.ts'
import { type CatalogItem, CatalogRecordSchema, type Column } from '../gen/huxin/v1/catalog_pb.ts'
import {
  CatalogedRecordSchema,
  EvaluationResultSchema,
  RecognitionConfirmationSchema,
  RecognitionRequestSchema,
  type Record as CreditRecord,
  RecordSchema,
  SubjectSchema,
} from '../gen/huxin/v1/record_pb.ts'
import { decodeRecordId } from '../record/record-id.ts'
import type { Connection } from './connect.ts'
import { CALL } from './commands/shared.ts'
import { labelOf } from './edition.ts'
import { type Output, say, table } from './output.ts'
import { dateText, listed, word } from './words.ts'

type Reader = Pick<Output, 'language'>

/** Catalog item with edition → what the catalog here says of it. */
export type Items = ReadonlyMap<string, CatalogItem>

/** The items that records are of; one that this node does not know is left out. */
export async function itemsOf(
  { records }: Pick<Connection, 'records'>,
  ids: readonly string[],
): Promise<Items> {
  const items = new Map<string, CatalogItem>()
  for (const id of new Set(ids.filter((one) => one !== ''))) {
    const { entries } = await records.listCatalog({ id }, CALL)
    for (const { record } of entries) {
      const { content } = fromBinary(CatalogRecordSchema, record)
      if (content.case === 'item') items.set(id, content.value)
    }
  }
  return items
}

/** Titles and values, one line each. */
export function recordTable(
  reader: Reader,
  bytes: Uint8Array,
  item: CatalogItem | undefined,
): string {
  const record = fromBinary(RecordSchema, bytes)
  const values = valuesOf(reader, record)
  const columns = new Map((item?.columns ?? []).map((column) => [column.field, column]))
  const fields = [
    ...new Set([...[...columns.keys()].filter((field) => values.has(field)), ...values.keys()]),
  ]
  return table(
    [say(reader, 'field', '字段'), say(reader, 'value', '内容')],
    fields.map((field) => [
      fieldTitle(reader, field, item),
      valueText(reader, values.get(field)!, columns.get(field)),
    ]),
  )
}

/** A value as the record has it: for enumerations the name of the code. */
interface Value {
  readonly text: string
  readonly code: string | undefined
}

function valuesOf(
  reader: Reader,
  { recordId, subject, content, attributes }: CreditRecord,
): Map<string, Value> {
  const values = new Map<string, Value>([
    ['record_id', { text: decodeRecordId(recordId), code: undefined }],
  ])
  if (subject)
    addFields(reader, values, { prefix: 'subject', schema: SubjectSchema, message: subject })
  if (content.case)
    addFields(reader, values, {
      prefix: content.case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      schema: contents[content.case],
      message: content.value,
    })
  if (attributes.length > 0) {
    for (const [name, value] of Object.entries(
      JSON.parse(Buffer.from(attributes).toString()) as object,
    )) {
      if (value !== null && value !== '')
        values.set(`attributes.${name}`, { text: attributeText(reader, value), code: undefined })
    }
  }
  return values
}

const contents = {
  evaluationResult: EvaluationResultSchema,
  recognitionRequest: RecognitionRequestSchema,
  recognitionConfirmation: RecognitionConfirmationSchema,
  catalogedRecord: CatalogedRecordSchema,
} as const

function attributeText(reader: Reader, value: unknown): string {
  if (typeof value === 'boolean') return yesOrNo(reader, value)
  if (Array.isArray(value))
    return listed(
      reader,
      value.map((one) => attributeText(reader, one)),
    )
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const yesOrNo = (reader: Reader, value: boolean): string =>
  value ? say(reader, 'yes', '是') : say(reader, 'no', '否')

/** What is not set is left out. */
function addFields(
  reader: Reader,
  values: Map<string, Value>,
  { prefix, schema, message }: { prefix: string; schema: DescMessage; message: Message },
): void {
  for (const field of schema.fields) {
    const value = (message as unknown as Readonly<Record<string, unknown>>)[field.localName]
    if (
      value === undefined ||
      value === '' ||
      value === 0 ||
      value === false ||
      (Array.isArray(value) && value.length === 0) ||
      (value instanceof Uint8Array && value.length === 0)
    )
      continue
    values.set(`${prefix}.${field.name}`, fieldValue(reader, field, value))
  }
  // The first position of a batch is a value too.
  if (
    schema === RecognitionConfirmationSchema &&
    values.has(`${prefix}.source_batch_id`) &&
    !values.has(`${prefix}.source_index`)
  )
    values.set(`${prefix}.source_index`, { text: '0', code: undefined })
}

function fieldValue(reader: Reader, field: DescField, value: unknown): Value {
  if (field.fieldKind === 'enum') {
    const code = field.enum.value[value as number]?.localName
    return { text: code === undefined ? String(value) : word(reader, code.toLowerCase()), code }
  }
  const text =
    value instanceof Uint8Array
      ? hex(value)
      : Array.isArray(value)
        ? listed(reader, value.map(String))
        : typeof value === 'boolean'
          ? yesOrNo(reader, value)
          : String(value)
  return {
    text: field.name === 'purpose' ? word(reader, text) : dateText(reader, text),
    code: undefined,
  }
}

/** A code has the label of the item, where that has one in the reader's language. */
function valueText(reader: Reader, { text, code }: Value, column: Column | undefined): string {
  if (code === undefined || !column) return text
  const label = labelOf(reader, column, code)
  return label === code ? text : label
}

/** What a field is called: by the column of the item, else by its schema, else by its name. */
export function fieldTitle(reader: Reader, field: string, item: CatalogItem | undefined): string {
  const column = item?.columns.find((one) => one.field === field)
  if (column) return say(reader, column.headerEn, column.headerZh)
  const title = attributeTitles(item).get(field)
  const pair = titles[field] ?? titles[field.slice(field.indexOf('.') + 1)]
  return (
    title ??
    (field.startsWith('attributes.') || !pair
      ? field.slice(field.indexOf('.') + 1)
      : say(reader, ...pair))
  )
}

/** Titles that the item's schema gives to attributes. */
function attributeTitles(item: CatalogItem | undefined): Map<string, string> {
  if (!item?.attributesSchema) return new Map()
  const { properties = {} } = JSON.parse(item.attributesSchema) as {
    properties?: Readonly<Record<string, { readonly title?: unknown }>>
  }
  return new Map(
    Object.entries(properties).flatMap(([name, { title }]) =>
      typeof title === 'string' ? [[`attributes.${name}`, title] as const] : [],
    ),
  )
}

/** Titles of fields of which an item has no column, by field or by the last part of its name. */
const titles: Readonly<Record<string, readonly [en: string, zh: string]>> = {
  record_id: ['record id', '记录编号'],
  'subject.type': ['subject type', '主体类型'],
  'subject.id': ['subject code', '主体代码'],
  'subject.name': ['subject name', '主体名称'],
  'subject.individual_business': ['sole trader', '个体工商户'],
  kind: ['kind', '评价类别'],
  domain: ['industry', '行业领域'],
  scale: ['scale', '等级体系'],
  grade: ['grade', '评价等级'],
  score: ['score', '评价分数'],
  model: ['model', '评价模型'],
  evaluated_on: ['evaluated on', '评价日期'],
  valid_from: ['valid from', '有效期起'],
  valid_to: ['valid to', '有效期止'],
  evaluator: ['evaluator', '评价单位代码'],
  requester: ['requester', '申请节点'],
  holder: ['holder', '持有节点'],
  item: ['item', '目录项'],
  result_record_id: ['record id of the result', '评价结果记录编号'],
  purpose: ['purpose', '使用目的'],
  legal_basis: ['legal basis', '法律依据'],
  accepted_scales: ['accepted scales', '可接受的等级体系'],
  age_days_max: ['oldest result, days', '可接受的最早结果（天）'],
  requested_on: ['requested on', '申请日期'],
  deadline: ['deadline', '答复截止日期'],
  mapping: ['mapping', '等级对照'],
  request_record_id: ['request', '申请编号'],
  confirmer: ['answered by', '答复节点'],
  decision: ['answer', '答复'],
  source_batch_id: ['batch of the result', '评价结果所在批次'],
  source_index: ['position of the result', '评价结果在批次中的位置'],
  source_hash: ['hash of the result', '评价结果哈希'],
  source_item: ['item of the result', '评价结果目录项'],
  source_scale: ['scale of the result', '原等级体系'],
  source_grade: ['grade of the result', '原等级'],
  mapped_grade: ['grade after mapping', '对照后等级'],
  conditions: ['conditions', '认可条件'],
  valid_until: ['valid until', '互认有效期止'],
  confirmed_on: ['answered on', '答复日期'],
  decided_on: ['decided on', '决定日期'],
  document: ['document', '文号'],
}
