/**
 * Tables in HTML, which many systems export under the name .xls, and XML Spreadsheet 2003. The table whose header fits
 * is taken; a file is read once to find it and once for its rows. Memory does not grow with the file: rows, spans and
 * nesting are bounded.
 */
import { Parser } from 'htmlparser2'
import { HuxinError, messageOf } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { numberText } from '../workbook/formats.ts'
import { attribute, localName } from '../workbook/xml.ts'
import { EncodingFault, type TextFile } from './encoding.ts'
import type { HeaderNames } from './header.ts'
import { findHeader, HEADER_ROWS } from './shape.ts'
import type { Grid, GridRow, Notice } from './table.ts'

const TABLES_MAX = 100
const ROW_LENGTH_MAX = 1 << 16
const SILENCE_MAX = 1 << 22
const COLUMNS_MAX = 1_000
const DEPTH_MAX = 1_000

export type MarkupKind = 'html' | 'xml-spreadsheet'

/** What the beginning of a text says that it is. @throws HuxinError argument_invalid for XML of another kind */
export function markupOf(file: string, sample: string): MarkupKind | undefined {
  const begin = sample.replace(/^[\ufeff\s]+/, '')
  if (
    begin.includes('urn:schemas-microsoft-com:office:spreadsheet') &&
    /^<\?xml|^<Workbook/.test(begin)
  )
    return 'xml-spreadsheet'
  if (
    /^<(?:!doctype\s+html|html|head|meta|body|table|style|div|!--)/i.test(begin) ||
    /^<\?xml[\s\S]*?<html/i.test(begin.slice(0, 2_000))
  )
    return 'html'
  if (begin.startsWith('<?xml'))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is XML of another kind: save the table as .xlsx or as "CSV UTF-8", and import that`,
    )
  return undefined
}

/** @throws HuxinError argument_invalid where no table or more than one fits */
export async function openMarkup(
  file: string,
  { kind, open, names }: { kind: MarkupKind; open: () => Promise<TextFile>; names: HeaderNames },
): Promise<Grid> {
  const chosen = await fittingTable(file, readRows(file, kind, await open()), names)
  const source = await open()
  const notices: Notice[] = [
    {
      code: 'markup',
      text:
        kind === 'html'
          ? text`the file is a web page: its table is read`
          : text`the file is an XML spreadsheet: its table is read`,
    },
  ]
  async function* rows(): AsyncGenerator<GridRow, undefined> {
    for await (const { table, row } of readRows(file, kind, source)) if (table === chosen) yield row
    return undefined
  }
  return {
    sparse: true,
    encoding: source.encoding,
    bytes: source.bytes,
    bytesRead: source.bytesRead,
    rows: rows(),
    notices: () => notices,
  }
}

interface TableRow {
  /** Number of the table, from 0. */
  readonly table: number
  readonly row: GridRow
}

async function fittingTable(
  file: string,
  rows: AsyncIterable<TableRow>,
  names: HeaderNames,
): Promise<number> {
  const first = new Map<number, (readonly string[])[]>()
  for await (const { table, row } of rows) {
    const known = first.get(table) ?? []
    if (known.length === 0 && first.size < TABLES_MAX) first.set(table, known)
    if (known.length < HEADER_ROWS) known.push(row.cells)
  }
  if (first.size === 0)
    throw new HuxinError(
      'argument_invalid',
      text`${file} has no table in it: save the table as .xlsx, and import that`,
    )
  const found = [...first].map(([table, lines]) => ({
    table,
    found: findHeader(lines, names)?.found ?? 0,
  }))
  const most = Math.max(...found.map((one) => one.found))
  const best = found.filter((one) => one.found === most)
  if (most > 0 && best.length > 1) {
    throw new HuxinError(
      'argument_invalid',
      text`${file} has more than one table with such a header: the tables ${best.map(({ table }) => table + 1)}. Save the right one as .xlsx, and import that`,
    )
  }
  return best[0]!.table
}

async function* readRows(
  file: string,
  kind: MarkupKind,
  source: TextFile,
): AsyncGenerator<TableRow> {
  const found: TableRow[] = []
  const handler = new MarkupHandler(kind, (row) => found.push(row))
  const parser = new Parser(
    { onopentag: handler.open, ontext: handler.text, onclosetag: handler.close },
    kind === 'html' ? { decodeEntities: true } : { decodeEntities: true, xmlMode: true },
  )
  try {
    for await (const piece of source.pieces) {
      parser.write(piece)
      handler.quiet(piece.length)
      yield* found
      found.length = 0
    }
    parser.end()
    yield* found
  } catch (error) {
    if (error instanceof EncodingFault)
      throw new HuxinError('argument_invalid', error.said(text`a line`))
    if (error instanceof HuxinError) throw error
    throw new HuxinError(
      'argument_invalid',
      text`${file} is no table that can be read (${messageOf(error)}): save it as .xlsx, and import that`,
    )
  }
}

interface OpenTable {
  readonly number: number
  line: number
  cells: string[] | undefined
  /** Characters of the row so far. */
  length: number
  dates: Set<number>
  /** Column → value, and for how many more rows it holds. */
  readonly spans: Map<number, { value: string; rows: number }>
}

interface OpenCell {
  readonly across: number
  readonly down: number
  words: string
  type: string
}

/** Elements as rows of tables: `table tr td` of HTML, `Table Row Cell` of XML Spreadsheet. */
class MarkupHandler {
  readonly #html: boolean
  readonly #onRow: (row: TableRow) => void
  readonly #tables: OpenTable[] = []
  #count = 0
  #cell: OpenCell | undefined
  #depth = 0
  #silent = 0
  /** Inside of what is no text of a cell: scripts and styles. */
  #hidden = 0

  constructor(kind: MarkupKind, onRow: (row: TableRow) => void) {
    this.#html = kind === 'html'
    this.#onRow = onRow
  }

  /** @throws Error where an element goes on without end */
  quiet(length: number): void {
    this.#silent += length
    if (this.#silent > SILENCE_MAX) throw new Error('an element is too long')
  }

  readonly open = (fullName: string, attributes: Readonly<Record<string, string>>): void => {
    this.#silent = 0
    if (++this.#depth > DEPTH_MAX) throw new Error('elements are nested too deeply')
    const name = localName(fullName).toLowerCase()
    if (name === 'table')
      this.#tables.push({
        number: this.#count++,
        line: 0,
        cells: undefined,
        length: 0,
        dates: new Set(),
        spans: new Map(),
      })
    else if (name === (this.#html ? 'tr' : 'row')) this.#openRow(attributes)
    else if (this.#html ? name === 'td' || name === 'th' : name === 'cell')
      this.#openCell(attributes)
    else if (name === 'br' && this.#cell) this.#cell.words += '\u2028'
    else if (name === 'data' && !this.#html && this.#cell)
      this.#cell.type = attribute(attributes, 'Type') ?? 'String'
    else if (name === 'script' || name === 'style' || name === 'comment') this.#hidden++
  }

  readonly text = (words: string): void => {
    this.#silent = 0
    if (!this.#cell || this.#hidden > 0) return
    this.#cell.words += words
    const table = this.#tables.at(-1)
    if (table && (table.length += words.length) > ROW_LENGTH_MAX)
      throw new Error('a row is too long')
  }

  readonly close = (fullName: string): void => {
    this.#silent = 0
    this.#depth--
    const name = localName(fullName).toLowerCase()
    if (this.#html ? name === 'td' || name === 'th' : name === 'cell') this.#closeCell()
    else if (name === (this.#html ? 'tr' : 'row')) this.#closeRow()
    else if (name === 'table') {
      this.#closeRow()
      this.#tables.pop()
    } else if (name === 'script' || name === 'style' || name === 'comment') this.#hidden--
  }

  #openRow(attributes: Readonly<Record<string, string>>): void {
    this.#closeRow()
    const table = this.#tables.at(-1)
    if (!table) return
    const index = Number(this.#html ? NaN : (attribute(attributes, 'Index') ?? NaN))
    table.line = Number.isInteger(index) && index > table.line ? index : table.line + 1
    table.cells = []
    table.length = 0
    table.dates = new Set()
  }

  #openCell(attributes: Readonly<Record<string, string>>): void {
    this.#closeCell()
    const table = this.#tables.at(-1)
    if (!table?.cells) return
    const index = Number(this.#html ? NaN : (attribute(attributes, 'Index') ?? NaN))
    if (Number.isInteger(index) && index > COLUMNS_MAX) throw new Error('too many columns')
    while (Number.isInteger(index) && table.cells.length < index - 1) this.#place('')
    const number = (name: string): number =>
      Math.min(
        Math.max(Math.trunc(Number(attributes[name] ?? attribute(attributes, name) ?? 0)) || 0, 0),
        1_000_000,
      )
    this.#cell = this.#html
      ? {
          across: Math.max(1, number('colspan')),
          down: Math.max(1, number('rowspan')),
          words: '',
          type: 'String',
        }
      : { across: 1 + number('MergeAcross'), down: 1 + number('MergeDown'), words: '', type: '' }
  }

  /** Puts a value into the next free column: those that a cell above reaches into have its value. */
  #place(value: string): number {
    const { cells, spans } = this.#tables.at(-1)!
    for (let span = spans.get(cells!.length); span; span = spans.get(cells!.length)) {
      if (--span.rows === 0) spans.delete(cells!.length)
      cells!.push(span.value)
    }
    if (cells!.length >= COLUMNS_MAX) throw new Error('too many columns')
    return cells!.push(value) - 1
  }

  #closeCell(): void {
    const cell = this.#cell
    this.#cell = undefined
    const table = this.#tables.at(-1)
    if (!cell || !table?.cells) return
    const { value, date } = valueOf(cell, this.#html)
    const at = this.#place(value)
    if (date) table.dates.add(at)
    if (cell.down > 1) table.spans.set(at, { value, rows: cell.down - 1 })
    for (let i = 1; i < cell.across; i++) this.#place('')
  }

  #closeRow(): void {
    this.#closeCell()
    const table = this.#tables.at(-1)
    if (!table?.cells) return
    const { cells, dates, line, spans, number } = table
    // Columns at the end that a cell above reaches into.
    for (let span = spans.get(cells.length); span; span = spans.get(cells.length)) {
      if (--span.rows === 0) spans.delete(cells.length)
      cells.push(span.value)
    }
    table.cells = undefined
    if (cells.every((cell) => cell.trim() === '')) return
    this.#onRow({ table: number, row: dates.size > 0 ? { line, cells, dates } : { line, cells } })
  }
}

function valueOf({ words, type }: OpenCell, html: boolean): { value: string; date: boolean } {
  if (html)
    return {
      value: words
        .replace(/[ \t\r\n\f]+/g, ' ')
        .trim()
        .replace(/ ?\u2028 ?/g, '\n'),
      date: false,
    }
  if (type === 'Number')
    return { value: numberText(words.trim(), 'general', false).text, date: false }
  if (type === 'Boolean') return { value: words.trim() === '1' ? 'TRUE' : 'FALSE', date: false }
  if (type === 'DateTime')
    return {
      value: words
        .trim()
        .replace(/T00:00:00(?:\.0+)?$/, '')
        .replace('T', ' ')
        .replace(/\.0+$/, ''),
      date: true,
    }
  return { value: type === '' ? '' : words, date: false }
}
