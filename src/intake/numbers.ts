/** Numbers as spreadsheets write them: with thousands, with .0, in percent. Nothing is rounded, and no unit is guessed. */
import { bilingual, type Text } from '../base/text.ts'
import { halfWidth, trim } from '../record/text.ts'

export interface NumberReading {
  /** Digits with at most one point, as records want them. */
  readonly text?: string
  /** What was taken away. */
  readonly freed?: 'thousands' | 'percent' | 'point_zero'
  readonly fault?: { readonly code: string; readonly text: Text }
}

/** What a percent sign means in a column: 95 % is 95, or 0.95. */
export type Percent = 'number' | 'fraction'

const WHOLE_DIGITS_MAX = 12
const FRACTION_DIGITS_MAX = 6
/** Digits of a whole number that every reader has exactly. */
const INTEGER_DIGITS_MAX = 15
const GROUPS = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/

/** Reads a decimal number of up to 12 digits and 6 decimals, for example 万元. */
export function readDecimal(cell: string, percent?: Percent): NumberReading {
  const { text, freed } = plain(cell)
  const sign = /^(.*\d)\s*%$/.exec(text)
  if (sign && percent === undefined) return { fault: faults.percent() }
  const number = sign && percent === 'fraction' ? hundredth(sign[1]!) : sign ? sign[1]! : text
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/.exec(number)
  if (!match) return { fault: faultOf(number) }
  const fraction = (match[3] ?? '').replace(/0+$/, (zeros, at: number) =>
    zeros.slice(0, Math.max(0, FRACTION_DIGITS_MAX - at)),
  )
  if (match[2]!.length > WHOLE_DIGITS_MAX) return { fault: faults.large() }
  if (fraction.length > FRACTION_DIGITS_MAX) return { fault: faults.fine() }
  const found = sign ? 'percent' : freed
  return {
    text: `${match[1]}${match[2]}${match[3] === undefined || fraction === '' ? '' : `.${fraction}`}`,
    ...(found ? { freed: found } : {}),
  }
}

/** Reads a whole number; 1.0, which programs write for 1, is one. */
export function readInteger(cell: string): NumberReading {
  const { text, freed } = plain(cell)
  const match = /^(0|-?[1-9]\d*)(\.0+)?$/.exec(text)
  if (!match) return { fault: /^-?\d+\.\d+$/.test(text) ? faults.notWhole() : faultOf(text) }
  if (match[1]!.length > INTEGER_DIGITS_MAX) return { fault: faults.large() }
  const found = match[2] === undefined ? freed : 'point_zero'
  return { text: match[1]!, ...(found ? { freed: found } : {}) }
}

function plain(cell: string): { text: string; freed?: 'thousands' } {
  const text = trim(halfWidth(cell))
    .replace(/^'/, '')
    .replace(/^\u2212/, '-')
  return GROUPS.test(text) ? { text: text.replaceAll(',', ''), freed: 'thousands' } : { text }
}

/** A decimal text divided by a hundred, exactly. */
function hundredth(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim())
  if (!match) return text
  const digits = match[2]!.padStart(3, '0')
  const decimals = `${digits.slice(-2)}${match[3] ?? ''}`.replace(/0+$/, '')
  return `${match[1]}${digits.slice(0, -2).replace(/^0+(?=\d)/, '')}${decimals === '' ? '' : `.${decimals}`}`
}

type Fault = NumberReading['fault'] & object

function faultOf(text: string): Fault {
  if (/^[+-]?\d+(?:\.\d+)?[eE][+-]?\d+$/.test(text)) return faults.scientific()
  if (/^-?[\d.,]+\s*\p{L}+$/u.test(text)) return faults.unit()
  if (/^-?0\d/.test(text)) return faults.leadingZero()
  if (/^-?\d[\d,]*,[\d,]*(?:\.\d+)?$/.test(text)) return faults.groups()
  return faults.form()
}

const faults = {
  form: (): Fault => ({ code: 'number_form', text: bilingual('no number', '不是数值') }),
  notWhole: (): Fault => ({ code: 'integer_form', text: bilingual('no whole number', '不是整数') }),
  unit: (): Fault => ({
    code: 'number_unit',
    text: bilingual(
      'there is a unit behind the number: write the number alone',
      '数值后带有单位，请只写数字',
    ),
  }),
  leadingZero: (): Fault => ({
    code: 'number_form',
    text: bilingual('the number begins with 0, as a code does', '数值以 0 开头，像是编号'),
  }),
  groups: (): Fault => ({
    code: 'number_groups',
    text: bilingual('the commas do not stand between thousands', '千位分隔符位置不对'),
  }),
  scientific: (): Fault => ({
    code: 'spreadsheet_scientific',
    text: bilingual(
      'a spreadsheet wrote the number in scientific notation, and digits may be lost: widen the column, or format it as a number',
      '电子表格把该数写成了科学计数法，末位可能丢失：请加宽该列或设为数值格式',
    ),
  }),
  large: (): Fault => ({
    code: 'number_large',
    text: bilingual(
      'the number has too many digits: at most 12 before the point (15 for a whole number)',
      '数值位数过多：整数部分至多 12 位（整数至多 15 位）',
    ),
  }),
  fine: (): Fault => ({
    code: 'number_fine',
    text: bilingual(
      'the number has more than 6 decimals: nothing is rounded',
      '小数超过 6 位，系统不做舍入',
    ),
  }),
  percent: (): Fault => ({
    code: 'number_percent',
    text: bilingual(
      'with a percent sign it may mean 95 or 0.95: write the number alone, or say percent: number or fraction in a profile',
      '带百分号，可能是 95 也可能是 0.95：请只写数字，或在部门配置中写 percent: number 或 fraction',
    ),
  }),
}
