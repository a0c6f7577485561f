/**
 * Rows of a file, streaming: CSV in the encodings that departments produce, and NDJSON. Memory does not
 * grow with the file.
 */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { parse as csvParser } from 'csv-parse'
import { HuxinError, messageOf } from '../../base/errors.ts'

/** One row, with the physical line on which it ends. */
export interface SourceRow {
  readonly line: number
  readonly cells: readonly string[]
}

export interface TableSource {
  readonly header: readonly string[]
  readonly encoding: string
  readonly rows: AsyncIterable<SourceRow>
}

const PROBE_BYTES = 64 << 10

/** `utf-8` or `gb18030`, from the beginning of the file. */
export async function detectEncoding(file: string): Promise<'utf-8' | 'gb18030'> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw new HuxinError('argument_invalid', `${file} cannot be read: ${messageOf(error)}`)
  })
  try {
    const bytes = Buffer.alloc(PROBE_BYTES)
    const { bytesRead } = await handle.read(bytes, 0, PROBE_BYTES, 0)
    const probe = bytes.subarray(0, bytesRead)
    if (probe[0] === 0xef && probe[1] === 0xbb && probe[2] === 0xbf) return 'utf-8'
    try {
      // The probe may end inside a character.
      new TextDecoder('utf-8', { fatal: true }).decode(probe, { stream: bytesRead === PROBE_BYTES })
      return 'utf-8'
    } catch {
      return 'gb18030'
    }
  } finally {
    await handle.close()
  }
}

/** Text of a file piece by piece. @throws HuxinError argument_invalid at bytes that are not of the encoding */
async function* decoded(file: string, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let line = 1
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
    let text: string
    try {
      text = decoder.decode(chunk as Uint8Array, { stream: true })
    } catch {
      throw new HuxinError('argument_invalid', `${file}: after line ${line} there are bytes that are not ${encoding}: give the right --encoding (utf-8 or gb18030)`)
    }
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++
    yield text
  }
  yield decoder.decode()
}

/** Opens a CSV file: quoted newlines, CRLF, a byte order mark. @throws HuxinError argument_invalid */
export async function openCsv(file: string, asked: string): Promise<TableSource> {
  const encoding = asked === 'auto' ? await detectEncoding(file) : asked
  if (encoding !== 'utf-8' && encoding !== 'gb18030') throw new HuxinError('argument_invalid', `encoding ${encoding} is not one of auto, utf-8, gb18030`)
  const parser = csvParser({ info: true, relax_column_count: true, skip_empty_lines: true, bom: true })
  const input = Readable.from(decoded(file, encoding))
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  const rows = parser[Symbol.asyncIterator]() as AsyncIterator<{ record: string[]; info: { lines: number } }>
  const first = await nextRow(rows, file)
  if (first === undefined) throw new HuxinError('argument_invalid', `${file} is empty: a header line is wanted`)
  const header = first.cells.map((cell) => cell.replace(/^\ufeff/, '').trim())
  return { header, encoding, rows: { [Symbol.asyncIterator]: () => ({ next: async () => {
    const row = await nextRow(rows, file)
    return row ? { done: false, value: row } : { done: true, value: undefined }
  } }) } }
}

async function nextRow(rows: AsyncIterator<{ record: string[]; info: { lines: number } }>, file: string): Promise<SourceRow | undefined> {
  try {
    const { done, value } = await rows.next()
    return done ? undefined : { line: value.info.lines, cells: value.record }
  } catch (error) {
    if (error instanceof HuxinError) throw error
    throw new HuxinError('argument_invalid', `${file} is no readable CSV: ${messageOf(error)}`)
  }
}

/** Opens NDJSON: one flat object a line; its keys are the header names. */
export async function openNdjson(file: string): Promise<TableSource> {
  const lines = linesOf(file)
  const first = await lines.next()
  if (first.done) throw new HuxinError('argument_invalid', `${file} is empty`)
  const header = Object.keys(parseObject(first.value.text, file, first.value.line))
  const toCells = (text: string, line: number): string[] => {
    const value = parseObject(text, file, line)
    const strange = Object.keys(value).find((key) => !header.includes(key))
    if (strange !== undefined) throw new HuxinError('argument_invalid', `${file}: line ${line} has the key ${strange}, which the first line has not`)
    return header.map((key) => String(value[key] ?? ''))
  }
  async function* rows(): AsyncGenerator<SourceRow> {
    yield { line: first.value!.line, cells: toCells(first.value!.text, first.value!.line) }
    for await (const { text, line } of lines) yield { line, cells: toCells(text, line) }
  }
  return { header, encoding: 'utf-8', rows: rows() }
}

async function* linesOf(file: string): AsyncGenerator<{ text: string; line: number }> {
  let rest = ''
  let line = 0
  for await (const text of decoded(file, 'utf-8')) {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    for (const part of parts) {
      line++
      if (part.trim() !== '') yield { text: part, line }
    }
  }
  if (rest.trim() !== '') yield { text: rest, line: line + 1 }
}

function parseObject(text: string, file: string, line: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // falls through
  }
  throw new HuxinError('argument_invalid', `${file}: line ${line} is no JSON object`)
}
