/**
 * Numbers of a workbook as texts: what the spreadsheet shows where that is exact, an ISO date where the format is a
 * date. A number of more than 15 digits has lost the others already and is given in scientific notation, so that
 * nobody takes it for the code that somebody typed.
 */
import { attribute, readXml } from './xml.ts'

/** How numbers are shown that are no days. */
export interface NumberShape {
  readonly percent?: true
  /** With leading zeros to so many digits. */
  readonly digits?: number
  /** Decimals that are shown. */
  readonly decimals: number
  /** Words before and behind the number. */
  readonly words?: readonly [before: string, after: string]
  /** What is shown is another number than the one that is stored, or none. */
  readonly unlike?: true
}

/** How the numbers of a cell are shown; by sign or by a condition where there are several. */
export type NumberFormat = 'general' | 'date' | 'time' | NumberShape | readonly Section[]

interface Section {
  readonly format: NumberShape | 'general'
  readonly condition: (value: number) => boolean
}

/** Formats that every workbook has, ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are dates in Chinese. */
function builtIn(id: number): NumberFormat {
  if (id === 9 || id === 10) return { percent: true, decimals: id === 9 ? 0 : 2 }
  if (
    (id >= 14 && id <= 17) ||
    id === 22 ||
    (id >= 27 && id <= 31) ||
    id === 36 ||
    (id >= 50 && id <= 54) ||
    id === 57 ||
    id === 58
  )
    return 'date'
  if (
    (id >= 18 && id <= 21) ||
    (id >= 32 && id <= 35) ||
    (id >= 45 && id <= 47) ||
    id === 55 ||
    id === 56
  )
    return 'time'
  if ([1, 3, 37, 38, 41, 42].includes(id)) return { decimals: 0 }
  return [2, 4, 39, 40, 43, 44].includes(id) ? { decimals: 2 } : 'general'
}

/** A format by its code, for example `yyyy"年"m"月"d"日"` or `"第"0"号"`. */
export function formatOf(code: string): NumberFormat {
  const sections = sectionsOf(code).map(piecesOf)
  const kind = kindOf(sections[0]!)
  if (kind !== 'number') return kind
  const shapes = sections.slice(0, 3).map(shapeOf)
  const conditions = sections.map((pieces) => conditionOf(pieces))
  const isPlain = shapes.every(
    (shape) => shape === 'general' || (shape.words === undefined && shape.unlike === undefined),
  )
  if (shapes.length === 1 || isPlain) return shapes[0]!
  const bySign: readonly Section['condition'][] =
    shapes.length === 2
      ? [(value) => value >= 0, () => true]
      : [(value) => value > 0, (value) => value < 0, () => true]
  return shapes.map((format, i): Section => ({
    format,
    condition: conditions.some((one) => one !== undefined)
      ? (conditions[i] ?? (() => true))
      : bySign[i]!,
  }))
}

const CODE_LENGTH_MAX = 1_000
const DECIMALS_MAX = 15

/** A piece of a format: a place for a digit, a text that is shown as it is, or something else. */
interface Piece {
  readonly kind: 'digit' | 'words' | 'other'
  readonly text: string
}

/** Up to four sections; semicolons in texts divide nothing. */
function sectionsOf(code: string): string[] {
  const sections = ['']
  for (const [token] of code.slice(0, CODE_LENGTH_MAX).matchAll(/"[^"]*"|[\\!].|[^]/gu)) {
    if (token === ';') sections.push('')
    else sections[sections.length - 1] += token
  }
  return sections.slice(0, 4)
}

function piecesOf(section: string): Piece[] {
  return [
    ...section.matchAll(
      /"([^"]*)"|[\\!](.)|(general|[0#?])|[_*].|\[[^\]]*\]|(\p{Script=Han})|[^]/giu,
    ),
  ].map(([whole, quoted, escaped, digit, plain]): Piece => {
    const words = quoted ?? escaped ?? plain
    if (words !== undefined) return { kind: 'words', text: words }
    return {
      kind: digit === undefined ? 'other' : 'digit',
      text: /^[_*]./u.test(whole) ? '' : whole,
    }
  })
}

function kindOf(pieces: readonly Piece[]): 'number' | 'general' | 'date' | 'time' {
  const bare = pieces
    .filter(({ kind }) => kind !== 'words')
    .map(({ text }) => (/^\[(?!h+\]|m+\]|s+\])/i.test(text) ? '' : text))
    .join('')
  const isNumber = /general|[#0?@]/i.test(bare) && !/[ymd]/i.test(bare.replace(/general/gi, ''))
  if (isNumber)
    return /general|[0#?]/i.test(bare) && !/[0#?]e[+-]|\/|@/i.test(bare) ? 'number' : 'general'
  if (/[yd]|e(?![+-])/i.test(bare) || (/m/i.test(bare) && !/[hs]/i.test(bare))) return 'date'
  return /[hs]/i.test(bare) ? 'time' : 'general'
}

function shapeOf(pieces: readonly Piece[]): NumberShape | 'general' {
  const [first, last] = [
    pieces.findIndex(({ kind }) => kind === 'digit'),
    pieces.findLastIndex(({ kind }) => kind === 'digit'),
  ]
  const wordsOf = (some: readonly Piece[]): string =>
    some
      .filter(({ kind }) => kind === 'words')
      .map(({ text }) => text)
      .join('')
  // Marks alone, as the dash of accounts for 0, are no words.
  const says = (words: string): boolean => /[\p{L}\p{N}]/u.test(words)
  if (first < 0) return says(wordsOf(pieces)) ? { decimals: 0, unlike: true } : 'general'
  const [before, inside, after] = [
    pieces.slice(0, first),
    pieces.slice(first, last + 1),
    pieces.slice(last + 1),
  ]
  const number = inside.map(({ text }) => text).join('')
  const [whole = '', fraction = ''] = number.split('.')
  const words = [wordsOf(before), wordsOf(after)] as const
  const isUnlike =
    inside.some(
      ({ kind, text }) => kind === 'words' || (kind === 'other' && !/^[,. ]?$/.test(text)),
    ) || after[0]?.text === ','
  const isGeneral = /general/i.test(number)
  if (isGeneral && !words.some(says)) return 'general'
  return {
    decimals: isGeneral ? DECIMALS_MAX : fraction.length,
    ...(pieces.some(({ kind, text }) => kind === 'other' && text === '%') && {
      percent: true as const,
    }),
    ...(/^0{2,}$/.test(whole) && fraction === '' && { digits: whole.length }),
    ...(words.some(says) && { words }),
    ...(isUnlike && { unlike: true as const }),
  }
}

/** A condition of a section, for example `[>=10000]`. */
function conditionOf(pieces: readonly Piece[]): Section['condition'] | undefined {
  const [, sign, limit] =
    pieces
      .map(({ text }) => /^\[(<=|>=|<>|<|>|=)(-?[\d.]+)\]$/.exec(text))
      .find((found) => found) ?? []
  if (sign === undefined) return undefined
  const than = Number(limit)
  const tests: Readonly<Record<string, Section['condition']>> = {
    '<': (value) => value < than,
    '>': (value) => value > than,
    '=': (value) => value === than,
    '<=': (value) => value <= than,
    '>=': (value) => value >= than,
    '<>': (value) => value !== than,
  }
  return tests[sign]
}

/** Format of each style, in the order in which cells name them. */
export async function readFormats(
  pieces: AsyncIterable<Uint8Array>,
): Promise<readonly NumberFormat[]> {
  const codes = new Map<number, NumberFormat>()
  const formats: NumberFormat[] = []
  let inStyles = false
  await readXml(pieces, {
    open: (name, attributes) => {
      if (name === 'numFmt' && codes.size < 10_000)
        codes.set(
          Number(attribute(attributes, 'numFmtId')),
          formatOf(attribute(attributes, 'formatCode') ?? ''),
        )
      else if (name === 'cellXfs') inStyles = true
      else if (name === 'xf' && inStyles) {
        const id = Number(attribute(attributes, 'numFmtId') ?? 0)
        formats.push(codes.get(id) ?? builtIn(id))
        if (formats.length > 100_000) throw new Error('too many styles')
      }
    },
    close: (name) => {
      if (name === 'cellXfs') inStyles = false
    },
  })
  return formats
}

const DAY_MS = 86_400_000

/**
 * A serial number as date, `YYYY-MM-DD` or with `HH:MM:SS`; undefined for one that is no date. In the system of 1900
 * day 60 is a 29 February that never was.
 */
export function dateOfSerial(serial: number, since1904: boolean): string | undefined {
  if (!(serial >= 1 && serial < 2_958_466)) return undefined
  const days = Math.floor(serial)
  if (!since1904 && days === 60) return undefined
  const first = since1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, days < 60 ? 31 : 30)
  const seconds = Math.round((serial - days) * 86_400)
  const iso = new Date(first + days * DAY_MS + seconds * 1_000).toISOString()
  return seconds === 0 ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`
}

/** What a cell with a number says. */
export interface NumberText {
  readonly text: string
  readonly date?: true
  /** It shows fewer decimals than it has. */
  readonly rounded?: true
  /** What it shows is not what it has. */
  readonly unlike?: true
}

/** A number as it is stored, as text, with the words that its format shows beside it. */
export function numberText(stored: string, format: NumberFormat, since1904: boolean): NumberText {
  const value = Number(stored)
  if (stored.trim() === '' || !Number.isFinite(value)) return { text: stored }
  if (format === 'date') {
    const date = dateOfSerial(value, since1904)
    return date === undefined ? { text: plain(value) } : { text: date, date: true }
  }
  if (format === 'time' && value >= 0 && value < 1)
    return { text: new Date(Math.round(value * 86_400) * 1_000).toISOString().slice(11, 19) }
  const shape = isSections(format)
    ? (format.find(({ condition }) => condition(value))?.format ?? 'general')
    : format
  return typeof shape === 'object' ? shapedText(value, shape) : { text: plain(value) }
}

function isSections(format: NumberFormat): format is readonly Section[] {
  return Array.isArray(format)
}

function shapedText(
  value: number,
  { percent, digits, decimals, words: [before, after] = ['', ''], unlike }: NumberShape,
): NumberText {
  const number = percent ? plain(Number(`${Number(value.toPrecision(15))}e2`)) : plain(value)
  const padded =
    digits !== undefined && Number.isInteger(value) && value >= 0
      ? number.padStart(digits, '0')
      : number
  const isRounded = (/\.(\d+)$/.exec(number)?.[1]!.length ?? 0) > decimals
  return {
    text: `${before}${padded}${percent ? '%' : ''}${after}`,
    ...(isRounded && { rounded: true as const }),
    ...(unlike && { unlike }),
  }
}

/** Fifteen digits at most, as a spreadsheet has them: 0.1 + 0.2 is 0.3. */
function plain(value: number): string {
  if (Math.abs(value) >= 1e15)
    return Number(value.toPrecision(15)).toExponential().replace('e+', 'E+')
  const short = String(Number(value.toPrecision(15)))
  return short.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : short
}
