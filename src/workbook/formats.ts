/**
 * Numbers of a workbook as texts: what the spreadsheet shows where that is exact, an ISO date where the format is a
 * date. A number of more than 15 digits has lost the others already and is given in scientific notation, so that
 * nobody takes it for the code that somebody typed.
 */
import { attribute, readXml } from './xml.ts'

/** How the numbers of a cell are shown. `{ digits }`: with leading zeros. */
export type NumberFormat = 'general' | 'date' | 'time' | 'percent' | { readonly digits: number }

/** Formats that every workbook has, ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are dates in Chinese. */
function builtIn(id: number): NumberFormat {
  if (id === 9 || id === 10) return 'percent'
  if (id >= 14 && id <= 17 || id === 22 || id >= 27 && id <= 31 || id === 36 || id >= 50 && id <= 54 || id === 57 || id === 58) return 'date'
  if (id >= 18 && id <= 21 || id >= 32 && id <= 35 || id >= 45 && id <= 47 || id === 55 || id === 56) return 'time'
  return 'general'
}

/** A format by its code, for example `yyyy"年"m"月"d"日"`. */
export function formatOf(code: string): NumberFormat {
  const first = code.split(';')[0]!
  const bare = first.replace(/"[^"]*"|\\.|_.|\*./g, '').replace(/\[(?!h+\]|m+\]|s+\])[^\]]*\]/gi, '')
  if (/^0{2,}$/.test(bare)) return { digits: bare.length }
  if (/general|[#0?@]/i.test(bare) && !/[ymd]/i.test(bare.replace(/general/gi, ''))) return bare.includes('%') ? 'percent' : 'general'
  if (/[yd]|e(?![+-])/i.test(bare) || /m/i.test(bare) && !/[hs]/i.test(bare)) return 'date'
  return /[hs]/i.test(bare) ? 'time' : 'general'
}

/** Format of each style, in the order in which cells name them. */
export async function readFormats(pieces: AsyncIterable<Uint8Array>): Promise<readonly NumberFormat[]> {
  const codes = new Map<number, NumberFormat>()
  const formats: NumberFormat[] = []
  let inStyles = false
  await readXml(pieces, {
    open: (name, attributes) => {
      if (name === 'numFmt' && codes.size < 10_000) codes.set(Number(attribute(attributes, 'numFmtId')), formatOf(attribute(attributes, 'formatCode') ?? ''))
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

/** A number as it is stored, as text. */
export function numberText(stored: string, format: NumberFormat, since1904: boolean): { readonly text: string; readonly date?: true } {
  const value = Number(stored)
  if (stored.trim() === '' || !Number.isFinite(value)) return { text: stored }
  if (format === 'date') {
    const date = dateOfSerial(value, since1904)
    return date === undefined ? { text: plain(value) } : { text: date, date: true }
  }
  if (format === 'time' && value >= 0 && value < 1) return { text: new Date(Math.round(value * 86_400) * 1_000).toISOString().slice(11, 19) }
  if (format === 'percent') return { text: `${plain(Number(`${Number(value.toPrecision(15))}e2`))}%` }
  if (typeof format === 'object' && Number.isInteger(value) && value >= 0) return { text: plain(value).padStart(format.digits, '0') }
  return { text: plain(value) }
}

/** Fifteen digits at most, as a spreadsheet has them: 0.1 + 0.2 is 0.3. */
function plain(value: number): string {
  if (Math.abs(value) >= 1e15) return Number(value.toPrecision(15)).toExponential().replace('e+', 'E+')
  const short = String(Number(value.toPrecision(15)))
  return short.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : short
}
