/**
 * Text of a file, piece by piece, in the encodings that departments produce: UTF-8, GB18030, UTF-16 and, when it is
 * asked for, Big5. An encoding is taken where the bytes leave no other; where two are possible the file is refused,
 * with both readings.
 *
 * GB18030 is read as the standard of 2005 and 2022 has it: the platform still gives private-use characters for six
 * codes that the standard has given ideographs since.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { TextDecoder } from 'node:util'
import { HuxinError } from '../base/errors.ts'
import { type Text, text, textOf } from '../base/text.ts'

const PIECE_BYTES = 1 << 18
/** Three-byte characters of the ideographs' range in one line: GB18030 text has that many by chance in no file. */
const FOREIGN_CHARACTERS = 4

export const encodings = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be', 'big5'] as const
export type Encoding = (typeof encodings)[number]

/** A file that is read as text, piece by piece. */
export interface TextFile {
  readonly encoding: Encoding
  readonly bytes: number
  readonly bytesRead: () => number
  /** Its beginning; the last character may be cut. */
  readonly sample: string
  /** Its last line where no end of line follows. */
  readonly openEnd: string | undefined
  /** Whether all of it is of its encoding, and does not end in zero bytes; reads it once. */
  readonly isWhole: () => Promise<boolean>
  /** @throws EncodingFault after the lines before it were given */
  readonly pieces: AsyncGenerator<string>
}

/** A line with bytes that are not of the file's encoding. Whoever counts rows says which one it is. */
export class EncodingFault extends Error {
  readonly said: (place: Text) => Text

  constructor(said: (place: Text) => Text) {
    super('bytes of another encoding')
    this.said = said
  }
}

/** First bytes of a file, and its size. @throws HuxinError argument_invalid */
export async function readBeginning(file: string): Promise<{ beginning: Buffer; bytes: number }> {
  return withFile(file, async (handle) => ({
    beginning: await readAt(handle, 0),
    bytes: (await handle.stat()).size,
  }))
}

/** Opens a file as text and finds out its encoding. @throws HuxinError argument_invalid */
export async function openText(file: string, asked: string): Promise<TextFile> {
  if (asked !== 'auto' && !encodings.includes(asked as Encoding))
    throw new HuxinError(
      'argument_invalid',
      text`encoding ${asked} is not one of ${['auto', ...encodings]}`,
    )
  return withFile(file, async (handle) => {
    const { size } = await handle.stat()
    const beginning = await readAt(handle, 0)
    const encoding =
      asked === 'auto'
        ? (byMark(beginning, file) ?? byBytes(await firstForeign(handle, beginning), file))
        : (asked as Encoding)
    let done = 0
    return {
      encoding,
      bytes: size,
      bytesRead: () => done,
      sample: new TextDecoder(encoding).decode(beginning),
      openEnd: openEndOf(
        await readAt(handle, Math.max(0, size - PIECE_BYTES + (size % 2))),
        encoding,
      ),
      isWhole: () => isWhole(file, encoding),
      pieces: decoded(file, encoding, (length) => {
        done += length
      }),
    }
  })
}

function openEndOf(end: Buffer, encoding: Encoding): string | undefined {
  const last = new TextDecoder(encoding)
    .decode(end)
    .split(/\r\n|\n|\r/)
    .at(-1)!
  return last.trim() === '' ? undefined : last
}

async function withFile<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    const handle = await open(file, 'r')
    try {
      return await use(handle)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof HuxinError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new HuxinError('argument_invalid', text`${file} cannot be read: is the name right?`)
    if (code === 'EISDIR')
      throw new HuxinError('argument_invalid', text`${file} cannot be read: it is a folder`)
    throw new HuxinError('argument_invalid', text`${file} cannot be read: ${textOf(error)}`)
  }
}

async function readAt(handle: FileHandle, position: number): Promise<Buffer> {
  const piece = Buffer.alloc(PIECE_BYTES)
  let length = 0
  for (let read = 1; read > 0 && length < piece.length; length += read)
    read = (await handle.read(piece, length, piece.length - length, position + length)).bytesRead
  return piece.subarray(0, length)
}

/** The first piece with something beyond ASCII; empty when there is none. */
async function firstForeign(handle: FileHandle, beginning: Buffer): Promise<Buffer> {
  let piece = beginning
  for (let position = 0; piece.length > 0 && isAscii(piece); piece = await readAt(handle, position))
    position += piece.length
  return piece
}

/** By a byte order mark, or by the zeros that UTF-16 has beside every ASCII character. */
function byMark(bytes: Buffer, file: string): Encoding | undefined {
  const begins = (...mark: readonly number[]): boolean => mark.every((byte, i) => bytes[i] === byte)
  if (begins(0xff, 0xfe, 0, 0) || begins(0, 0, 0xfe, 0xff))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is UTF-32: save it as "CSV UTF-8" or as .xlsx, and import that`,
    )
  if (begins(0xff, 0xfe)) return 'utf-16le'
  if (begins(0xfe, 0xff)) return 'utf-16be'
  if (begins(0xef, 0xbb, 0xbf)) return 'utf-8'
  if (begins(0x84, 0x31, 0x95, 0x33)) return 'gb18030'
  let even = 0
  let odd = 0
  // A file that is still being copied may end in zeros.
  const last = bytes.findLastIndex((byte) => byte !== 0)
  const length = Math.min(last < 0 ? bytes.length : last + 2, 4_096)
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== 0) continue
    if (i % 2 === 0) even++
    else odd++
  }
  const units = length / 2
  // An ideograph may have a zero byte too, at the other place: 一 is U+4E00.
  if (odd > units / 10 && even < odd / 10) return 'utf-16le'
  if (even > units / 10 && odd < even / 10) return 'utf-16be'
  if (even + odd > units / 5)
    throw new HuxinError(
      'argument_invalid',
      text`${file} is no text: it has zero bytes throughout. Save the table as .xlsx or as "CSV UTF-8", and import that`,
    )
  return undefined
}

/** By the first piece that has more than ASCII in it. @throws HuxinError argument_invalid where two encodings are possible */
function byBytes(piece: Buffer, file: string): Encoding {
  // A piece may end inside a character, never inside the line before.
  const cut =
    piece.length < PIECE_BYTES
      ? piece
      : piece.subarray(0, piece.lastIndexOf(0x0a) + 1 || piece.length)
  const asUtf8 = decodeWhole('utf-8', cut, piece.length === PIECE_BYTES)
  if (asUtf8 !== undefined) {
    const foreign = asUtf8.match(/[^\u0000-\u007f]+/g)?.slice(0, 1_000) ?? []
    if (
      foreign.length === 0 ||
      foreign.some((run) => /[\u0800-\uffff]/.test(run.replace(/^\ufeff/, '')))
    )
      return 'utf-8'
    const asGb = decodeWhole('gb18030', cut, true)?.match(/[^\u0000-\u007f]+/g)?.[0]
    if (asGb === undefined || !/^\p{Script=Han}+$/u.test(asGb)) return 'utf-8'
    throw new HuxinError(
      'argument_invalid',
      text`${file} can be read in two ways: ${foreign[0]!.slice(0, 20)} in UTF-8 or ${asGb.slice(0, 20)} in GB18030; say which with --encoding utf-8 or --encoding gb18030`,
    )
  }
  const first = firstForeignLine(cut)
  if (foreignLine(first, 2) === 0) return 'utf-8'
  if (isBig5(cut))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is Big5 (traditional characters): give --encoding big5, or save it as "CSV UTF-8" and import that`,
    )
  return 'gb18030'
}

function decodeWhole(encoding: Encoding, bytes: Uint8Array, stream: boolean): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream })
  } catch {
    return undefined
  }
}

function firstForeignLine(bytes: Buffer): Buffer {
  const at = bytes.findIndex((byte) => byte >= 0x80)
  const end = bytes.indexOf(0x0a, at)
  return bytes.subarray(bytes.lastIndexOf(0x0a, at) + 1, end < 0 ? bytes.length : end)
}

/**
 * Big5 where nearly all characters are of its common plane, and the second bytes are those that GB18030 has
 * in rare characters alone.
 */
function isBig5(bytes: Buffer): boolean {
  let pairs = 0
  let low = 0
  let common = 0
  for (let i = 0; i + 1 < bytes.length && pairs < 5_000; i++) {
    if (bytes[i]! < 0x80) continue
    pairs++
    if (bytes[i + 1]! < 0x80) low++
    if (bytes[i]! >= 0xa1 && bytes[i]! <= 0xc6) common++
    i++
  }
  return (
    pairs >= 4 &&
    low / pairs > 0.2 &&
    common / pairs > 0.9 &&
    decodeWhole('big5', bytes, true) !== undefined
  )
}

async function* decoded(
  file: string,
  encoding: Encoding,
  onBytes: (length: number) => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const met = { foreign: false }
  for await (const { bytes, more } of wholeLines(file, encoding)) {
    yield* decodeLines(decoder, bytes, { encoding, file, met, more })
    onBytes(bytes.length)
  }
}

/** Pieces of whole lines, so that a fault is that of one line. A longer line is refused by whoever reads rows. */
async function* wholeLines(
  file: string,
  encoding: Encoding,
): AsyncGenerator<{ bytes: Buffer; more: boolean }> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(file, { highWaterMark: PIECE_BYTES })) {
    const piece = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer])
    const end = endOfLine(piece, encoding)
    const bytes = end === 0 && piece.length > 4 * PIECE_BYTES ? piece : piece.subarray(0, end)
    held = Buffer.from(piece.subarray(bytes.length))
    yield { bytes, more: true }
  }
  yield { bytes: held, more: false }
}

/** Reads the file once to see whether it is of its encoding to its end: nothing of one that is not is handed on. */
async function isWhole(file: string, encoding: Encoding): Promise<boolean> {
  let last: number | undefined
  try {
    if (encoding === 'utf-8') {
      for await (const { bytes } of wholeLines(file, encoding)) {
        if (!isUtf8(bytes)) return false
        last = bytes.at(-1) ?? last
      }
      return last !== 0
    }
    for await (const words of decoded(file, encoding, () => undefined))
      last = words.length > 0 ? words.charCodeAt(words.length - 1) : last
    return last !== 0
  } catch (error) {
    if (error instanceof EncodingFault) return false
    throw error
  }
}

/** Where the last whole line of a piece ends. */
function endOfLine(piece: Buffer, encoding: Encoding): number {
  if (encoding === 'utf-16le' || encoding === 'utf-16be') return piece.length - (piece.length % 2)
  return Math.max(piece.lastIndexOf(0x0a), piece.lastIndexOf(0x0d)) + 1
}

interface Decoding {
  readonly encoding: Encoding
  readonly file: string
  readonly more: boolean
  /** Whether more than ASCII was met before. */
  readonly met: { foreign: boolean }
}

function* decodeLines(decoder: TextDecoder, bytes: Buffer, decoding: Decoding): Generator<string> {
  const { encoding, file, met, more } = decoding
  // UTF-8 can be decoded as GB18030 too, into something that nobody wrote.
  const foreign = encoding === 'gb18030' ? foreignLine(bytes, FOREIGN_CHARACTERS) : -1
  const good = foreign < 0 ? bytes : bytes.subarray(0, foreign)
  try {
    yield ideographs(decoder.decode(good, { stream: more || foreign >= 0 }), encoding)
    met.foreign ||= !isAscii(good)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const { before, line } = aroundBadLine(good, encoding)
    yield ideographs(before, encoding)
    if (
      encoding === 'utf-8' &&
      (met.foreign || !isAscii(Buffer.from(before))) &&
      decodeWhole('gb18030', line, false) !== undefined
    ) {
      throw new EncodingFault(
        (place) =>
          text`${file}: ${place} is GB18030, what stands before it is UTF-8: two files were put together. Save each as "CSV UTF-8", and import them one after the other`,
      )
    }
    throw new EncodingFault(
      (place) =>
        text`${file}: ${place} has bytes that are not ${encoding}: give the right --encoding (${encodings.join(', ')}), or save the file again`,
    )
  }
  if (foreign >= 0) {
    throw new EncodingFault(
      (place) =>
        text`${file}: ${place} is UTF-8, what stands before it is GB18030: two files were put together. Save each as "CSV UTF-8", and import them one after the other`,
    )
  }
}

/** The text before the first line that cannot be decoded, and that line. */
function aroundBadLine(bytes: Buffer, encoding: Encoding): { before: string; line: Buffer } {
  if (encoding === 'utf-16le' || encoding === 'utf-16be') {
    const words = new TextDecoder(encoding).decode(bytes)
    return {
      before: words.slice(0, words.lastIndexOf('\n', words.indexOf('\ufffd')) + 1),
      line: Buffer.alloc(0),
    }
  }
  const lineEnd = lineEndOf(bytes)
  for (let at = 0; at < bytes.length;) {
    const next = bytes.indexOf(lineEnd, at)
    const end = next < 0 ? bytes.length : next + 1
    const line = bytes.subarray(at, end)
    if (decodeWhole(encoding, line, false) === undefined)
      return { before: new TextDecoder(encoding).decode(bytes.subarray(0, at)), line }
    at = end
  }
  return { before: '', line: bytes }
}

/** Line feeds, or carriage returns where a file has no other. */
function lineEndOf(bytes: Buffer): number {
  return bytes.includes(0x0a) ? 0x0a : 0x0d
}

/** Where the first line begins that is UTF-8 throughout, with that many characters of three bytes; -1 without one. */
function foreignLine(bytes: Buffer, atLeast: number): number {
  const lineEnd = lineEndOf(bytes)
  for (let begin = 0; begin < bytes.length;) {
    let at = begin
    let wide = 0
    let good = true
    while (at < bytes.length && bytes[at] !== lineEnd) {
      const length = utf8Length(bytes, at)
      if (length === 0) {
        good = false
        break
      }
      if (length === 3) wide++
      at += length
    }
    if (good && wide >= atLeast) return begin
    const next = bytes.indexOf(lineEnd, at)
    if (next < 0) return -1
    begin = next + 1
  }
  return -1
}

/** Bytes of the UTF-8 character at a place; 0 for none. */
function utf8Length(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length =
    first >= 0xc2 && first < 0xe0
      ? 2
      : first >= 0xe0 && first < 0xf0
        ? 3
        : first >= 0xf0 && first < 0xf5
          ? 4
          : 0
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  return length
}

/** GB 18030-2005 and later, against the private-use characters of 2000 that the platform gives. */
const ideographOf: Readonly<Record<string, string>> = {
  '\ue816': '\u{20087}',
  '\ue817': '\u{20089}',
  '\ue818': '\u{200cc}',
  '\ue831': '\u{215d7}',
  '\ue83b': '\u{2298f}',
  '\ue855': '\u{241fe}',
}

function ideographs(words: string, encoding: Encoding): string {
  return encoding === 'gb18030'
    ? words.replace(/[\ue816-\ue818\ue831\ue83b\ue855]/g, (one) => ideographOf[one]!)
    : words
}
