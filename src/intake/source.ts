/**
 * Room `intake`: what departments hand over becomes rows, and rows records. A tolerant reader before a
 * strict contract: what is certain is taken and said, what is not is named, nothing is guessed. It reads
 * files, knows no node, sends nothing and prints nothing.
 *
 * This file: rows of a file, streaming: CSV in the encodings that departments produce, and NDJSON. Memory does not
 * grow with the file.
 */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { parse as csvParser } from 'csv-parse'
import { HuxinError, messageOf } from '../base/errors.ts'
import { fromTextCell } from './text-cell.ts'

/** One row, with the physical line on which it ends. */
export interface SourceRow {
  readonly line: number
  readonly cells: readonly string[]
  /** Why the row cannot be read as one of this table. */
  readonly fault?: RowFault
}

/** One reason why a row was rejected. */
export interface RowFault {
  readonly column: string
  readonly code: string
  readonly reason: string
  readonly reasonZh: string
}

export interface TableSource {
  readonly header: readonly string[]
  readonly encoding: string
  /** Bytes of the file, and how many of them were read. */
  readonly bytes: number
  readonly bytesRead: () => number
  readonly rows: AsyncIterable<SourceRow>
}

const PROBE_BYTES = 64 << 10
/** Bytes of one row; a quote that is never closed would swallow the rest of the file. */
const ROW_BYTES_MAX = 1 << 20

/** A file that is read as text, piece by piece. */
interface TextFile {
  readonly encoding: string
  readonly bytes: number
  readonly bytesRead: () => number
  /** @throws HuxinError argument_invalid at bytes that are not of the encoding */
  readonly pieces: AsyncGenerator<string>
}

/** Opens a file and finds out its encoding from its beginning. @throws HuxinError argument_invalid */
async function openText(file: string, asked: string): Promise<TextFile> {
  if (asked !== 'auto' && asked !== 'utf-8' && asked !== 'gb18030') throw new HuxinError('argument_invalid', `encoding ${asked} is not one of auto, utf-8, gb18030`)
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      const probe = Buffer.alloc(PROBE_BYTES)
      const { bytesRead } = await handle.read(probe, 0, PROBE_BYTES, 0)
      const encoding = detectEncoding(probe.subarray(0, bytesRead), file)
      let done = 0
      const known = asked === 'auto' ? encoding : asked
      return { encoding: known, bytes: size, bytesRead: () => done, pieces: decoded(file, known, (length) => { done += length }) }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof HuxinError) throw error
    const code = (error as NodeJS.ErrnoException).code
    throw new HuxinError('argument_invalid', `${file} cannot be read: ${code === 'ENOENT' ? 'is the name right?' : code === 'EISDIR' ? 'it is a folder' : messageOf(error)}`)
  }
}

/** `utf-8` or `gb18030`, from the first bytes. @throws HuxinError argument_invalid for what is no such text at all */
function detectEncoding(probe: Uint8Array, file: string): 'utf-8' | 'gb18030' {
  const begins = (...bytes: readonly number[]): boolean => bytes.every((byte, i) => probe[i] === byte)
  if (begins(0x50, 0x4b, 0x03, 0x04) || begins(0xd0, 0xcf, 0x11, 0xe0)) throw new HuxinError('argument_invalid', `${file} is a spreadsheet workbook: save it as "CSV UTF-8" and import that`)
  if (begins(0xff, 0xfe) || begins(0xfe, 0xff)) throw new HuxinError('argument_invalid', `${file} is UTF-16: save it as "CSV UTF-8" and import that`)
  if (begins(0xef, 0xbb, 0xbf)) return 'utf-8'
  try {
    // The probe may end inside a character.
    new TextDecoder('utf-8', { fatal: true }).decode(probe, { stream: probe.length === PROBE_BYTES })
    return 'utf-8'
  } catch {
    return 'gb18030'
  }
}

/** Lines of a piece before its first bytes that are not of the encoding; its beginning may be the rest of a character. */
function linesBeforeFault(encoding: string, piece: Uint8Array | undefined): number {
  const text = piece ? new TextDecoder(encoding).decode(piece) : ''
  return text.slice(0, Math.max(0, text.indexOf('\ufffd', CHARACTER_BYTES_MAX))).split('\n').length - 1
}

const CHARACTER_BYTES_MAX = 4

async function* decoded(file: string, encoding: string, onBytes: (length: number) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let line = 1
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode()
    } catch {
      throw new HuxinError('argument_invalid', `${file}: line ${line + linesBeforeFault(encoding, chunk)} has bytes that are not ${encoding}: give the right --encoding (utf-8 or gb18030), or save the file again`)
    }
  }
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
    const text = decode(chunk as Uint8Array)
    onBytes((chunk as Uint8Array).length)
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++
    yield text
  }
  yield decode()
}

/** Opens a CSV file: quoted newlines, CRLF, a byte order mark. @throws HuxinError argument_invalid */
export async function openCsv(file: string, asked: string): Promise<TableSource> {
  const { pieces, ...text } = await openText(file, asked)
  const rowLimit = new RowLimit(file)
  // A stray quote inside a cell is part of it.
  const parser = csvParser({
    info: true, relax_column_count: true, relax_quotes: true, bom: true, max_record_size: ROW_BYTES_MAX, on_record: rowLimit.ended,
  })
  const input = Readable.from(rowLimit.bounded(pieces))
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  const next = csvRows(parser[Symbol.asyncIterator]() as AsyncIterator<CsvRow>, file)
  const first = await next()
  if (first === undefined) throw new HuxinError('argument_invalid', `${file} is empty: a header line is wanted`)
  const header = first.cells.map((cell) => cell.replace(/^\ufeff/, '').trim())
  async function* rows(): AsyncGenerator<SourceRow> {
    for (let row = await next(); row; row = await next()) {
      yield row.cells.slice(header.length).some((cell) => cell.trim() !== '') ? { ...row, fault: tooManyCells(row.cells.length, header.length) } : row
    }
  }
  return { ...text, header, rows: rows() }
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
      if (this.#read - this.#endedAt > ROW_BYTES_MAX) {
        throw new HuxinError('argument_invalid', `${this.#file}: a row is longer than ${ROW_BYTES_MAX} characters, most often because a quote is opened and never closed`)
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
      throw new HuxinError('argument_invalid', `${file} is no readable CSV: ${csvErrors[codeOf(error)] ?? ''}${messageOf(error)}`)
    }
  }
}

const csvErrors: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed; ',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${ROW_BYTES_MAX} bytes, most often because a quote is opened and never closed; `,
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

/** Opens NDJSON: one flat object a line; its keys are the header names. @throws HuxinError argument_invalid */
export async function openNdjson(file: string): Promise<TableSource> {
  const { pieces, ...text } = await openText(file, 'utf-8')
  const lines = linesOf(pieces, file)
  const first = await lines.next()
  if (first.done) throw new HuxinError('argument_invalid', `${file} is empty`)
  const begin = parseObject(first.value.text)
  if (!begin) throw new HuxinError('argument_invalid', `${file}: line ${first.value.line} is no JSON object; one flat object a line is wanted`)
  const header = Object.keys(begin)
  async function* rows(): AsyncGenerator<SourceRow> {
    yield objectRow(first.value!, header)
    for await (const line of lines) yield objectRow(line, header)
  }
  return { ...text, header, rows: rows() }
}

interface Line {
  readonly text: string
  readonly line: number
}

async function* linesOf(pieces: AsyncIterable<string>, file: string): AsyncGenerator<Line> {
  let rest = ''
  let line = 0
  for await (const piece of pieces) {
    const parts = (rest + piece).split('\n')
    rest = parts.pop()!
    if (rest.length > ROW_BYTES_MAX) throw new HuxinError('argument_invalid', `${file}: line ${line + parts.length + 1} is longer than ${ROW_BYTES_MAX} characters; one JSON object a line is wanted`)
    for (const part of parts) {
      line++
      if (part.trim() !== '') yield { text: part, line }
    }
  }
  if (rest.trim() !== '') yield { text: rest, line: line + 1 }
}

function objectRow({ text, line }: Line, header: readonly string[]): SourceRow {
  const bad = (column: string, code: string, reason: string, reasonZh: string, cells: readonly string[] = []): SourceRow => (
    { line, cells, fault: { column, code, reason, reasonZh } }
  )
  const value = parseObject(text)
  if (!value) return bad('', 'row_form', 'the line is no JSON object', '该行不是 JSON 对象')
  const cells = header.map((key) => cellOf(value[key]) ?? '')
  const strange = Object.keys(value).find((key) => !header.includes(key))
  if (strange !== undefined) return bad(strange, 'row_form', 'the first line has no such key', '首行没有该键', cells)
  for (const key of header) {
    const one = value[key]
    if (cellOf(one) === undefined) return bad(key, 'value_form', 'a text, a number or null is wanted', '应为文本、数值或 null', cells)
    // JSON numbers of more than 15 digits have lost their last ones when they are read: never guessed.
    if (typeof one === 'number' && !Number.isSafeInteger(one) && Number.isInteger(one)) {
      return bad(key, 'number_rounded', 'a number this long loses its last digits: write it as text, in quotes', '数值过长，末位会丢失：请写成带引号的文本', cells)
    }
  }
  return { line, cells }
}

/** A JSON value as the cell of a table; undefined when it is none. */
function cellOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    return undefined
  }
}
