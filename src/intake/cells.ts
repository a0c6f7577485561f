/**
 * Cells become values: brought into form where that is certain, and said; named where it is not; never guessed. What a
 * department writes for a value in its own words is given by a profile.
 */
import { bilingual } from '../base/text.ts'
import type { Column } from '../gen/huxin/v1/catalog_pb.ts'
import {
  certainDamage,
  isErrorValue,
  likelyDamage,
  likelyNameDamage,
  privateUse,
  type CertainDamage,
  type LikelyDamage,
} from '../record/damage.ts'
import { encodeRecordId } from '../record/record-id.ts'
import { halfWidth, matchingForm, nameCell, trim } from '../record/text.ts'
import type { Schema } from '../record/schema.ts'
import { survivesDouble } from '../record/decimal.ts'
import { readCode, type Said } from './codes.ts'
import { type DateForm, readDate } from './dates.ts'
import { type NumberReading, type Percent, readDecimal, readInteger } from './numbers.ts'

/** How the cells of a file are to be read where their form leaves it open. */
export interface CellSettings {
  /** Texts that are most likely damaged are taken as they are. */
  readonly acceptOdd?: boolean
  /** No spreadsheet had the file: codes that end in 000 are what they are. */
  readonly verbatim?: boolean
  readonly dates?: DateForm
  readonly percent?: Percent
  /** field → cell (in its matching form) → what it stands for in this department. */
  readonly values?: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** A column and what else is known of it. */
export interface CellPlace {
  readonly column: Column
  /** As the file calls it. */
  readonly header: string
  /** Of a column that feeds an attribute. */
  readonly schema: Schema | undefined
  readonly settings: CellSettings
}

export interface CellReading {
  /** Empty for a cell that says nothing. */
  readonly value?: string | number
  readonly fault?: Said
  readonly notices?: readonly Said[]
}

/** What people write where there is nothing to write. */
const PLACEHOLDER =
  /^(?:[-‐‑–—―_/\\.。·*×?？]{1,4}|x{2,4}|n\/?a|nil|null|none|undefined|nan|无|暂无|没有|空|空白|不适用)$/i

export function isPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text)
}

/** Reads one cell. */
export function readCell(place: CellPlace, raw: string): CellReading {
  const { column, settings } = place
  const written = trim(raw)
  const mapped = settings.values?.get(column.field)?.get(matchingForm(written))
  if (mapped !== undefined) return valueOf(place, mapped)
  if (written === '') return empty(column)
  if (isErrorValue(written))
    return { fault: damageFault({ kind: 'error_value', at: 0, what: written }) }
  if (isPlaceholder(written) && !isValue(column, written)) {
    const nothing = empty(column)
    return nothing.fault ? { fault: said.placeholder } : { ...nothing, notices: [said.emptied] }
  }
  return valueOf(place, raw)
}

function empty(column: Column): CellReading {
  return column.required && column.defaultValue === '' ? { fault: said.missing } : { value: '' }
}

function isValue({ type, values }: Column, written: string): boolean {
  return (
    type === 'enum' &&
    Object.keys(values).some((known) => matchingForm(known) === matchingForm(written))
  )
}

function valueOf(place: CellPlace, raw: string): CellReading {
  const { column, settings } = place
  switch (column.type) {
    case 'uscc':
    case 'citizen_id': {
      const { code, fault, notices } = readCode(column.type, raw, settings.verbatim)
      return fault ? { fault } : { value: code!, notices: notices ?? [] }
    }
    case 'date':
      return dateOf(place, raw)
    case 'integer':
      return numberOf(place, readInteger(raw))
    case 'decimal':
      return numberOf(place, readDecimal(raw, percentOf(place)))
    case 'enum':
      return enumOf(column, raw)
    default:
      return textOf(place, raw)
  }
}

function dateOf({ column, header, settings }: CellPlace, raw: string): CellReading {
  const openEnd =
    column.field === 'evaluation_result.valid_to' ||
    (column.field.startsWith('attributes.') && /[止至]$|截止|到期|失效/.test(trim(header)))
  const { date, fault, open } = readDate(raw, {
    openEnd,
    ...(settings.dates ? { form: settings.dates } : {}),
  })
  if (fault) return { fault }
  return { value: date!, notices: open ? [said.open] : [] }
}

/** Only a column that says so itself is in percent. */
function percentOf({ header, schema, settings }: CellPlace): Percent | undefined {
  if (settings.percent) return settings.percent
  const title = schema?.['title']
  if (/[%％]|百分/.test(header) || (typeof title === 'string' && /[%％]|百分/.test(title)))
    return 'number'
  const most = schema?.['maximum']
  return typeof most === 'number' && most <= 1 ? 'fraction' : undefined
}

/** Attributes have the type of their schema; every other number is a text. */
function numberOf(
  { column, schema }: CellPlace,
  { text, freed, fault }: NumberReading,
): CellReading {
  if (fault) return { fault }
  const notices = freed === undefined ? [] : [said[freed]]
  const type = column.field.startsWith('attributes.') ? schema?.['type'] : 'string'
  if (type === 'string') return { value: text!, notices }
  if (type === 'number' && !survivesDouble(text!)) return { fault: said.inexact }
  return {
    value:
      type === 'number' || type === 'integer' || column.type === 'integer' ? Number(text) : text!,
    notices,
  }
}

function enumOf(column: Column, raw: string): CellReading {
  const written = matchingForm(raw)
  const [, value] =
    Object.entries(column.values).find(([known]) => matchingForm(known) === written) ?? []
  if (value !== undefined) return { value }
  if (Object.values(column.values).includes(trim(raw))) return { value: trim(raw) }
  // The words for types of bodies are held against the code, which the row has elsewhere.
  if (column.field === 'subject.type') return { value: nameCell(raw) }
  const known = Object.keys(column.values)
  return {
    fault: {
      code: 'enum_value',
      text: bilingual(`not one of ${known.join(', ')}`, `不在取值范围内：${known.join('、')}`),
    },
  }
}

function textOf({ column, settings }: CellPlace, raw: string): CellReading {
  const isRecordId = column.field === 'record_id'
  // A department's own number is kept as it is but for the width of its characters.
  const text = nameCell(isRecordId ? halfWidth(raw) : raw)
  if (column.field.endsWith('.grade')) return { value: text }
  const certain = certainDamage(
    column.field.startsWith('attributes.') ? text.replace(/[\t\r\n]/g, ' ') : text,
  )
  if (certain) return { fault: damageFault(certain) }
  if (isRecordId) {
    const id = encodeRecordId(text)
    if (id === undefined) return { fault: said.recordIdLong }
    return { value: id, notices: id === text ? [] : [said.recordId] }
  }
  const likely = column.field === 'subject.name' ? likelyNameDamage(text) : likelyDamage(text)
  if (likely && !settings.acceptOdd) return { fault: oddFault(likely) }
  const own = privateUse(text)
  return {
    value: text,
    notices: [...(likely ? [said.accepted] : []), ...(own ? [said.privateUse] : [])],
  }
}

const at = (place: number): readonly [string, string] => [
  `character ${place + 1}`,
  `第 ${place + 1} 个字`,
]

function damageFault({
  kind,
  at: place,
  what,
}: {
  kind: CertainDamage
  at: number
  what: string
}): Said {
  const [en, zh] = at(place)
  const texts: Readonly<Record<CertainDamage, readonly [string, string]>> = {
    error_value: [
      `the cell holds ${what}, the error of a formula: fill in the value`,
      `单元格是公式错误值 ${what}，请填写实际内容`,
    ],
    replacement: [
      `${en} is U+FFFD: the text was damaged by a program before; fill it in again from the source`,
      `${zh}是乱码（U+FFFD），文本此前已损坏，请从来源重新填写`,
    ],
    control: /U\+000[AD]/.test(what)
      ? [`${en} is a line break (Alt+Enter): take it out`, `${zh}是换行（Alt+Enter），请删除`]
      : [
          `${en} is a control character (${what}): take it out`,
          `${zh}是控制字符（${what}），请删除`,
        ],
    noncharacter: [
      `${en} is no character (${what}): fill the text in again from the source`,
      `${zh}不是有效字符（${what}），请从来源重新填写`,
    ],
    surrogate: [
      `${en} is half a character (${what}): fill the text in again from the source`,
      `${zh}是残缺字符（${what}），请从来源重新填写`,
    ],
    bidi: [
      `${en} is invisible and turns the direction of writing (${what}): take it out`,
      `${zh}是不可见的文字方向控制符（${what}），请删除`,
    ],
  }
  return { code: 'text_damaged', text: bilingual(...texts[kind]) }
}

const ACCEPT: readonly [string, string] = [
  '; if it is right as it is, --accept-odd-names takes it',
  '；确认无误可加 --accept-odd-names 导入',
]

function oddFault({
  kind,
  at: place,
  what,
}: {
  kind: LikelyDamage
  at: number
  what: string
}): Said {
  const [en, zh] = at(place)
  const texts: Readonly<Record<LikelyDamage, readonly [string, string]>> = {
    mojibake: [
      'the text was read in a wrong encoding by a program before: save the file again from the source, as UTF-8',
      '文本是乱码，此前被按错误的编码打开过：请从来源按 UTF-8 重新保存',
    ],
    question_marks: [
      `${en} and those after it are question marks, where characters were lost`,
      `自${zh}起是问号，原字已丢失`,
    ],
    formula: ['the cell is a formula: write its value', '单元格是公式，请填写其值'],
    digits_only: ['a name of digits alone', '名称全是数字'],
    no_letters: ['a name without a letter', '名称中没有文字'],
    invisible: [`${en} is invisible (${what})`, `${zh}是不可见字符（${what}）`],
  }
  const [english, chinese] = texts[kind]
  return { code: 'text_odd', text: bilingual(english + ACCEPT[0], chinese + ACCEPT[1]) }
}

const note = (code: string, en: string, zh: string): Said => ({ code, text: bilingual(en, zh) })

const said = {
  missing: note('missing', 'the cell is empty', '必填项为空'),
  placeholder: note(
    'placeholder',
    'the cell has only a sign for nothing, and the column must be filled in',
    '只填了表示“无”的符号，该列为必填项',
  ),
  emptied: note(
    'placeholder',
    'a sign for nothing was read as empty',
    '表示“无”的符号已按空白处理',
  ),
  open: note('open_end', `open-ended: recorded as 9999-12-31`, '长期：按 9999-12-31 记录'),
  thousands: note('thousands', 'commas between thousands were taken away', '已去除千位分隔符'),
  percent: note('percent', 'percent signs were taken away', '已去除百分号'),
  point_zero: note('point_zero', '.0 behind a whole number was taken away', '已去除整数后的 .0'),
  inexact: note(
    'number_inexact',
    'the number has more digits than a number in this catalog item is carried with exactly',
    '位数过多，该目录项以数值类型无法准确传递',
  ),
  recordId: note(
    'record_id_encoded',
    'the number has Chinese in it and is kept as a record id that begins with xn--; huxin show finds it under both',
    '编号含中文，已转为 xn-- 开头的记录编号保存；两种写法均可用 huxin show 查询',
  ),
  recordIdLong: note(
    'record_id_form',
    'the number is too long or has invisible characters: shorten it, or leave the column empty',
    '编号过长或含不可见字符：请缩短，或将该列留空由系统编号',
  ),
  accepted: note(
    'text_odd',
    'a text that looks damaged was taken as it is',
    '疑似有误的文本已按原样导入',
  ),
  privateUse: note(
    'private_use',
    'a character of a private use area (private, user-defined): it looks different or is missing on other machines; use the character of GB 18030 if there is one',
    '含造字（私用区字符），他处可能无法显示，请尽量改用 GB 18030 标准字',
  ),
} as const satisfies Record<string, Said>
