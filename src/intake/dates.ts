/**
 * Dates as departments, Excel and WPS write them. A form is taken when it can mean one day only; any other is named.
 */
import { civilDate, isCivilDate } from '../base/clock.ts'
import { bilingual, type Text } from '../base/text.ts'
import { halfWidth, OPEN_END, trim } from '../record/text.ts'

/** How a column's dates are to be read where their form leaves it open. */
export type DateForm = 'certain' | 'serial-1900' | 'serial-1904' | 'day-first' | 'month-first'

export interface DateReading {
  /** YYYY-MM-DD. */
  readonly date?: string
  readonly fault?: { readonly code: string; readonly text: Text }
  /** The cell said that there is no end. */
  readonly open?: boolean
}

export interface DateOptions {
  /** Whether the field may have no end. */
  readonly openEnd?: boolean
  readonly form?: DateForm
}

const OPEN_WORDS =
  /^(?:至|到)?(?:长期|长期有效|永久|永久有效|永续|无期限|无固定期限|不限期|无限期|long[- ]term|permanent|indefinite)$/i
const WEEKDAY = '(?:\\s*(?:星期|周|礼拜)[一二三四五六日天])?'
const TIME =
  '(?:(?:T|\\s|(?=上午|下午))\\s*(?:上午|下午|AM|PM)?\\s*([01]?\\d|2[0-3])(?:[:时]([0-5]?\\d))(?:[:分]([0-5]?\\d)(?:\\.\\d+|秒)?|分)?\\s*(?:AM|PM)?(Z|[+-]\\d{2}:?\\d{2})?)?'
const FULL = new RegExp(
  `^(\\d{4})\\s*(?:-|/|\\.|年)\\s*(\\d{1,2})\\s*(?:-|/|\\.|月)\\s*(\\d{1,2})\\s*([日号])?${WEEKDAY}${TIME}$`,
  'i',
)
const COMPACT = new RegExp(`^(\\d{4})(\\d{2})(\\d{2})(?:\\.0+)?${TIME}$`, 'i')
const COMPACT_TIME = /^(\d{4})(\d{2})(\d{2})(?:[01]\d|2[0-3])[0-5]\d[0-5]\d$/
/** Separators of a date: the same twice, or those of Chinese. */
const SEPARATORS =
  /^\d{4}\s*(?:-\s*\d{1,2}\s*-|\/\s*\d{1,2}\s*\/|\.\s*\d{1,2}\s*\.|年\s*\d{1,2}\s*月)/

/** Reads the cell of a date. */
export function readDate(
  cell: string,
  { openEnd = false, form = 'certain' }: DateOptions = {},
): DateReading {
  const text = trim(halfWidth(cell))
    .replace(/^'/, '')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
  if (OPEN_WORDS.test(text))
    return openEnd ? { date: OPEN_END, open: true } : { fault: faults.open() }
  const chinese = fromChineseDigits(text)
  const full = SEPARATORS.test(chinese) ? FULL.exec(chinese) : null
  const match = full ?? COMPACT.exec(chinese) ?? COMPACT_TIME.exec(chinese)
  if (!match) return readUnclear(chinese, form)
  const zone = match[match.length - 1]
  if (zone !== undefined && /^(?:Z|[+-])/i.test(zone) && zone.replace(':', '') !== '+0800')
    return { fault: faults.zone() }
  const reading = dayOf(match[1]!, match[2]!, match[3]!)
  // Files of 双公示 write long-term so.
  return openEnd && reading.date === '2099-12-31' ? { date: OPEN_END, open: true } : reading
}

function dayOf(year: string, month: string, day: string): DateReading {
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  return isCivilDate(date) ? { date } : { fault: faults.unreal() }
}

function readUnclear(text: string, form: DateForm): DateReading {
  if (/^\d{5}(?:\.\d+)?$/.test(text)) return readSerial(Number.parseInt(text, 10), form)
  const ordered = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/.exec(text)
  if (ordered) {
    if (form === 'day-first') return dayOf(ordered[3]!, ordered[2]!, ordered[1]!)
    return form === 'month-first'
      ? dayOf(ordered[3]!, ordered[1]!, ordered[2]!)
      : { fault: faults.order() }
  }
  if (
    /^\d{2}(?:[-/.]\d{1,2}){2}$|^\d{2}年\d{1,2}月\d{1,2}[日号]?$|^\d{1,2}-[A-Za-z]{3}-\d{2}$/.test(
      text,
    )
  )
    return { fault: faults.twoDigitYear() }
  if (/^\d{4}(?:[-/.]\d{1,2}|年\d{1,2}月?|年?)$|^(?:19|20)\d{2}(?:0[1-9]|1[0-2])$/.test(text))
    return { fault: faults.noDay() }
  return { fault: faults.form() }
}

const DAY_MS = 86_400_000
/** Day 0 of a serial number, so that day 61 is 1 March 1900: Excel counts a 29 February of that year. */
const SERIAL_ZERO = { 'serial-1900': Date.UTC(1899, 11, 30), 'serial-1904': Date.UTC(1904, 0, 1) }

/** Five digits are a day of the years 1927 to 2173, in the system of 1900. */
function readSerial(number: number, form: DateForm): DateReading {
  if (form === 'serial-1900' || form === 'serial-1904')
    return { date: civilDate(SERIAL_ZERO[form] + number * DAY_MS) }
  return { fault: faults.serial(civilDate(SERIAL_ZERO['serial-1900'] + number * DAY_MS)) }
}

const DIGITS: Readonly<Record<string, string>> = {
  〇: '0',
  '○': '0',
  Ｏ: '0',
  零: '0',
  一: '1',
  二: '2',
  三: '3',
  四: '4',
  五: '5',
  六: '6',
  七: '7',
  八: '8',
  九: '9',
}

/** 二〇二六年六月三十日 as 2026年6月30日; any other text as it is. */
function fromChineseDigits(text: string): string {
  const match =
    /^([〇○零一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,3})([日号])$/.exec(
      text,
    )
  if (!match) return text
  const [month, day] = [below100(match[2]!), below100(match[3]!)]
  return month === undefined || day === undefined
    ? text
    : `${[...match[1]!].map((one) => DIGITS[one]).join('')}年${month}月${day}${match[4]}`
}

function below100(words: string): number | undefined {
  const match = /^([一二三四五六七八九])?(十)?([一二三四五六七八九])?$/.exec(words)
  if (!match || (!match[2] && match[1] !== undefined && match[3] !== undefined)) return undefined
  const tens = match[2] ? Number(DIGITS[match[1] ?? '一']) * 10 : 0
  return tens + Number(DIGITS[(match[2] ? match[3] : (match[1] ?? match[3])) ?? '〇'])
}

type Fault = DateReading['fault'] & object

const faults = {
  form: (): Fault => ({
    code: 'date_form',
    text: bilingual('no date: write it as 2026-06-30', '日期无法识别，请写成 2026-06-30'),
  }),
  unreal: (): Fault => ({
    code: 'date_unreal',
    text: bilingual('there is no such day', '没有这一天，请核对年月日'),
  }),
  serial: (date: string): Fault => ({
    code: 'date_serial',
    text: bilingual(
      `the serial number of a day in Excel, most likely ${date}: format the column as a date and save again, or say dates: serial-1900 in a profile`,
      `这是 Excel 日期序列号（通常为 ${date}）：请将该列设为日期格式后重新保存，或在部门配置中写 dates: serial-1900`,
    ),
  }),
  order: (): Fault => ({
    code: 'date_order_unclear',
    text: bilingual(
      'day and month cannot be told apart: write it as 2026-06-30, or say dates: day-first or month-first in a profile',
      '分不清日和月，请写成 2026-06-30，或在部门配置中写 dates: day-first 或 month-first',
    ),
  }),
  twoDigitYear: (): Fault => ({
    code: 'date_two_digit_year',
    text: bilingual('the year has two digits: write all four', '年份只有两位，请写四位年份'),
  }),
  noDay: (): Fault => ({
    code: 'date_no_day',
    text: bilingual('the day is missing: write it as 2026-06-30', '缺少日，请写成 2026-06-30'),
  }),
  zone: (): Fault => ({
    code: 'date_zone',
    text: bilingual(
      'the time is of another zone than China (+08:00), and may be another day there: write the date alone',
      '时间不是北京时间（+08:00），可能不是同一天：请只写日期',
    ),
  }),
  open: (): Fault => ({
    code: 'date_open',
    text: bilingual('this date cannot be open-ended: write a day', '此处不能填长期，请写具体日期'),
  }),
}
