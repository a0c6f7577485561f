/**
 * Cells of tabular files. Codes, dates and numbers are brought to their one form; names keep theirs. What a
 * spreadsheet has destroyed is named and never guessed.
 */
import { isCivilDate } from '../base/clock.ts'

/** Open end of a period. */
export const OPEN_END = '9999-12-31'

/** How a spreadsheet has damaged an identifier. */
export type Damage = 'spreadsheet_scientific' | 'spreadsheet_rounded' | 'spreadsheet_apostrophe'

/** damage → English, Chinese. */
export const damageTable: Readonly<{ [damage in Damage]: readonly [string, string] }> = {
  spreadsheet_scientific: [
    'a spreadsheet turned the identifier into scientific notation and lost its digits: format the column as text and fill it in again from the source',
    '电子表格把该代码变成了科学计数法，数字已丢失：请将该列设为文本格式后从来源重新填写',
  ],
  spreadsheet_rounded: [
    'the identifier ends in 000 as when a spreadsheet has kept only 15 digits: format the column as text and fill it in again from the source',
    '该代码以000结尾，应是电子表格只保留了15位有效数字：请将该列设为文本格式后从来源重新填写',
  ],
  spreadsheet_apostrophe: [
    'the identifier carries the apostrophe or ="…" of a spreadsheet: export the column as plain text',
    '该代码带有电子表格的撇号或="…"：请将该列按纯文本导出',
  ],
}

/** Full-width forms (U+FF01 to U+FF5E) and the ideographic space as ASCII. For codes, dates and numbers only. */
export function halfWidth(text: string): string {
  return text.replace(/[\uff01-\uff5e\u3000]/g, (one) => (one === '\u3000' ? ' ' : String.fromCharCode(one.charCodeAt(0) - 0xfee0)))
}

/** A code as it should have been typed: half width, trimmed, upper case. */
export function codeCell(cell: string): string {
  return trim(halfWidth(cell)).toUpperCase()
}

/** A name or other text for people: trimmed and NFC, otherwise as it is written. */
export function nameCell(cell: string): string {
  return trim(cell).normalize('NFC')
}

/** A decimal string as records want it: half width, trimmed; undefined when it is not one. Nothing is rounded. */
export function decimalCell(cell: string): string | undefined {
  const text = trim(halfWidth(cell))
  return /^-?(?:0|[1-9]\d{0,8})(?:\.\d{1,6})?$/.test(text) ? text : undefined
}

/** A safe integer; undefined when the cell is not one. */
export function integerCell(cell: string): number | undefined {
  const text = trim(halfWidth(cell))
  return /^(?:0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined
}

/**
 * A date as `YYYY-MM-DD`; undefined when the cell is not one. Accepts YYYY-MM-DD, YYYY/MM/DD, YYYY/M/D and
 * YYYYMMDD. 2099-12-31 in any of these forms means long-term (双公示 files) and becomes 9999-12-31.
 */
export function parseDateCell(cell: string): string | undefined {
  const text = trim(halfWidth(cell))
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? /^(\d{4})\/(\d{1,2})\/(\d{1,2})$/.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text)
  if (!match) return undefined
  const date = `${match[1]}-${match[2]!.padStart(2, '0')}-${match[3]!.padStart(2, '0')}`
  if (!isCivilDate(date)) return undefined
  return date === '2099-12-31' ? OPEN_END : date
}

/**
 * Names the damage that a spreadsheet has done to an identifier; undefined when none is seen.
 *
 * Eighteen digits that end in 000 are taken as rounded even when their check is right: rounding hits a
 * right check once in eleven and would then name another person, while an undamaged number ends so
 * about once in a thousand and can be delivered in a file that no spreadsheet writes.
 */
export function damagedIdentifier(cell: string): Damage | undefined {
  const text = trim(halfWidth(cell))
  if (/^['\u2018\u2019]/.test(text) || /^=?"/.test(text)) return 'spreadsheet_apostrophe'
  if (/^\d(?:\.\d+)?[Ee]\+\d+$/.test(text) || /^\d\.\d+[Ee]\d+$/.test(text)) return 'spreadsheet_scientific'
  if (/^\d{15}000(?:\.0*)?$/.test(text)) return 'spreadsheet_rounded'
  return undefined
}

/** Without white space, zero-width characters and byte order marks at the ends. */
function trim(text: string): string {
  return text.replace(/^[\s\u200b-\u200d\u2060\ufeff]+|[\s\u200b-\u200d\u2060\ufeff]+$/g, '')
}
