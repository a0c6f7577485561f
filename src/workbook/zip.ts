/**
 * Room `workbook`: spreadsheet files as rows of texts, and rows as spreadsheet files (.xlsx, ECMA-376 transitional). It
 * knows no catalog. What it reads is attacker-controlled: every part is bounded before and while it is inflated, its
 * CRC-32 is right before it is parsed, no entity but the five of XML is expanded, nothing outside the file is opened.
 * Memory does not grow with the number of rows; what texts all rows share is bounded. It deliberately knows no
 * formulas, pictures and macros: of a formula it takes the value that the spreadsheet program stored.
 *
 * This file: the parts of a workbook's ZIP.
 */
import { createInflateRaw, crc32 } from 'node:zlib'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { HuxinError, messageOf } from '../base/errors.ts'
import { text } from '../base/text.ts'

const PARTS_MAX = 10_000
/** A sheet of a million rows and thirty columns has about this much. */
const PART_BYTES_MAX = 3_000_000_000

/** A file that is not what its name says, or not whole. */
export function damagedFile(file: string, error: unknown): HuxinError {
  if (error instanceof HuxinError) return error
  return new HuxinError(
    'argument_invalid',
    text`${file} is damaged or was not copied whole (${messageOf(error)}): open it in a spreadsheet program, save it again as .xlsx, and import that`,
  )
}

export class Zip {
  readonly #file: string
  readonly #zip: ZipFile
  readonly #entries = new Map<string, Entry>()

  private constructor(file: string, zip: ZipFile) {
    this.#file = file
    this.#zip = zip
  }

  /** @throws HuxinError argument_invalid for what is no whole ZIP */
  static async open(file: string): Promise<Zip> {
    try {
      const opened = await openPromise(file, {
        lazyEntries: true,
        autoClose: false,
        validateEntrySizes: false,
      })
      const zip = new Zip(file, opened)
      try {
        for await (const entry of opened.eachEntry()) {
          if (zip.#entries.size >= PARTS_MAX) throw new Error(`more than ${PARTS_MAX} parts`)
          zip.#entries.set(entry.fileName.toLowerCase(), entry)
        }
      } catch (error) {
        opened.close()
        throw error
      }
      return zip
    } catch (error) {
      throw damagedFile(file, error)
    }
  }

  close(): void {
    this.#zip.close()
  }

  has(part: string): boolean {
    return this.#entries.has(part.toLowerCase())
  }

  /** Bytes of a part when it is inflated; 0 for one that is absent. */
  sizeOf(part: string): number {
    return this.#entries.get(part.toLowerCase())?.uncompressedSize ?? 0
  }

  /** Bytes of a part, after its checksum was found right. Both passes are bounded by what the directory says. */
  async *bytes(
    part: string,
    onCheck: (piece: Buffer) => void = () => undefined,
  ): AsyncGenerator<Buffer> {
    const entry = this.#entries.get(part.toLowerCase())
    if (!entry) return
    for await (const piece of this.#inflate(entry)) onCheck(piece)
    yield* this.#inflate(entry)
  }

  async *#inflate(entry: Entry): AsyncGenerator<Buffer> {
    const damaged = (why: string): HuxinError => damagedFile(this.#file, new Error(why))
    if (entry.isEncrypted())
      throw new HuxinError(
        'argument_invalid',
        text`${this.#file} is protected by a password: open it, take the password away, save it, and import it then`,
      )
    if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8)
      throw damaged(`compression ${entry.compressionMethod}`)
    if (entry.uncompressedSize > PART_BYTES_MAX)
      throw new HuxinError(
        'argument_invalid',
        text`${this.#file} has a part of ${entry.uncompressedSize} bytes, more than ${PART_BYTES_MAX}: divide the table, or save it as "CSV UTF-8"`,
      )
    const raw = await this.#zip.openReadStreamPromise(entry, { decodeFileData: false })
    const pieces = entry.compressionMethod === 8 ? raw.pipe(createInflateRaw()) : raw
    raw.on('error', (error) => pieces.destroy(error))
    let sum = 0
    let bytes = 0
    try {
      for await (const piece of pieces as AsyncIterable<Buffer>) {
        bytes += piece.length
        if (bytes > entry.uncompressedSize) throw new Error('more bytes than it says')
        sum = crc32(piece, sum)
        yield piece
      }
      if (bytes !== entry.uncompressedSize || sum !== entry.crc32)
        throw new Error('a checksum is wrong')
    } catch (error) {
      throw damagedFile(this.#file, error)
    } finally {
      raw.destroy()
      pieces.destroy()
    }
  }
}
