/** Rows of a CSV file, streaming. Memory does not grow with the file. */
import { Readable } from 'node:stream'
import { parse as csvParser } from 'csv-parse'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { openText } from './encoding.ts'
import { ROW_LENGTH_MAX, type RowFault, type SourceRow, type TableSource } from './table.ts'
import { fromTextCell } from './text-cell.ts'

/** Opens a CSV file: quoted newlines, CRLF, a byte order mark. @throws HuxinError argument_invalid */
export async function openCsv(file: string, asked: string): Promise<TableSource> {
  const { pieces, ...content } = await openText(file, asked)
  const rowLimit = new RowLimit(file)
  // A stray quote inside a cell is part of it.
  const parser = csvParser({
    info: true, relax_column_count: true, relax_quotes: true, bom: true, max_record_size: ROW_LENGTH_MAX, on_record: rowLimit.ended,
  })
  const input = Readable.from(rowLimit.bounded(pieces))
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  const next = csvRows(parser[Symbol.asyncIterator]() as AsyncIterator<CsvRow>, file)
  const first = await next()
  if (first === undefined) throw new HuxinError('argument_invalid', text`${file} is empty: a header line is wanted`)
  const header = first.cells.map((cell) => cell.replace(/^\ufeff/, '').trim())
  async function* rows(): AsyncGenerator<SourceRow> {
    for (let row = await next(); row; row = await next()) {
      yield row.cells.slice(header.length).some((cell) => cell.trim() !== '') ? { ...row, fault: tooManyCells(row.cells.length, header.length) } : row
    }
  }
  return { ...content, header, rows: rows() }
}

/**
 * The parser keeps a row until it ends and counts neither its empty cells nor its separators: a row of a hundred million
 * commas would fill the memory.
 */
class RowLimit {
  readonly #file: string
  #read = 0
  #endedAt = 0

  constructor(file: string) {
    this.#file = file
  }

  readonly ended = <T>(record: T): T => {
    this.#endedAt = this.#read
    return record
  }

  async *bounded(pieces: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const piece of pieces) {
      if (this.#read - this.#endedAt > ROW_LENGTH_MAX) {
        throw new HuxinError('argument_invalid', text`${this.#file}: a row is longer than ${ROW_LENGTH_MAX} characters, most often because a quote is opened and never closed`)
      }
      this.#read += piece.length
      yield piece
    }
  }
}

interface CsvRow {
  readonly record: string[]
  readonly info: { readonly lines: number }
}

function csvRows(rows: AsyncIterator<CsvRow>, file: string): () => Promise<SourceRow | undefined> {
  // csv-parse counts a CRLF inside quotes as two lines.
  let countedTwice = 0
  return async () => {
    try {
      for (;;) {
        const { done, value } = await rows.next()
        if (done) return undefined
        // Rows of empty cells are what a spreadsheet adds at the end.
        if (value.record.every((cell) => cell.trim() === '')) continue
        for (const cell of value.record) for (let at = cell.indexOf('\r\n'); at >= 0; at = cell.indexOf('\r\n', at + 2)) countedTwice++
        return { line: value.info.lines - countedTwice, cells: value.record.map(fromTextCell) }
      }
    } catch (error) {
      if (error instanceof HuxinError) throw error
      throw new HuxinError('argument_invalid', text`${file} is no readable CSV: ${csvErrors[codeOf(error)] ?? ''}${textOf(error)}`)
    }
  }
}

const csvErrors: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed; ',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${ROW_LENGTH_MAX} bytes, most often because a quote is opened and never closed; `,
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}

/** Cells that moved to the right would be read as something else. */
function tooManyCells(cells: number, columns: number): RowFault {
  return {
    column: '', code: 'row_form', reason: `the row has ${cells} cells, the header ${columns}: a comma inside a cell wants quotes around the cell`,
    reasonZh: `该行有 ${cells} 个单元格，表头为 ${columns} 列：单元格内含逗号时须加双引号`,
  }
}
