/** Text of a file, piece by piece, in the encodings that departments produce. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'

const PROBE_BYTES = 64 << 10

/** A file that is read as text, piece by piece. */
export interface TextFile {
  readonly encoding: string
  readonly bytes: number
  readonly bytesRead: () => number
  /** @throws HuxinError argument_invalid at bytes that are not of the encoding */
  readonly pieces: AsyncGenerator<string>
}

/** Opens a file and finds out its encoding from its beginning. @throws HuxinError argument_invalid */
export async function openText(file: string, asked: string): Promise<TextFile> {
  if (asked !== 'auto' && asked !== 'utf-8' && asked !== 'gb18030') throw new HuxinError('argument_invalid', text`encoding ${asked} is not one of auto, utf-8, gb18030`)
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
    throw new HuxinError('argument_invalid', text`${file} cannot be read: ${code === 'ENOENT' ? text`is the name right?` : code === 'EISDIR' ? text`it is a folder` : textOf(error)}`)
  }
}

/** `utf-8` or `gb18030`, from the first bytes. @throws HuxinError argument_invalid for what is no such text at all */
function detectEncoding(probe: Uint8Array, file: string): 'utf-8' | 'gb18030' {
  const begins = (...bytes: readonly number[]): boolean => bytes.every((byte, i) => probe[i] === byte)
  if (begins(0x50, 0x4b, 0x03, 0x04) || begins(0xd0, 0xcf, 0x11, 0xe0)) throw new HuxinError('argument_invalid', text`${file} is a spreadsheet workbook: save it as "CSV UTF-8" and import that`)
  if (begins(0xff, 0xfe) || begins(0xfe, 0xff)) throw new HuxinError('argument_invalid', text`${file} is UTF-16: save it as "CSV UTF-8" and import that`)
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
      throw new HuxinError('argument_invalid', text`${file}: line ${line + linesBeforeFault(encoding, chunk)} has bytes that are not ${encoding}: give the right --encoding (utf-8 or gb18030), or save the file again`)
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
