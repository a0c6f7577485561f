/** A sheet of a workbook as a grid: the one whose header fits, or the one that is named. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { columnLetters } from '../workbook/place.ts'
import { type SheetCounts, Workbook, type WorkbookRow } from '../workbook/reader.ts'
import { type HeaderNames, shown } from './header.ts'
import { findHeader, HEADER_ROWS } from './shape.ts'
import { type Grid, type GridRow, type Notice, rowFault, UNREAD } from './table.ts'

type Sheet = Workbook['sheets'][number]

/** @throws HuxinError argument_invalid where no sheet or more than one fits */
export async function openSpreadsheet(
  file: string,
  names: HeaderNames,
  asked: string | undefined,
): Promise<Grid> {
  const workbook = await Workbook.open(file)
  try {
    const sheet =
      asked === undefined
        ? await fittingSheet(file, workbook, names)
        : namedSheet(file, workbook, asked)
    const counts: SheetCounts = noCounts()
    let done = 0
    const others = workbook.sheets.filter((other) => other !== sheet)
    return {
      sparse: true,
      encoding: 'xlsx',
      bytes: workbook.sizeOf(sheet),
      bytesRead: () => done,
      rows: gridRows(workbook, sheet, counts, (length) => {
        done += length
      }),
      notices: () => [...sheetNotices(sheet, others), ...countNotices(counts)],
    }
  } catch (error) {
    workbook.close()
    throw error
  }
}

function noCounts(): SheetCounts {
  return { formulas: 0, hiddenRows: 0, hiddenColumns: [], merged: 0, rounded: 0 }
}

function namedSheet(file: string, workbook: Workbook, asked: string): Sheet {
  const found =
    workbook.sheets.find(({ name }) => name === asked) ??
    workbook.sheets.find(({ name }) => name.trim().toLowerCase() === asked.trim().toLowerCase())
  if (!found)
    throw new HuxinError(
      'argument_invalid',
      text`${file} has no sheet ${asked}; it has ${workbook.sheets.map(({ name }) => shown(name))}`,
    )
  return found
}

/** The only visible sheet that has a header of the item. */
async function fittingSheet(file: string, workbook: Workbook, names: HeaderNames): Promise<Sheet> {
  const visible = workbook.sheets.filter(({ hidden }) => !hidden)
  if (visible.length === 1) return visible[0]!
  const fitting: { sheet: Sheet; found: number }[] = []
  for (const sheet of visible) {
    const rows = workbook.rows(sheet, noCounts())
    const first: (readonly string[])[] = []
    for await (const { cells } of rows) if (first.push(cells) >= HEADER_ROWS) break
    const found = findHeader(first, names)?.found ?? 0
    if (found > 0) fitting.push({ sheet, found })
  }
  const most = Math.max(0, ...fitting.map(({ found }) => found))
  const best = fitting.filter(({ found }) => found === most)
  if (best.length === 1) return best[0]!.sheet
  if (best.length > 1)
    throw new HuxinError(
      'argument_invalid',
      text`${file} has more than one sheet with such a table: ${best.map(({ sheet }) => shown(sheet.name))}. Say which with --sheet`,
    )
  const [first] = visible
  if (!first)
    throw new HuxinError(
      'argument_invalid',
      text`all sheets of ${file} are hidden: ${workbook.sheets.map(({ name }) => shown(name))}. Say which with --sheet`,
    )
  return first
}

async function* gridRows(
  workbook: Workbook,
  sheet: Sheet,
  counts: SheetCounts,
  onBytes: (length: number) => void,
): AsyncGenerator<GridRow, undefined> {
  try {
    for await (const row of workbook.rows(sheet, counts, onBytes)) yield gridRow(row)
  } finally {
    workbook.close()
  }
  return undefined
}

function gridRow({ line, cells, dates, unlike, uncalculated, wide }: WorkbookRow): GridRow {
  if (uncalculated !== undefined) {
    return {
      line,
      cells: Object.assign([...cells], { [uncalculated]: UNREAD }),
      fault: rowFault(
        'formula_empty',
        text`the formula in column ${columnLetters(uncalculated)} has no stored value: open the file in a spreadsheet program, save it, and import it then`,
      ),
    }
  }
  if (wide)
    return {
      line,
      cells,
      fault: rowFault('row_form', text`the row has cells beyond column ${columnLetters(999)}`),
    }
  return { line, cells, ...(dates && { dates }), ...(unlike && { unlike }) }
}

function sheetNotices(sheet: Sheet, others: readonly Sheet[]): Notice[] {
  if (others.length === 0)
    return sheet.hidden
      ? [{ code: 'sheet', text: text`sheet ${shown(sheet.name)}, which is hidden, is read` }]
      : []
  return [
    {
      code: 'sheet',
      text: text`sheet ${shown(sheet.name)} is read; the others are not: ${others.slice(0, 20).map(({ name, hidden }) => (hidden ? text`${shown(name)} (hidden)` : shown(name)))}`,
    },
  ]
}

function countNotices({
  formulas,
  hiddenRows,
  hiddenColumns,
  merged,
  rounded,
}: SheetCounts): Notice[] {
  const found: Notice[] = []
  if (formulas > 0)
    found.push({
      code: 'formulas',
      text: text`${formulas} cell(s) are formulas: the values that were stored with them are taken`,
    })
  if (hiddenRows > 0)
    found.push({
      code: 'hidden_rows',
      text: text`${hiddenRows} row(s) are hidden or filtered out, and are taken like the others`,
    })
  if (hiddenColumns.length > 0)
    found.push({
      code: 'hidden_columns',
      text: text`columns ${hiddenColumns.slice(0, 20).map(columnLetters)} are hidden, and are taken like the others`,
    })
  if (merged > 0)
    found.push({
      code: 'merged_cells',
      text: text`${merged} cell(s) have the value of the merged cells they belong to`,
    })
  if (rounded > 0)
    found.push({
      code: 'rounded_cells',
      text: text`${rounded} cell(s) have more decimals than they show: all of them are taken`,
    })
  return found
}
