/** Cells that a spreadsheet would not leave as they are, in files that it opens. */

/** A cell that a spreadsheet would take for a formula: it is written with an apostrophe before it, which says that it is text. */
const FORMULA = /^'*[=+@\t\r]|^'*-(?![\d.])/

/** A cell as a file for spreadsheets has it; fromTextCell gives it back. */
export function toTextCell(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell
}

export function fromTextCell(cell: string): string {
  return cell.charCodeAt(0) === 0x27 && FORMULA.test(cell) ? cell.slice(1) : cell
}
