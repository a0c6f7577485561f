/** Rows of an NDJSON file, streaming. Memory does not grow with the file. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { openText } from './encoding.ts'
import { ROW_LENGTH_MAX, type SourceRow, type TableSource } from './table.ts'

/** Opens NDJSON: one flat object a line; its keys are the header names. @throws HuxinError argument_invalid */
export async function openNdjson(file: string): Promise<TableSource> {
  const { pieces, ...content } = await openText(file, 'utf-8')
  const lines = linesOf(pieces, file)
  const first = await lines.next()
  if (first.done) throw new HuxinError('argument_invalid', text`${file} is empty`)
  const begin = parseObject(first.value.text)
  if (!begin) throw new HuxinError('argument_invalid', text`${file}: line ${first.value.line} is no JSON object; one flat object a line is wanted`)
  const header = Object.keys(begin)
  async function* rows(): AsyncGenerator<SourceRow> {
    yield objectRow(first.value!, header)
    for await (const line of lines) yield objectRow(line, header)
  }
  return { ...content, header, rows: rows() }
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
    if (rest.length > ROW_LENGTH_MAX) throw new HuxinError('argument_invalid', text`${file}: line ${line + parts.length + 1} is longer than ${ROW_LENGTH_MAX} characters; one JSON object a line is wanted`)
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
