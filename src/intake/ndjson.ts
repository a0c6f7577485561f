/**
 * Rows of an NDJSON file, streaming: one flat object a line, its keys are the names of the columns. A key that is
 * absent is an empty cell, so that each line may have other ones. Memory does not grow with the file.
 */
import { HuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import { EncodingFault, type TextFile } from './encoding.ts'
import { type Assumed, assumedText, type HeaderNames, mapHeader, shown } from './header.ts'
import {
  type Notice,
  ROW_LENGTH_MAX,
  rowFault,
  type SourceRow,
  type TableSource,
  UNREAD,
} from './table.ts'

const EXTRA_KEYS_MAX = 20

/** @throws HuxinError argument_invalid */
export async function openNdjson(
  file: string,
  source: TextFile,
  names: HeaderNames,
): Promise<TableSource> {
  const lines = linesOf(source.pieces, file)
  const first = await lines.next()
  if (first.done) throw new HuxinError('argument_invalid', text`${file} is empty`)
  const begin = parseObject(first.value.text)
  if (!begin)
    throw new HuxinError(
      'argument_invalid',
      text`${file}: line ${first.value.line} is no JSON object; one flat object a line is wanted`,
    )
  // Each line has its own keys: the columns are those of the item, under the names of the first line where it has them.
  const keys = Object.keys(begin)
  const header = [
    ...keys,
    ...names.item.columns
      .filter((column) => !keys.some((key) => names.find(key)?.column === column))
      .map(({ headerZh }) => headerZh),
  ]
  const reader = new ObjectReader(header, names)
  const mapping = mapHeader(names, header, true)
  async function* rows(): AsyncGenerator<SourceRow> {
    yield reader.row(first.value!)
    for await (const line of lines) yield reader.row(line)
  }
  return {
    header,
    mapping,
    encoding: source.encoding,
    bytes: source.bytes,
    bytesRead: source.bytesRead,
    rows: rows(),
    notices: () => reader.notices(),
  }
}

interface Line {
  readonly text: string
  readonly line: number
}

async function* linesOf(pieces: AsyncIterable<string>, file: string): AsyncGenerator<Line> {
  let rest = ''
  let line = 0
  try {
    for await (const piece of pieces) {
      const parts = (rest + piece).split('\n')
      rest = parts.pop()!
      if (rest.length > ROW_LENGTH_MAX)
        throw new HuxinError(
          'argument_invalid',
          text`${file}: line ${line + parts.length + 1} is longer than ${ROW_LENGTH_MAX} characters; one JSON object a line is wanted`,
        )
      for (const part of parts) {
        line++
        if (part.trim() !== '') yield { text: part, line }
      }
    }
  } catch (error) {
    throw error instanceof EncodingFault
      ? new HuxinError('argument_invalid', error.said(text`line ${line + 1}`))
      : error
  }
  if (rest.trim() !== '') yield { text: rest, line: line + 1 }
}

class ObjectReader {
  readonly #header: readonly string[]
  readonly #names: HeaderNames
  /** Position of each key that was met; undefined for one that has no place. */
  readonly #positions = new Map<string, number | undefined>()
  readonly #extra = new Set<string>()
  readonly #assumed: Assumed[] = []

  constructor(header: readonly string[], names: HeaderNames) {
    this.#header = header
    this.#names = names
  }

  row({ text: words, line }: Line): SourceRow {
    const value = parseObject(words)
    const cells = this.#header.map(() => '')
    const bad = (code: string, reason: Text, column = ''): SourceRow => ({
      line,
      cells,
      fault: rowFault(code, reason, column),
    })
    if (!value) return bad('row_form', text`the line is no JSON object`)
    if (hasKeyTwice(words, value))
      return bad('row_form', text`a key stands there twice: keep one of them`)
    const written = /\d[\d.]{15}/.test(words) ? numbersAsWritten(words) : undefined
    let fault: SourceRow | undefined
    for (const [key, one] of Object.entries(value)) {
      const at = this.#positionOf(key)
      const cell = cellOf(one)
      if (at === undefined || cell === '') continue
      if (cell !== undefined && cells[at] === '' && !isInexact(one, written?.[key])) {
        cells[at] = cell
        continue
      }
      if (cell === undefined)
        fault ??= bad('value_form', text`a text, a number or null is wanted`, key)
      else if (cells[at] !== '')
        fault ??= bad('row_form', text`two keys mean the same column: keep one of them`, key)
      else
        fault ??= bad(
          'number_rounded',
          text`a number this long loses its last digits: write it as text, in quotes`,
          key,
        )
      cells[at] = UNREAD
    }
    return fault ?? { line, cells }
  }

  #positionOf(key: string): number | undefined {
    if (this.#positions.has(key)) return this.#positions.get(key)
    const found = this.#names.find(key)
    const column = found?.column
    const exact = this.#header.indexOf(key)
    const at =
      exact >= 0
        ? exact
        : this.#header.findIndex(
            (name) => column !== undefined && this.#names.find(name)?.column === column,
          )
    const position = at < 0 ? undefined : at
    if (column === undefined && this.#extra.size < EXTRA_KEYS_MAX) this.#extra.add(shown(key))
    if (found && !found.own && this.#assumed.length < EXTRA_KEYS_MAX)
      this.#assumed.push({ name: key, column: found.column })
    // Keys without end would fill the memory.
    if (this.#positions.size < 10_000) this.#positions.set(key, position)
    return position
  }

  notices(): readonly Notice[] {
    const found: Notice[] = []
    const aliases = assumedText(this.#assumed)
    if (aliases) found.push({ code: 'alias_columns', text: aliases })
    if (this.#extra.size > 0)
      found.push({
        code: 'extra_columns',
        text: text`keys that the catalog item does not have are left out: ${[...this.#extra]}`,
      })
    return found
  }
}

/** Strings, and what tells a key from a value; numbers outside of strings. */
const KEYS = /"(?:[^"\\]|\\.)*"(\s*:)?/g
const STRINGS_AND_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

/** Of two equal keys the parser keeps the last one and says nothing. */
function hasKeyTwice(words: string, value: Readonly<Record<string, unknown>>): boolean {
  const values = Object.values(value)
  if (values.some((one) => typeof one === 'object' && one !== null)) return false
  let keys = 0
  for (const [, colon] of words.matchAll(KEYS)) if (colon !== undefined) keys++
  return keys !== values.length
}

/** The same object, its numbers as the texts that they are written as. */
function numbersAsWritten(words: string): Readonly<Record<string, unknown>> | undefined {
  return parseObject(
    words.replace(STRINGS_AND_NUMBERS, (part) => (part.startsWith('"') ? part : `"${part}"`)),
  )
}

/** JSON numbers of more than 15 digits have lost their last ones when they are read: never guessed. */
function isInexact(value: unknown, written: unknown): boolean {
  if (typeof value !== 'number') return false
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return true
  if (typeof written !== 'string' || /^-?\d{1,16}$/.test(written)) return false
  return (
    written
      .replace(/[eE].*/, '')
      .replace(/\D/g, '')
      .replace(/^0+/, '').length > 15
  )
}

/** A JSON value as the cell of a table; undefined when it is none. */
function cellOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
