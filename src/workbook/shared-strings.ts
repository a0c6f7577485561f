/** The texts that all rows of a workbook share, packed: a million names take what their bytes take. */
import { readXml } from './xml.ts'

const PAGE_BYTES = 1 << 20
const PAGES_MAX = 256
/** Texts that are asked for again and again are kept as strings. */
const RECENT = 1 << 12

export class SharedStrings {
  readonly #pages: Buffer[] = []
  readonly #pagesMax: number
  #used = PAGE_BYTES
  /** Where each begins: page and place in one number; and how many bytes it has. */
  #begins = new Uint32Array(1_024)
  #lengths = new Uint32Array(1_024)
  #count = 0
  readonly #recent: (string | undefined)[] = Array.from({ length: RECENT }, () => undefined)
  readonly #recentOf = new Int32Array(RECENT).fill(-1)

  constructor(pagesMax = PAGES_MAX) {
    this.#pagesMax = pagesMax
  }

  /** @throws Error for more than is kept in memory */
  add(words: string): void {
    const length = Buffer.byteLength(words)
    if (length > PAGE_BYTES) throw new Error('a text is too long')
    if (this.#used + length > PAGE_BYTES) {
      if (this.#pages.length >= this.#pagesMax) throw new Error('too many texts')
      this.#pages.push(Buffer.allocUnsafe(PAGE_BYTES))
      this.#used = 0
    }
    if (this.#count === this.#begins.length) this.#grow()
    this.#begins[this.#count] = (this.#pages.length - 1) * PAGE_BYTES + this.#used
    this.#lengths[this.#count] = length
    this.#count++
    this.#pages.at(-1)!.write(words, this.#used)
    this.#used += length
  }

  #grow(): void {
    const grown = (from: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const to = new Uint32Array(2 * from.length)
      to.set(from)
      return to
    }
    this.#begins = grown(this.#begins)
    this.#lengths = grown(this.#lengths)
  }

  /** undefined for a number that no text has. */
  get(index: number): string | undefined {
    if (!Number.isInteger(index) || index < 0 || index >= this.#count) return undefined
    const slot = index % RECENT
    if (this.#recentOf[slot] === index) return this.#recent[slot]
    const begin = this.#begins[index]!
    const words = this.#pages[Math.floor(begin / PAGE_BYTES)]!.toString(
      'utf8',
      begin % PAGE_BYTES,
      (begin % PAGE_BYTES) + this.#lengths[index]!,
    )
    this.#recent[slot] = words
    this.#recentOf[slot] = index
    return words
  }
}

export async function readSharedStrings(pieces: AsyncIterable<Uint8Array>): Promise<SharedStrings> {
  const strings = new SharedStrings()
  let words = ''
  let reading = false
  // Readings of Japanese names stand in rPh and are no part of the text.
  let phonetic = 0
  await readXml(pieces, {
    open: (name) => {
      if (name === 'si') words = ''
      else if (name === 'rPh') phonetic++
      else if (name === 't') reading = phonetic === 0
    },
    text: (more) => {
      if (reading) words += more
    },
    close: (name) => {
      if (name === 't') reading = false
      else if (name === 'rPh') phonetic--
      else if (name === 'si') strings.add(unescaped(words))
    },
  })
  return strings
}

/** Characters that XML cannot have are written `_x000D_`. */
export function unescaped(words: string): string {
  return words.includes('_x')
    ? words.replace(/_x([0-9A-Fa-f]{4})_/g, (_all, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      )
    : words
}
