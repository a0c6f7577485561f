/** One edition of the catalog for people: what it is, then its columns, grades or pairs. */
import { fromBinary } from '@bufbuild/protobuf'
import { joined } from '../base/text.ts'
import {
  type CatalogItem,
  type CatalogRecord,
  CatalogRecordSchema,
  type Column,
  type GradeMapping,
  type GradeScale,
} from '../gen/huxin/v1/catalog_pb.ts'
import type { CatalogEntry } from '../gen/huxin/v1/record_service_pb.ts'
import { type SubjectType, SubjectTypeSchema } from '../gen/huxin/v1/record_pb.ts'
import { type Output, say, table } from './output.ts'
import { dateText, listed, scopeText, word } from './words.ts'

type Reader = Pick<Output, 'language'>
/** English name, Chinese name, value; rows without a value are left out. */
type Row = readonly [string, string, string]

interface Edition {
  readonly rows: readonly Row[]
  readonly details: string
}

/** Every item with its edition → its name. */
export function itemNames(reader: Reader, entries: readonly CatalogEntry[]): Map<string, string> {
  return new Map(
    entries.flatMap(({ id, record }) => {
      const { content } = fromBinary(CatalogRecordSchema, record)
      return content.case === 'item'
        ? [[id, say(reader, content.value.nameEn, content.value.nameZh)] as const]
        : []
    }),
  )
}

export function formatEdition(
  reader: Reader,
  { content, act }: CatalogRecord,
  standing: string,
): string {
  const { rows, details } = edition(reader, content)
  const all: readonly Row[] = [
    ...rows,
    ['standing', '状态', word(reader, standing)],
    [
      'published by',
      '发布',
      act ? joined([act.actor, act.document, act.reason], '; ').in(reader.language) : '',
    ],
  ]
  const shown = all
    .filter(([, , value]) => value !== '')
    .map(([en, zh, value]) => [say(reader, en, zh), value])
  return `${table([say(reader, 'property', '项'), say(reader, 'value', '值')], shown)}\n\n${details}`.trimEnd()
}

function edition(reader: Reader, content: CatalogRecord['content']): Edition {
  switch (content.case) {
    case 'item':
      return itemEdition(reader, content.value)
    case 'scale':
      return scaleEdition(reader, content.value)
    case 'mapping':
      return mappingEdition(reader, content.value)
    default:
      return { rows: [], details: '' }
  }
}

function itemEdition(reader: Reader, item: CatalogItem): Edition {
  return {
    rows: [
      ['item', '目录项', `${item.id}@${item.edition}`],
      ['name', '名称', say(reader, item.nameEn, item.nameZh)],
      ['kind', '种类', word(reader, item.kind)],
      [
        'originators',
        '报送范围',
        listed(
          reader,
          item.originators.map((scope) => scopeText(reader, scope)),
        ),
      ],
      [
        'recipients',
        '送达范围',
        listed(
          reader,
          item.recipients.map((scope) => scopeText(reader, scope)),
        ),
      ],
      ['subjects', '主体类型', subjects(reader, item.subjectTypes)],
      ['scales', '等级体系', listed(reader, item.scales)],
      [
        'purposes',
        '使用目的',
        listed(
          reader,
          item.purposes.map((purpose) => word(reader, purpose)),
        ),
      ],
      ['legal basis', '法律依据', item.legalBasis],
      ['effective', '生效期', period(reader, item)],
      [
        'retention, years',
        '保存年限',
        item.retentionYears === 0
          ? ''
          : say(reader, String(item.retentionYears), `${item.retentionYears} 年`),
      ],
    ],
    details:
      item.columns.length === 0
        ? say(
            reader,
            'it has no columns for files: its records come by a program',
            '没有用于文件的列：其记录由程序产生',
          )
        : table(
            [
              say(reader, 'column', '列名'),
              say(reader, 'type', '类型'),
              say(reader, 'required', '必填'),
              say(reader, 'default', '默认值'),
              say(reader, 'values', '可填'),
              say(reader, 'field', '字段（程序用）'),
            ],
            item.columns.map((column) => [
              say(reader, column.headerEn, column.headerZh),
              word(reader, column.type),
              column.required ? say(reader, 'yes', '是') : '',
              labelOf(reader, column, column.defaultValue),
              listed(
                reader,
                [...new Set(Object.values(column.values))].map((value) =>
                  labelOf(reader, column, value),
                ),
              ),
              column.field,
            ]),
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
      ['effective', '生效期', period(reader, scale)],
    ],
    details: '',
  }
}

function mappingEdition(reader: Reader, mapping: GradeMapping): Edition {
  return {
    rows: [
      ['mapping', '等级对照', `${mapping.id}@${mapping.version}`],
      ['document', '文号', mapping.legalDocument],
      ['effective', '生效期', period(reader, mapping)],
    ],
    details: table(
      [mapping.fromScale, mapping.toScale],
      Object.entries(mapping.pairs).sort(([a, to], [b, other]) =>
        `${to} ${a}` < `${other} ${b}` ? -1 : 1,
      ),
    ),
  }
}

function subjects(reader: Reader, types: readonly SubjectType[]): string {
  return listed(
    reader,
    types.map((type) =>
      word(reader, SubjectTypeSchema.value[type]?.localName.toLowerCase() ?? String(type)),
    ),
  )
}

function period(
  reader: Reader,
  { effectiveFrom, effectiveTo }: { effectiveFrom: string; effectiveTo: string },
): string {
  const end = effectiveTo === '' ? '' : dateText(reader, effectiveTo)
  return end === ''
    ? say(reader, `from ${effectiveFrom} on`, `自 ${effectiveFrom} 起`)
    : say(reader, `${effectiveFrom} to ${end}`, `${effectiveFrom} 至 ${end}`)
}

/** What a file has for a value, in the reader's language where the item says it. */
export function labelOf(reader: Reader, { values }: Pick<Column, 'values'>, value: string): string {
  return (
    Object.entries(values).find(
      ([label, one]) =>
        one === value && /\p{Script=Han}/u.test(label) === (reader.language === 'zh'),
    )?.[0] ?? value
  )
}
