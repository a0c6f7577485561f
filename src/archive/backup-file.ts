/**
 * The file of a backup (`huxin/backup/v2`, proto/README.md): a tar under age, so that `age -d | tar x` opens it. The files of the folder
 * stand in it under their names; the rows of the database in pieces `rows/<number>`; at the end `backup.json`. Backups of before
 * (`v1-file.ts`) are read alike.
 */
import { open } from 'node:fs/promises'
import { createTarDecoder, packTar } from 'modern-tar'
import { be32, concat, utf8 } from '../base/bytes.ts'
import { isHuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { systemRandom } from '../base/random.ts'
import { text } from '../base/text.ts'
import {
  AgeWriter,
  beginningOf,
  type FileKey,
  headOf,
  isAge,
  readAge,
  unusable,
} from './age-file.ts'
import { openFileKey, type Secret } from './file-key.ts'
import type { Part } from './part.ts'
import { readVersion1 } from './v1-file.ts'

const CHECKPOINT = 'checkpoint'
const ROWS = 'rows/'
const END = 'backup.json'
/** Two blocks of zeros at the end of a tar. */
const TAR_END_BYTES = 1_024
/** A piece of rows is closed when it has as much. */
const ROWS_BYTES = 2 << 20
/** Largest value of a row: a body and what belongs to it. */
const VALUE_BYTES_MAX = 2 * limits.bodyBytesMax
const ENTRY_BYTES_MAX = ROWS_BYTES + VALUE_BYTES_MAX
const ROW_HEAD_BYTES = 8

/** Writes a backup: under another name until its end is on disk. */
export class BackupWriter {
  readonly #age: AgeWriter
  #rows: Uint8Array[] = []
  #rowsBytes = 0
  #pieces = 0

  /** @throws HuxinError argument_invalid when the header is not one of this key */
  static async create(file: string, key: FileKey): Promise<BackupWriter> {
    return new BackupWriter(await AgeWriter.create(file, key, systemRandom))
  }

  private constructor(age: AgeWriter) {
    this.#age = age
  }

  /** Bytes written. */
  get bytes(): number {
    return this.#age.bytes
  }

  async add(part: Part): Promise<void> {
    if (part.kind === 'row') {
      this.#rows.push(concat(be32(part.key.length), be32(part.value.length)), part.key, part.value)
      this.#rowsBytes += ROW_HEAD_BYTES + part.key.length + part.value.length
      if (this.#rowsBytes >= ROWS_BYTES) await this.#flush()
      return
    }
    await this.#flush()
    await this.#entry(
      part.kind === 'file' ? part.name : part.kind === 'checkpoint' ? CHECKPOINT : END,
      part.value,
    )
  }

  /** Everything is on disk under its name when it resolves. */
  async end(): Promise<void> {
    await this.#flush()
    await this.#age.write(new Uint8Array(TAR_END_BYTES))
    await this.#age.end()
  }

  abort(): Promise<void> {
    return this.#age.abort()
  }

  async #flush(): Promise<void> {
    if (this.#rows.length === 0) return
    const rows = Buffer.concat(this.#rows)
    this.#rows = []
    this.#rowsBytes = 0
    await this.#entry(`${ROWS}${String(++this.#pieces).padStart(9, '0')}`, rows)
  }

  async #entry(name: string, body: Uint8Array): Promise<void> {
    // The same content gives the same tar: no time of its own stands in it.
    const packed = await packTar([
      { header: { name, size: body.length, type: 'file', mode: 0o600, mtime: new Date(0) }, body },
    ])
    await this.#age.write(packed.subarray(0, -TAR_END_BYTES))
  }
}

/**
 * Reads a backup part by part. Take nothing of it for whole until it ends without an error.
 * @throws HuxinError argument_invalid when it is not a backup, is damaged, cut off, or of another secret
 */
export async function* readBackup(file: string, secret: Secret): AsyncGenerator<Part> {
  const handle = await open(file, 'r')
  try {
    const beginning = await beginningOf(handle)
    if (!isAge(beginning)) return yield* readVersion1(handle, secret)
    const head = headOf(beginning)
    const key = await openFileKey(head, secret)
    yield* partsOf(readAge(handle, { head, key }))
  } finally {
    await handle.close()
  }
}

async function* partsOf(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Part> {
  try {
    yield* entriesOf(chunks)
  } catch (error) {
    throw isHuxinError(error) ? error : unusable(text`what is in it is no tar`)
  }
}

async function* entriesOf(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Part> {
  const entries = ReadableStream.from(chunks).pipeThrough(createTarDecoder({ strict: true }))
  for await (const { header, body } of entries) {
    const { name, size, type } = header
    if (type !== 'file') throw unusable(text`${JSON.stringify(name)} is no file`)
    if (size > ENTRY_BYTES_MAX) throw unusable(text`${JSON.stringify(name)} is too long`)
    const value = await bytesOf(body)
    if (name.startsWith(ROWS)) yield* rowsOf(value)
    else if (name === CHECKPOINT) yield { kind: 'checkpoint', value }
    else if (name === END) yield { kind: 'end', value }
    else yield { kind: 'file', name, value }
  }
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

function* rowsOf(bytes: Uint8Array): Generator<Part> {
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length;) {
    if (at + ROW_HEAD_BYTES > bytes.length) throw unusable(text`it ends inside a row`)
    const value = at + ROW_HEAD_BYTES + numbers.getUint32(at)
    const end = value + numbers.getUint32(at + 4)
    if (end > bytes.length) throw unusable(text`it ends inside a row`)
    yield {
      kind: 'row',
      key: bytes.subarray(at + ROW_HEAD_BYTES, value),
      value: bytes.subarray(value, end),
    }
    at = end
  }
}

/** What a backup says of itself, as it stands in the file. */
export function endOf(contents: Readonly<Record<string, string | number>>): Part {
  return { kind: 'end', value: utf8(JSON.stringify({ format: 'huxin/backup/v2', ...contents })) }
}
