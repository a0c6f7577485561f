/**
 * A grid becomes a table: the header is found by the names of the catalog item, below titles and in one or two
 * lines; sums, signatures, notes and headers that stand again are left out. What is left out is said with its rows.
 */
import { HuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import { columnLetters } from '../workbook/place.ts'
import { footerWords, totalWords } from './data/header-words.ts'
import {
  assumedText,
  columnName,
  type HeaderMapping,
  type HeaderNames,
  mapHeader,
  plainName,
  shown,
} from './header.ts'
import {
  type Grid,
  type GridRow,
  type Notice,
  type RowFault,
  rowFault,
  RowNumbers,
  type SourceRow,
  type TableSource,
  UNREAD,
} from './table.ts'

/** Rows among which the header is looked for. */
export const HEADER_ROWS = 30

/** As many characters as a cell of a spreadsheet has. */
const CELL_LENGTH_MAX = 32_767

interface Header {
  /** Position of its first line among the rows read. */
  readonly at: number
  readonly lines: 1 | 2
  readonly cells: readonly string[]
  /** How many columns of the item it names. */
  readonly found: number
}

/** The header among the first rows: the line, or two lines joined, that names the most columns. */
export function findHeader(
  rows: readonly (readonly string[])[],
  names: HeaderNames,
): Header | undefined {
  const lines = rows.map((cells, at): Header => ({
    at,
    lines: 1,
    cells,
    found: names.count(cells),
  }))
  const pairs = rows.slice(1).map((below, at): Header => {
    const cells = joinLines(rows[at]!, below, names)
    return { at, lines: 2, cells, found: names.count(cells) }
  })
  // Two lines only where they name more than one does.
  return [...lines, ...pairs].reduce<Header | undefined>(
    (most, one) => (one.found > (most?.found ?? 1) ? one : most),
    undefined,
  )
}

/** Two lines as one: the lower name, the upper one before it where that is a name, or the upper one alone. */
function joinLines(
  upper: readonly string[],
  lower: readonly string[],
  names: HeaderNames,
): string[] {
  let group = ''
  return Array.from({ length: Math.max(upper.length, lower.length) }, (_, at) => {
    const above = (upper[at] ?? '').trim()
    const below = (lower[at] ?? '').trim()
    if (above !== '') group = above
    if (below === '') return above
    const joined = `${group}${below}`
    if (names.find(below)?.own) return below
    return names.find(joined) ? joined : below
  })
}

export interface TableOptions {
  readonly file: string
  readonly names: HeaderNames
  readonly ignoreExtra: boolean
}

/** @throws HuxinError argument_invalid where no header is found, or one that does not fit the item */
export async function tableOf(
  grid: Grid,
  { file, names, ignoreExtra }: TableOptions,
): Promise<TableSource> {
  const first: GridRow[] = []
  for (let next = await grid.rows.next(); !next.done; next = await grid.rows.next())
    if (first.push(next.value) >= HEADER_ROWS) break
  if (first.length === 0)
    throw new HuxinError('argument_invalid', text`${file} is empty: a header line is wanted`)
  const header = findHeader(
    first.map(({ cells }) => cells),
    names,
  )
  if (!header) throw new HuxinError('argument_invalid', noHeader(file, first, names))
  const cells = withoutEmptyEnd(header.cells)
  const mapping = mapHeader(names, cells, ignoreExtra)
  const titles = first.slice(0, header.at)
  const data = titles.find((row) => row.cells.some(isCode))
  if (data)
    throw new HuxinError(
      'argument_invalid',
      text`${file}: the header stands in row ${first[header.at]!.line}, and row ${data.line} before it looks like data: move the header to the top`,
    )
  const shape = new Shape({
    header: cells,
    mapping,
    titles,
    headerRows: first.slice(header.at, header.at + header.lines),
    sparse: grid.sparse ?? false,
  })
  const rest = first.slice(header.at + header.lines)
  // Where rows are full, a short last line without an end was not written to its end.
  if (
    grid.openEnd &&
    grid.openEnd.length < cells.length &&
    rest.slice(0, -1).every((row) => row.cells.length >= cells.length)
  ) {
    throw new HuxinError(
      'argument_invalid',
      text`${file} is cut off: its last line has ${grid.openEnd.length} cells of ${cells.length} and no end. It was not copied or written whole; fetch it again, and import it then`,
    )
  }
  async function* rows(): AsyncGenerator<SourceRow> {
    for (const row of rest) {
      const kept = shape.take(row)
      if (kept) yield kept
    }
    for (let next = await grid.rows.next(); !next.done; next = await grid.rows.next()) {
      const kept = shape.take(next.value)
      if (kept) yield kept
    }
  }
  return {
    header: cells,
    mapping,
    encoding: grid.encoding,
    bytes: grid.bytes,
    bytesRead: grid.bytesRead,
    rows: rows(),
    notices: () => [...grid.notices(), ...shape.notices()],
  }
}

function noHeader(file: string, first: readonly GridRow[], { item }: HeaderNames): Text {
  const wanted = item.columns
    .filter(({ required, defaultValue }) => required && defaultValue === '')
    .map(columnName)
  const row = first[0]!
  const begins = row.cells
    .filter((cell) => cell.trim() !== '')
    .slice(0, 6)
    .map(shown)
  if (row.cells.some(isCode))
    return text`${file} has no header: row ${row.line} looks like data. Put a line with the names of the columns above it: ${wanted}`
  return text`${file}: no header is found in the first ${first.length} rows; row ${row.line} has ${begins}. A line with the names of the columns is wanted: ${wanted}`
}

function withoutEmptyEnd(cells: readonly string[]): string[] {
  return cells
    .slice(0, cells.findLastIndex((cell) => plainName(cell) !== '') + 1)
    .map((cell) => cell.replace(/\ufeff/g, '').trim())
}

/** Whether a cell is the code of an organization or a number of a person, as far as its shape says. */
function isCode(cell: string): boolean {
  return (
    cell.length < 100 &&
    /^[='"‘’\s]*[0-9A-Z]{15,18}["'\s]*$/i.test(cell.normalize('NFKC').trim()) &&
    /\d{6}/.test(cell.normalize('NFKC'))
  )
}

interface ShapeOptions {
  readonly header: readonly string[]
  readonly mapping: HeaderMapping
  readonly titles: readonly GridRow[]
  readonly headerRows: readonly GridRow[]
  readonly sparse: boolean
}

/** Tells rows of data from the others. */
class Shape {
  readonly #header: readonly string[]
  readonly #mapping: HeaderMapping
  readonly #subject: number
  /** The last column without which a row cannot be, by position. */
  readonly #lastRequired: number
  readonly #textColumns: readonly number[]
  readonly #sparse: boolean
  /** Columns without a name, and whether one was met that has something. */
  readonly #unnamed: readonly number[]
  readonly #unnamedFilled = new Set<number>()
  /** Lines of the header and titles, which may stand again at the top of each page. */
  readonly #tops: ReadonlySet<string>
  readonly #titles: readonly GridRow[]
  readonly #left = { header: new RowNumbers(), total: new RowNumbers(), footer: new RowNumbers() }
  #footer = false
  #data = 0

  constructor({ header, mapping, titles, headerRows, sparse }: ShapeOptions) {
    this.#sparse = sparse
    this.#unnamed = header.flatMap((name, at) => (plainName(name) === '' ? [at] : []))
    this.#header = header
    this.#mapping = mapping
    this.#titles = titles
    this.#subject = mapping.columns.find(({ column }) => column.field === 'subject.id')?.at ?? -1
    this.#lastRequired = Math.max(
      -1,
      ...mapping.columns
        .filter(({ column }) => column.required && column.defaultValue === '')
        .map(({ at }) => at),
    )
    this.#textColumns = mapping.columns
      .filter(({ column }) => column.type !== 'date')
      .map(({ at }) => at)
    this.#tops = new Set([...titles, ...headerRows].map(({ cells }) => lineOf(cells)))
  }

  /** The row as one of the table; undefined when it is left out. */
  take(row: GridRow): SourceRow | undefined {
    if (row.fault) return this.#kept(row)
    // Only a row without a code can be something else than data.
    if (!isCode(row.cells[this.#subject] ?? '')) {
      const kind = this.#kindOf(row.cells)
      if (kind !== 'data') {
        this.#left[kind].add(row.line)
        if (kind === 'footer') this.#footer = true
        return undefined
      }
    }
    return this.#kept(row)
  }

  #kindOf(cells: readonly string[]): 'header' | 'total' | 'footer' | 'data' {
    if (this.#tops.has(lineOf(cells))) return 'header'
    const filled = cells.filter((cell) => cell.trim() !== '')
    const begin = plainName(filled[0] ?? '')
    if (totalWords.test(begin)) return 'total'
    const whole = (filled[0] ?? '')
      .slice(0, 500)
      .normalize('NFKC')
      .replace(/\s+/g, '')
      .toLowerCase()
    if (footerWords.test(begin) || footerWords.test(whole)) return 'footer'
    // The lines of a note that goes on.
    return this.#footer && filled.length === 1 && !filled.some(isCode) ? 'footer' : 'data'
  }

  #kept(row: GridRow): SourceRow {
    this.#data++
    const { line } = row
    const cells =
      this.#sparse && row.cells.length < this.#header.length
        ? [...row.cells, ...Array<string>(this.#header.length - row.cells.length).fill('')]
        : row.cells
    for (const at of this.#unnamed) if ((cells[at] ?? '').trim() !== '') this.#unnamedFilled.add(at)
    const dated = row.dates && this.#textColumns.find((at) => row.dates!.has(at))
    const unlike = row.unlike && this.#textColumns.find((at) => row.unlike!.has(at))
    const fault = row.fault ?? this.#faultOf(cells, { dated, unlike })
    if (!fault) return { line, cells }
    const unread = [dated, unlike]
      .filter((at) => at !== undefined)
      .map((at) => [at, UNREAD] as const)
    return {
      line,
      cells: unread.length === 0 ? cells : Object.assign([...cells], Object.fromEntries(unread)),
      fault,
    }
  }

  /**
   * @param dated a column of texts whose cell is a date
   * @param unlike a column whose cell shows another number than it has
   */
  #faultOf(
    cells: readonly string[],
    { dated, unlike }: { dated: number | undefined; unlike: number | undefined },
  ): RowFault | undefined {
    const columns = this.#header.length
    if (cells.length > columns && cells.slice(columns).some((cell) => cell.trim() !== '')) {
      const at = columns + cells.slice(columns).findIndex((cell) => cell.trim() !== '')
      return rowFault(
        'row_form',
        text`the row has ${cells.length} cells, the header ${columns}: column ${columnLetters(at)} is beyond it. A separator inside a cell wants quotes around the cell`,
      )
    }
    if (cells.length <= this.#lastRequired) {
      return rowFault(
        'row_form',
        text`the row has ${cells.length} cells, the header ${columns}: columns ${columnLetters(cells.length)} to ${columnLetters(columns - 1)} are missing, or a separator before them is`,
      )
    }
    const long = cells.findIndex((cell) => cell.length > CELL_LENGTH_MAX)
    if (long >= 0)
      return rowFault(
        'cell_long',
        text`column ${columnLetters(long)} has ${cells[long]!.length} characters, more than the ${CELL_LENGTH_MAX} of a cell`,
        this.#header[long],
      )
    const filled = cells.filter((cell) => cell.trim() !== '').length
    if (filled === 1 && this.#mapping.columns.length > 2) {
      const at = cells.findIndex((cell) => cell.trim() !== '')
      return rowFault(
        'row_form',
        text`the row has one cell only, in column ${columnLetters(at)}: remove the row when it is a note, or fill it in`,
      )
    }
    if (dated !== undefined) {
      return rowFault(
        'cell_date',
        text`the spreadsheet made a date of column ${columnLetters(dated)}: format the column as text and type the cell again`,
        this.#header[dated],
      )
    }
    if (unlike !== undefined) {
      return rowFault(
        'cell_format',
        text`the number format of column ${columnLetters(unlike)} shows another number than the cell has (in thousands, or with signs between the digits): format the column as General or text, and fill in what is meant`,
        this.#header[unlike],
      )
    }
    return undefined
  }

  notices(): readonly Notice[] {
    const { header, total, footer } = this.#left
    const { extra, assumed } = this.#mapping
    const found: Notice[] = []
    if (this.#titles.length > 0)
      found.push({
        code: 'title_rows',
        text: text`${this.#titles.length} row(s) above the header are left out`,
      })
    const aliases = assumedText(assumed)
    if (aliases) found.push({ code: 'alias_columns', text: aliases })
    if (extra.length > 0)
      found.push({
        code: 'extra_columns',
        text: text`columns that the catalog item does not have are left out: ${extra.slice(0, 20).map(({ at, name }) => `${columnLetters(at)} ${shown(name)}`)}`,
      })
    if (this.#unnamedFilled.size > 0)
      found.push({
        code: 'unnamed_columns',
        text: text`columns without a name are left out: ${[...this.#unnamedFilled].slice(0, 20).map(columnLetters)}`,
      })
    if (header.count > 0)
      found.push({
        code: 'header_again',
        text: text`${header.count} row(s) that repeat the header or the title are left out: ${header.toString()}`,
      })
    if (total.count > 0)
      found.push({
        code: 'total_rows',
        text: text`${total.count} row(s) of sums are left out: ${total.toString()}`,
      })
    if (footer.count > 0)
      found.push({
        code: 'footer_rows',
        text: text`${footer.count} row(s) of signatures or notes are left out: ${footer.toString()}`,
      })
    if (this.#data === 0)
      found.push({ code: 'no_rows', text: text`the file has a header and no rows below it` })
    return found
  }
}

function lineOf(cells: readonly string[]): string {
  return cells.map(plainName).join('\t').trimEnd()
}
