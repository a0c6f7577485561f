/** One edition of the catalog for people: what it is, then its columns, grades or pairs. */
import { fromBinary } from '@bufbuild/protobuf'
import { joined } from '../base/text.ts'
import { type CatalogItem, type CatalogRecord, CatalogRecordSchema, type GradeMapping, type GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import type { CatalogEntry } from '../gen/huxin/v1/record_service_pb.ts'
import { type SubjectType, SubjectTypeSchema } from '../gen/huxin/v1/record_pb.ts'
import { type Output, say, table } from './output.ts'
import { word } from './words.ts'

type Reader = Pick<Output, 'language'>
/** English name, Chinese name, value; rows without a value are left out. */
type Row = readonly [string, string, string]

interface Edition {
  readonly rows: readonly Row[]
  readonly details: string
}

/** Every item with its edition → its name. */
export function itemNames(reader: Reader, entries: readonly CatalogEntry[]): Map<string, string> {
  return new Map(entries.flatMap(({ id, record }) => {
    const { content } = fromBinary(CatalogRecordSchema, record)
    return content.case === 'item' ? [[id, say(reader, content.value.nameEn, content.value.nameZh)] as const] : []
  }))
}

export function formatEdition(reader: Reader, { content, act }: CatalogRecord, standing: string): string {
  const { rows, details } = edition(reader, content)
  const all: readonly Row[] = [...rows, ['standing', '状态', word(reader, standing)], ['published by', '发布', act ? joined([act.actor, act.document, act.reason], '; ').in(reader.language) : '']]
  const shown = all.filter(([, , value]) => value !== '').map(([en, zh, value]) => [say(reader, en, zh), value])
  return `${table([say(reader, 'property', '项'), say(reader, 'value', '值')], shown)}\n\n${details}`.trimEnd()
}

function edition(reader: Reader, content: CatalogRecord['content']): Edition {
  switch (content.case) {
    case 'item': return itemEdition(reader, content.value)
    case 'scale': return scaleEdition(reader, content.value)
    case 'mapping': return mappingEdition(content.value)
    default: return { rows: [], details: '' }
  }
}

function itemEdition(reader: Reader, item: CatalogItem): Edition {
  return {
    rows: [
      ['item', '目录项', `${item.id}@${item.edition}`],
      ['name', '名称', say(reader, item.nameEn, item.nameZh)],
      ['kind', '种类', word(reader, item.kind)],
      ['originators', '报送范围', item.originators.join(', ')],
      ['recipients', '送达范围', item.recipients.join(', ')],
      ['subjects', '主体类型', subjects(reader, item.subjectTypes)],
      ['scales', '等级体系', item.scales.join(', ')],
      ['purposes', '使用目的', item.purposes.join(', ')],
      ['legal basis', '法律依据', item.legalBasis],
      ['effective', '生效', period(item)],
      ['retention, years', '保存年限', item.retentionYears === 0 ? '' : String(item.retentionYears)],
    ],
    details: table(
      [say(reader, 'column', '列名'), say(reader, 'field', '字段'), say(reader, 'type', '类型'), say(reader, 'required', '必填'), say(reader, 'default', '默认值')],
      item.columns.map((column) => [say(reader, column.headerEn, column.headerZh), column.field, column.type, column.required ? say(reader, 'yes', '是') : '', column.defaultValue]),
    ),
  }
}

function scaleEdition(reader: Reader, scale: GradeScale): Edition {
  return {
    rows: [
      ['scale', '等级体系', `${scale.id}@${scale.version}`],
      ['name', '名称', say(reader, scale.nameEn, scale.nameZh)],
      ['subjects', '主体类型', subjects(reader, scale.subjectTypes)],
      ['grades', '等级', scale.grades.join(' > ')],
      ['scores', '分数', scale.scoreTo === '' ? '' : `${scale.scoreFrom} – ${scale.scoreTo}`],
      ['document', '文号', scale.legalDocument],
      ['effective', '生效', period(scale)],
    ],
    details: '',
  }
}

function mappingEdition(mapping: GradeMapping): Edition {
  return {
    rows: [
      ['mapping', '等级对照', `${mapping.id}@${mapping.version}`],
      ['document', '文号', mapping.legalDocument],
      ['effective', '生效', period(mapping)],
    ],
    details: table([mapping.fromScale, mapping.toScale], Object.entries(mapping.pairs).sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

function subjects(reader: Reader, types: readonly SubjectType[]): string {
  return types.map((type) => word(reader, SubjectTypeSchema.value[type]?.localName.toLowerCase() ?? String(type))).join(', ')
}

function period({ effectiveFrom, effectiveTo }: { effectiveFrom: string; effectiveTo: string }): string {
  return [effectiveFrom, effectiveTo].filter((date) => date !== '').join(' – ')
}
