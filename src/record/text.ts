/** Cells of tabular files: codes are brought to their one form; names keep theirs. What a spreadsheet has destroyed is named and never guessed. */
/** Open end of a period. */
export const OPEN_END = '9999-12-31'

/** How a spreadsheet has damaged an identifier. */
export type Damage = 'spreadsheet_scientific' | 'spreadsheet_rounded'

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
}

/** The inside of `="…"`, of quotes, and of a text with the apostrophe by which a spreadsheet marks it: nothing is lost in them; undefined when there is none. */
export function unwrapped(cell: string): string | undefined {
  const match = /^(?:=?["\u201c\u201d](.*)["\u201c\u201d]|['\u2018\u2019`](.*))$/s.exec(
    trim(halfWidth(cell)),
  )
  return match ? (match[1] ?? match[2]) : undefined
}

/** Full-width forms (U+FF01 to U+FF5E) and the ideographic space as ASCII. For codes, dates and numbers only. */
export function halfWidth(text: string): string {
  return text.replace(/[\uff01-\uff5e\u3000]/g, (one) =>
    one === '\u3000' ? ' ' : String.fromCharCode(one.charCodeAt(0) - 0xfee0),
  )
}

/** A code as it should have been typed: half width, trimmed, upper case. */
export function codeCell(cell: string): string {
  return trim(halfWidth(cell)).toUpperCase()
}

/** A name or other text for people: trimmed, otherwise as it is written, code point for code point. */
export function nameCell(cell: string): string {
  return trim(cell)
}

/**
 * The form in which two texts are compared that may be the same to people: composed, compatibility characters and widths
 * made one, small letters. For finding only; it is stored nowhere and shown to nobody.
 */
export function matchingForm(text: string): string {
  return trim(text).normalize('NFKC').replace(/\s+/g, ' ').toLowerCase()
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
  if (/^\d(?:\.\d+)?[Ee]\+\d+$/.test(text) || /^\d\.\d+[Ee]\d+$/.test(text))
    return 'spreadsheet_scientific'
  if (/^\d{15}000(?:\.0*)?$/.test(text)) return 'spreadsheet_rounded'
  return undefined
}

/** Without white space, zero-width characters and byte order marks at the ends. In linear time: a pattern for the end takes a square. */
export function trim(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && BLANK.test(text[from]!)) from++
  while (to > from && BLANK.test(text[to - 1]!)) to--
  return text.slice(from, to)
}

const BLANK = /[\s\u200b-\u200d\u2060\ufeff]/
