/**
 * Encrypted files as age has them (age-encryption.org/v1, C2SP): a header, a nonce of 16 bytes, then chunks of 64 KiB under
 * ChaCha20-Poly1305. The payload goes through OpenSSL, which is ten times as fast as the library and does not hold up a node
 * that goes on meanwhile; headers are the library's (`file-key.ts`). Whatever is read here may be an attacker's until its chunk
 * is authentic, and is of use only when the end was reached.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  timingSafeEqual,
} from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { be64, concat, fromBase64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { type Said, text } from '../base/text.ts'

const MAGIC = 'age-encryption.org/v1\n'
const CHUNK_BYTES = 64 << 10
const TAG_BYTES = 16
const NONCE_BYTES = 16
const KEY_BYTES = 16
const HEAD_BYTES_MAX = 8_192
/** Bytes after which what was written is brought to the disk: the node's own writes wait for no more. */
const SYNC_BYTES = 32 << 20
/** Bytes of one write, in chunks. */
const CHUNKS_AT_ONCE = 16

/** The header of a file and the key that follows from it and the secret. */
export interface FileKey {
  /** Lines up to that of the check value, with its line feed. */
  readonly head: Uint8Array
  /** 16 bytes. */
  readonly key: Uint8Array
}

/** True for the first bytes of a file of this format. */
export function isAge(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1') === MAGIC
}

/** The header at the beginning of a file. @throws HuxinError argument_invalid */
export function headOf(bytes: Uint8Array): Uint8Array {
  const said = Buffer.from(bytes.subarray(0, HEAD_BYTES_MAX)).toString('latin1')
  const end = /\n--- [^\n]*\n/.exec(said)
  if (!isAge(bytes) || !end) throw unusable(text`it has no header of age`)
  return bytes.subarray(0, end.index + end[0].length)
}

/** The words behind `->` of each line that wraps the key, the kind first. */
export function stanzasOf(head: Uint8Array): string[][] {
  return [
    ...Buffer.from(head)
      .toString('latin1')
      .matchAll(/^-> ([^\n]*)$/gm),
  ].map(([, words]) => words!.split(' '))
}

/** Writes a file: under another name until its end is on disk. */
export class AgeWriter {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #key: Uint8Array
  readonly #plain = Buffer.alloc(CHUNK_BYTES)
  #sealed: Uint8Array[] = []
  #filled = 0
  #number = 0n
  #unsynced = 0
  bytes = 0

  /** @throws HuxinError argument_invalid when the header is not one of this key */
  static async create(file: string, { head, key }: FileKey, random: Random): Promise<AgeWriter> {
    if (key.length !== KEY_BYTES || headOf(head).length !== head.length || !isOf(head, key))
      throw new HuxinError('argument_invalid', text`the key of a backup is not that of its header`)
    const nonce = random.fill(new Uint8Array(NONCE_BYTES))
    const handle = await open(`${file}.part`, 'w', 0o600)
    await handle.writeFile(concat(head, nonce))
    return new AgeWriter(file, handle, payloadKey(key, nonce))
  }

  private constructor(file: string, handle: FileHandle, key: Uint8Array) {
    this.#file = file
    this.#handle = handle
    this.#key = key
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === CHUNK_BYTES) await this.#chunk(false)
      const end = Math.min(bytes.length, at + CHUNK_BYTES - this.#filled)
      this.#plain.set(bytes.subarray(at, end), this.#filled)
      this.#filled += end - at
      at = end
    }
  }

  /** Everything is on disk under its name when it resolves. */
  async end(): Promise<void> {
    await this.#chunk(true)
    await this.#handle.sync()
    await this.#handle.close()
    await rename(`${this.#file}.part`, this.#file)
  }

  async abort(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await rm(`${this.#file}.part`, { force: true })
  }

  async #chunk(last: boolean): Promise<void> {
    const cipher = createCipheriv('chacha20-poly1305', this.#key, nonceOf(this.#number++, last), {
      authTagLength: TAG_BYTES,
    })
    this.#sealed.push(
      cipher.update(this.#plain.subarray(0, this.#filled)),
      cipher.final(),
      cipher.getAuthTag(),
    )
    this.bytes += this.#filled + TAG_BYTES
    this.#unsynced += this.#filled + TAG_BYTES
    this.#filled = 0
    if (!last && this.#number % BigInt(CHUNKS_AT_ONCE) !== 0n) return
    await this.#handle.writeFile(Buffer.concat(this.#sealed))
    this.#sealed = []
    if (this.#unsynced < SYNC_BYTES) return
    await this.#handle.datasync()
    this.#unsynced = 0
  }
}

/** The beginning of a file, as long as a header may be. */
export async function beginningOf(handle: FileHandle): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(
    Buffer.alloc(HEAD_BYTES_MAX),
    0,
    HEAD_BYTES_MAX,
    0,
  )
  return buffer.subarray(0, bytesRead)
}

/**
 * Reads what a file holds, chunk by chunk. Take nothing of it for whole until it ends without an error.
 * @throws HuxinError argument_invalid when it is damaged or cut off
 */
export async function* readAge(
  handle: FileHandle,
  { head, key }: FileKey,
): AsyncGenerator<Uint8Array> {
  const { size } = await handle.stat()
  const begin = head.length + NONCE_BYTES
  if (size < begin + TAG_BYTES) throw unusable(text`it is cut off`)
  const payload = payloadKey(key, await readAt(handle, head.length, NONCE_BYTES))
  for (let number = 0n, at = begin; at < size; number++) {
    const sealed = await readAt(handle, at, Math.min(CHUNK_BYTES + TAG_BYTES, size - at))
    at += sealed.length
    if (sealed.length < TAG_BYTES + Number(number > 0n)) throw unusable(text`it is cut off`)
    const decipher = createDecipheriv('chacha20-poly1305', payload, nonceOf(number, at === size), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    let plain: Uint8Array
    try {
      plain = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    } catch {
      throw unusable(text`chunk ${number} was changed, or what follows it is missing`)
    }
    yield plain
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw unusable(text`it is cut off`)
  return buffer
}

/** True when the last line of a header is the check value by this key (C2SP age, section "Header MAC"). */
function isOf(head: Uint8Array, key: Uint8Array): boolean {
  const end = Buffer.from(head).lastIndexOf('---') + 3
  const said = fromBase64(`${Buffer.from(head.subarray(end + 1, -1)).toString('latin1')}=`)
  const mac = createHmac('sha256', Buffer.from(hkdfSync('sha256', key, '', 'header', 32)))
    .update(head.subarray(0, end))
    .digest()
  return said?.length === mac.length && timingSafeEqual(said, mac)
}

function payloadKey(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  return Buffer.from(hkdfSync('sha256', key, nonce, 'payload', 32))
}

function nonceOf(number: bigint, last: boolean): Uint8Array {
  return concat(new Uint8Array(3), be64(number), Uint8Array.of(last ? 1 : 0))
}

/** What is said of a backup that cannot be read. */
export function unusable(what: Said, cause?: unknown): HuxinError {
  return new HuxinError('argument_invalid', text`the backup cannot be used: ${what}`, { cause })
}
