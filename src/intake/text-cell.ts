/** Cells that a spreadsheet would not leave as they are, in files that it opens. */

/**
 * What a spreadsheet would take for a formula, or make another text of when it opens a CSV file: a code of digits loses
 * its last or first ones, 1-2 becomes a day. It is written with an apostrophe before it, which says that it is text.
 */
const CHANGED = /^'*(?:[=+@\t\r]|-(?![\d.])|0\d+$|\d{12,}$|\d{1,2}[-/]\d{1,2}$|\d+[eE]\d+$)/

/** A cell as a file for spreadsheets has it; fromTextCell gives it back. */
export function toTextCell(cell: string): string {
  return CHANGED.test(cell) ? `'${cell}` : cell
}

export function fromTextCell(cell: string): string {
  return cell.charCodeAt(0) === 0x27 && CHANGED.test(cell) ? cell.slice(1) : cell
}
