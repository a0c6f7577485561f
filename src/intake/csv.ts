/** Rows of a CSV file, streaming: quoted newlines, every end of line, the separator found out. Memory does not grow with the file. */
import { Readable } from 'node:stream'
import { parse as csvParser } from 'csv-parse'
import { parse as parseCsv } from 'csv-parse/sync'
import { HuxinError, messageOf } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import { columnLetters } from '../workbook/place.ts'
import { EncodingFault, type TextFile } from './encoding.ts'
import { type Grid, type GridRow, type Notice, ROW_LENGTH_MAX, rowFault } from './table.ts'
import { fromTextCell } from './text-cell.ts'

const SAMPLE_ROWS = 30
/** Rows without a cell, one after another: as many as a spreadsheet has rows. */
const EMPTY_ROWS_MAX = 1_048_576

/** What may stand between cells. */
const separators: readonly { readonly separator: string; readonly name: Text }[] = [
  { separator: ',', name: text`comma` },
  { separator: '\t', name: text`tab` },
  { separator: ';', name: text`semicolon` },
  { separator: '，', name: text`full-width comma` },
  { separator: '|', name: text`vertical bar` },
]

/** How many columns of the catalog item the first rows of a file name; the separator with which they name the most is the file's. */
export type HeaderScore = (rows: readonly (readonly string[])[]) => number

/** @throws HuxinError argument_invalid */
export function openCsv(
  file: string,
  source: TextFile,
  score: HeaderScore,
  { emptyRowsMax = EMPTY_ROWS_MAX }: { readonly emptyRowsMax?: number } = {},
): Grid {
  const stated = /^\ufeff?"?sep=(.)"?\r?\n/i.exec(source.sample)?.[1]
  const separator = stated ?? likelySeparator(source.sample, score)
  const notices: Notice[] = []
  const name = separators.find((known) => known.separator === separator)?.name ?? separator
  if (separator !== ',')
    notices.push({ code: 'separator', text: text`cells are separated by ${name}` })
  return {
    encoding: source.encoding,
    bytes: source.bytes,
    bytesRead: source.bytesRead,
    notices: () => notices,
    // Quotes could hide an end of line.
    openEnd:
      source.openEnd === undefined || source.openEnd.includes('"')
        ? undefined
        : source.openEnd.split(separator),
    rows: csvRows(file, source, {
      separator,
      skip: stated === undefined ? 0 : 1,
      cells: usualCells(source.sample, separator),
      emptyRowsMax,
    }),
  }
}

function likelySeparator(sample: string, score: HeaderScore): string {
  const cut = sample.slice(
    0,
    Math.max(sample.lastIndexOf('\n'), sample.lastIndexOf('\r')) + 1 || sample.length,
  )
  let best = { separator: ',', found: 0 }
  for (const { separator } of separators) {
    if (!cut.includes(separator)) continue
    const found = score(sampleRows(cut, separator))
    if (found > best.found) best = { separator, found }
  }
  return best.separator
}

function sampleRows(sample: string, separator: string): string[][] {
  try {
    return parseCsv(sample, { ...dialect(separator), to: SAMPLE_ROWS })
  } catch {
    // A quote is not closed within the sample: the rows before it are enough to find a header.
    return sample
      .split(/\r\n|\n|\r/, SAMPLE_ROWS)
      .map((line) => line.split(separator).map((cell) => cell.replace(/^"|"$/g, '')))
  }
}

/** How many cells most of the first rows have. */
function usualCells(sample: string, separator: string): number {
  const counts = new Map<number, number>()
  for (const { length } of sampleRows(sample, separator))
    counts.set(length, (counts.get(length) ?? 0) + 1)
  return [...counts].reduce((most, count) => (count[1] > most[1] ? count : most), [1, 0])[0]
}

function dialect(separator: string) {
  // A stray quote inside a cell is part of it. For an empty line, too, the parser would make an error with its stack.
  return {
    delimiter: separator,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    bom: true,
    skip_empty_lines: true,
    max_record_size: ROW_LENGTH_MAX,
  }
}

interface Reading {
  readonly separator: string
  /** Lines before the first row. */
  readonly skip: number
  /** Cells of a usual row. */
  readonly cells: number
  /** Rows without a cell that may follow one another. */
  readonly emptyRowsMax: number
}

async function* csvRows(
  file: string,
  source: TextFile,
  { separator, skip: stated, cells, emptyRowsMax }: Reading,
): AsyncGenerator<GridRow, undefined> {
  // The parser makes an error, with its stack, for each row that is not as long as the first one, which may be a title: 60 us a row.
  const first = `${separator.repeat(cells - 1)}\n`
  const skip = stated + 1
  const feed = new Feed(source.pieces)
  const parser = csvParser({
    ...dialect(separator),
    on_record: feed.ended as (record: string[], at: ParserPlace) => never,
  })
  const input = Readable.from(feed.pieces(first))
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  let full = 0
  try {
    for await (const { record, place } of parser as AsyncIterable<PlacedRow>) {
      const line = place - skip
      if (record.every((cell) => cell.trim() === '')) {
        if (line - full > emptyRowsMax)
          throw new HuxinError(
            'argument_invalid',
            text`${file}: row ${full + 1} and ${emptyRowsMax} more behind it have no cell: delete the empty rows, and import the file then`,
          )
        continue
      }
      full = line
      if (line > 0) yield* rowsOf(record, { line, separator, file })
    }
  } catch (error) {
    if (error instanceof HuxinError) throw error
    if (feed.failure === undefined)
      throw new HuxinError(
        'argument_invalid',
        unreadable(file, parser.info.records + parser.info.empty_lines - skip + 1, error),
      )
  } finally {
    input.destroy()
    parser.destroy()
  }
  if (feed.failure instanceof EncodingFault)
    throw new HuxinError(
      'argument_invalid',
      feed.failure.said(text`row ${feed.records - skip + 1}`),
    )
  if (feed.failure !== undefined) throw feed.failure
  return undefined
}

function unreadable(file: string, line: number, error: unknown): Text {
  const { code = '', index } = error as { code?: string; index?: number }
  if (code === 'CSV_QUOTE_NOT_CLOSED')
    return text`${file}: in row ${line}, column ${columnLetters(index ?? 0)} a quote is opened and never closed; close it, or remove it`
  if (code === 'CSV_MAX_RECORD_SIZE')
    return text`${file}: row ${line} is longer than ${ROW_LENGTH_MAX} characters, most often because a quote is opened in it and never closed`
  return text`${file} is no readable CSV at row ${line}: ${messageOf(error)}`
}

/** The row of a record; the rows of one that a quote made of several, each with the fault, so that they can be mended apart. */
function rowsOf(
  record: readonly string[],
  { line, separator, file }: { line: number; separator: string; file: string },
): GridRow[] {
  if (record.every((cell) => /^[\0\s]*$/.test(cell))) {
    throw new HuxinError(
      'argument_invalid',
      text`${file}: from row ${line} on the file has zero bytes alone: it was not copied whole. Copy it again, and import it then`,
    )
  }
  const cells = record.map(fromTextCell)
  const swallowed =
    record.length > 2 ? cells.findIndex((cell) => holdsRows(cell, separator, record.length)) : -1
  if (swallowed < 0) return [{ line, cells }]
  const lines = cells[swallowed]!.split(/\r\n|\n|\r/)
  const fault = rowFault(
    'quote_open',
    text`a quote is opened in column ${columnLetters(swallowed)} and closed ${lines.length - 1} lines later, so that these rows became one: they stand apart in the reject file. Compare them there with the original, and import that file`,
  )
  return lines
    .map((part, i) => ({
      line,
      fault,
      cells: [
        ...(i === 0 ? cells.slice(0, swallowed) : []),
        ...part.split(separator),
        ...(i === lines.length - 1 ? cells.slice(swallowed + 1) : []),
      ],
    }))
    .filter((row) => row.cells.some((cell) => cell.trim() !== ''))
}

/** Whether a cell holds what was meant as rows: as many separators on one of its lines as a row has. */
function holdsRows(cell: string, separator: string, columns: number): boolean {
  if (!cell.includes('\n') && !cell.includes('\r')) return false
  return cell
    .split(/\r\n|\n|\r/)
    .some((part) => part.split(separator).length > Math.max(2, columns / 2))
}

/** Rows and empty lines so far, as the parser counts them. */
interface ParserPlace {
  readonly records: number
  readonly empty_lines: number
}

/** A row, and which one it is in what the parser was given, from 1 on, empty lines counted. */
interface PlacedRow {
  readonly record: string[]
  readonly place: number
}

/**
 * Text on its way to the parser. The parser keeps a row until it ends and counts neither its empty cells nor its
 * separators: a row of a hundred million commas would fill the memory. A fault of the encoding is kept until the rows
 * before it are read, so that its row can be named.
 */
class Feed {
  readonly #pieces: AsyncIterable<string>
  #read = 0
  #endedAt = 0
  /** Where the last row ended, empty lines counted. */
  records = 0
  failure: unknown

  constructor(pieces: AsyncIterable<string>) {
    this.#pieces = pieces
  }

  readonly ended = (record: string[], { records, empty_lines: empty }: ParserPlace): PlacedRow => {
    this.#endedAt = this.#read
    this.records = records + empty
    return { record, place: this.records }
  }

  /** `first` is a row before those of the text. */
  async *pieces(first: string): AsyncGenerator<string> {
    yield first
    try {
      for await (const piece of this.#pieces) {
        if (this.#read - this.#endedAt > ROW_LENGTH_MAX)
          throw Object.assign(new Error('row too long'), { code: 'CSV_MAX_RECORD_SIZE' })
        this.#read += piece.length
        yield piece
      }
    } catch (error) {
      if (
        typeof error === 'object' &&
        error !== null &&
        'code' in error &&
        error.code === 'CSV_MAX_RECORD_SIZE'
      )
        throw error
      this.failure = error
    }
  }
}
