/** A file to fill in: the columns of a catalog item, what each wants, and lists to choose from. */
import type { Language } from '../base/text.ts'
import type { CatalogItem, Column, GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { syntheticUscc } from '../record/uscc.ts'
import { workbookBytes, type WrittenColumn } from '../workbook/writer.ts'

export interface Template {
  readonly item: CatalogItem
  /** Scales that the item allows. */
  readonly scales: readonly GradeScale[]
  readonly language: Language
}

/** The .xlsx file: a sheet to fill in, in which codes stay texts, and one that explains its columns. */
export function templateWorkbook({ item, scales, language }: Template): Uint8Array {
  const zh = language === 'zh'
  const columns = filledColumns(item)
  const notes = columns.map((column) => explain(column, { item, scales, language }))
  const head = zh
    ? ['列名', '英文列名', '是否必填', '填写要求', '可选值', '示例']
    : ['Column', 'Chinese column', 'Required', 'What it wants', 'Values', 'Example']
  return workbookBytes([
    {
      name: zh ? '数据' : 'Data',
      rows: [columns.map((column) => header(column, language))],
      columns: columns.map((column, i): WrittenColumn => ({
        width:
          column.type === 'uscc' || column.type === 'citizen_id'
            ? 24
            : column.field === 'subject.name'
              ? 34
              : 16,
        format:
          column.type === 'date'
            ? 'date'
            : column.type === 'integer' || column.type === 'decimal'
              ? 'general'
              : 'text',
        prompt: notes[i]!.wanted,
        ...(notes[i]!.values.length > 0 && { choices: notes[i]!.values }),
      })),
    },
    {
      name: zh ? '填写说明' : 'How to fill in',
      columns: [20, 30, 10, 60, 30, 26].map((width) => ({ width, format: 'text' })),
      rows: [
        head,
        ...columns.map((column, i) => [
          ...(zh ? [column.headerZh, column.headerEn] : [column.headerEn, column.headerZh]),
          isRequired(column) ? (zh ? '必填' : 'yes') : zh ? '选填' : 'no',
          notes[i]!.wanted,
          notes[i]!.values.join(zh ? '、' : ', '),
          notes[i]!.example,
        ]),
      ],
    },
  ])
}

/** The header line alone, as a CSV file that spreadsheet programs open as UTF-8. */
export function templateCsv({ item, language }: Template): string {
  return `\ufeff${filledColumns(item)
    .map((column) => header(column, language))
    .map((cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',')}\r\n`
}

function isRequired({ required, defaultValue }: Column): boolean {
  return required && defaultValue === ''
}

/** Columns that somebody fills in: one with a default is the same in every row, but for the type of subject. */
function filledColumns(item: CatalogItem): Column[] {
  return item.columns.filter(
    ({ field, defaultValue }) =>
      defaultValue === '' || (field === 'subject.type' && item.subjectTypes.length > 1),
  )
}

/** Required columns have a star, which the reader leaves out. */
function header(column: Column, language: Language): string {
  return `${language === 'zh' ? column.headerZh : column.headerEn}${isRequired(column) ? '*' : ''}`
}

interface Explanation {
  readonly wanted: string
  readonly values: readonly string[]
  readonly example: string
}

function explain(column: Column, { item, scales, language }: Template): Explanation {
  const say = (en: string, zh: string): string => (language === 'zh' ? zh : en)
  const property = propertyOf(item, column)
  const title =
    typeof property['title'] === 'string' ? `${property['title']}${say('. ', '。')}` : ''
  switch (column.type) {
    case 'uscc':
      return {
        wanted:
          title +
          say('18 characters, as in the business licence', '18 位统一社会信用代码，与证照一致'),
        values: [],
        example:
          column.field === 'subject.id'
            ? syntheticUscc('91330100', 'TT000001')
            : syntheticUscc('11330100', 'TT000002'),
      }
    case 'citizen_id':
      return {
        wanted:
          title +
          say(
            '18 characters; the column is text, so that no digit is lost',
            '18 位公民身份号码；本列为文本格式，以免丢失末位',
          ),
        values: [],
        example: '',
      }
    case 'date':
      return {
        wanted:
          title +
          say(
            'a day, for example 2026-06-30; 9999-12-31 where it has no end',
            '日期，如 2026-06-30；长期有效填 9999-12-31',
          ),
        values: [],
        example: '2026-06-30',
      }
    case 'integer':
      return {
        wanted: title + say('a whole number', '整数') + range(property, language),
        values: [],
        example: '2',
      }
    case 'decimal':
      return {
        wanted: title + say('a number without unit', '数值，不带单位') + range(property, language),
        values: [],
        example: '95.5',
      }
    case 'enum': {
      const values = choicesOf(column, item, language)
      const usual = values.find((label) => column.values[label] === column.defaultValue)
      return {
        wanted:
          title +
          (usual === undefined
            ? say('one of the list', '从列表中选择')
            : say(`one of the list; empty means ${usual}`, `从列表中选择；不填即为“${usual}”`)),
        values,
        example: values[0] ?? '',
      }
    }
    default:
      return explainText(column, { property, title, scales, language })
  }
}

function explainText(
  column: Column,
  {
    property,
    title,
    scales,
    language,
  }: {
    property: Readonly<Record<string, unknown>>
    title: string
    scales: readonly GradeScale[]
    language: Language
  },
): Explanation {
  const say = (en: string, zh: string): string => (language === 'zh' ? zh : en)
  if (column.field === 'record_id') {
    return {
      wanted: say(
        'the number under which you keep the record; empty where you have none. The same number later means a correction',
        '本单位给该条记录的编号，没有可不填；以后用同一编号再报即为更正',
      ),
      values: [],
      example: 'JT-2026-0001',
    }
  }
  if (column.field.endsWith('.grade')) {
    const values = [...new Set(scales.flatMap(({ grades }) => grades))]
    return { wanted: say('one of the list', '从列表中选择'), values, example: values[0] ?? '' }
  }
  if (column.field === 'subject.name')
    return {
      wanted: say('the full name, as in the business licence', '全称，与证照一致'),
      values: [],
      example: say('Example Transport Co., Ltd.', '示例运输有限公司'),
    }
  const values = Array.isArray(property['enum']) ? property['enum'].map(String) : []
  const form =
    typeof property['pattern'] === 'string'
      ? say(`form: ${property['pattern']}`, `格式：${property['pattern']}`)
      : say('a text', '文本')
  return {
    wanted: title + (values.length > 0 ? say('one of the list', '从列表中选择') : form),
    values,
    example: '',
  }
}

function choicesOf({ field, values }: Column, item: CatalogItem, language: Language): string[] {
  const allowed = new Set(
    Object.entries(SubjectType)
      .filter(([, type]) => item.subjectTypes.includes(type))
      .map(([name]) => name),
  )
  const seen = new Set<string>()
  return Object.entries(values)
    .filter(([label, value]) => {
      if (
        /[\u4e00-\u9fff]/.test(label) !== (language === 'zh') ||
        seen.has(value) ||
        (field === 'subject.type' && !allowed.has(value))
      )
        return false
      seen.add(value)
      return true
    })
    .map(([label]) => label)
}

function range(
  { minimum, maximum }: Readonly<Record<string, unknown>>,
  language: Language,
): string {
  if (typeof minimum !== 'number' || typeof maximum !== 'number') return ''
  return language === 'zh' ? `，${minimum} 至 ${maximum}` : `, ${minimum} to ${maximum}`
}

/** What the item's schema says of an attribute. */
function propertyOf(item: CatalogItem, { field }: Column): Readonly<Record<string, unknown>> {
  if (!field.startsWith('attributes.')) return {}
  const schema = JSON.parse(item.attributesSchema) as {
    properties?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  return schema.properties?.[field.slice('attributes.'.length)] ?? {}
}
