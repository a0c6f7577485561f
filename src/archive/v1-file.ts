/**
 * Backups of before (`huxin/backup/v1`), for restoring alone: one line of JSON that says how the
 * key is made, then chunks under AES-256-GCM. The nonce is the number of the chunk; the line, the
 * number and whether it is the last one are authenticated with each, so that nothing can be left out, moved or cut
 * off. Inside are frames: one byte of kind, two lengths, a name, a value. Whatever is read here may be an attacker's until
 * its chunk is authentic, and is of use only when the end was reached.
 */
import { createDecipheriv, hkdfSync, scrypt } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { be64, concat, fromBase64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { unusable } from './age-file.ts'
import type { Secret } from './file-key.ts'
import type { Part } from './part.ts'

const FORMAT = 'huxin/backup/v1'
const CHUNK_BYTES = 1 << 20
const TAG_BYTES = 16
const HEAD_BYTES_MAX = 1_024
const FRAME_HEAD = 9
/** Largest value of a frame: a body and what belongs to its row. */
const VALUE_BYTES_MAX = 2 * limits.bodyBytesMax
/** Cost of a guess at a passphrase: 128 MB and a third of a second. */
const SCRYPT = { n: 1 << 17, r: 8, p: 1 } as const
/** What a file may ask for before anything in it is authentic: twice the memory and time of its own. */
const SCRYPT_COST_MAX = 2 * SCRYPT.n * SCRYPT.r * SCRYPT.p

/** The first line of a backup and the key that follows from it and the secret. */
interface ArchiveKey {
  /** One line with its line feed. */
  readonly head: Uint8Array
  /** 32 bytes. */
  readonly key: Uint8Array
}

interface Frame {
  readonly kind: string
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** @throws HuxinError argument_invalid */
async function deriveKey(secret: Secret, head: Uint8Array): Promise<Uint8Array> {
  const { kdf, n, r, p, salt } = parseHead(head)
  if ((kdf === 'scrypt') !== (secret.kind === 'passphrase')) {
    throw new HuxinError(
      'argument_invalid',
      text`the backup was made with a ${kdf === 'scrypt' ? text`passphrase: give --passphrase-file` : text`key file: give --key-file`}`,
    )
  }
  if (secret.kind === 'key') {
    if (secret.bytes.length < 32)
      throw new HuxinError(
        'argument_invalid',
        text`the key file has ${secret.bytes.length} bytes, at least 32 are wanted: head -c 32 /dev/urandom`,
      )
    return Buffer.from(hkdfSync('sha256', secret.bytes, salt, FORMAT, 32))
  }
  if (secret.text.length < 12)
    throw new HuxinError('argument_invalid', text`the passphrase has fewer than 12 characters`)
  return new Promise((resolve, reject) => {
    scrypt(
      secret.text.normalize('NFC'),
      salt,
      32,
      { N: n, r, p, maxmem: 256 * n * r },
      (error, key) => (error ? reject(error) : resolve(key)),
    )
  })
}

function parseHead(head: Uint8Array): {
  kdf: 'scrypt' | 'hkdf-sha256'
  n: number
  r: number
  p: number
  salt: Uint8Array
} {
  const bad = (what: Said): HuxinError =>
    new HuxinError('argument_invalid', text`this is no backup of this version: ${what}`)
  let fields: {
    format?: unknown
    kdf?: unknown
    n?: unknown
    r?: unknown
    p?: unknown
    salt?: unknown
  }
  try {
    fields = JSON.parse(Buffer.from(head).toString()) as typeof fields
  } catch {
    throw bad(text`its first line is not JSON`)
  }
  if (fields.format !== FORMAT) throw bad(text`its first line does not name ${FORMAT}`)
  const salt = typeof fields.salt === 'string' ? fromBase64(fields.salt) : undefined
  if (salt?.length !== 32) throw bad(text`it has no salt of 32 bytes`)
  if (fields.kdf === 'hkdf-sha256') return { kdf: fields.kdf, n: 0, r: 0, p: 0, salt }
  const { n, r, p } = fields
  const costly = (value: unknown, max: number): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max
  if (
    fields.kdf !== 'scrypt' ||
    !costly(n, 1 << 20) ||
    (n & (n - 1)) !== 0 ||
    !costly(r, 16) ||
    !costly(p, 4)
  )
    throw bad(text`it names no way to make the key that is known`)
  if (n * r * p > SCRYPT_COST_MAX)
    throw bad(
      text`its key costs ${Math.round((n * r * p) / (SCRYPT.n * SCRYPT.r * SCRYPT.p))} times what a backup's does`,
    )
  return { kdf: 'scrypt', n, r, p, salt }
}

/**
 * Reads a backup of before part by part. Take nothing of it for whole until it ends without an error.
 * @throws HuxinError argument_invalid when it is not a backup, is damaged, cut off, or of another secret
 */
export async function* readVersion1(handle: FileHandle, secret: Secret): AsyncGenerator<Part> {
  const head = await readHead(handle)
  const key = await deriveKey(secret, head)
  let rest: Uint8Array = new Uint8Array()
  for await (const plain of chunks(handle, { head, key })) {
    rest = rest.length === 0 ? plain : concat(rest, plain)
    for (let frame = takeFrame(rest); frame; frame = takeFrame(rest)) {
      yield partOf(frame)
      rest = rest.subarray(FRAME_HEAD + frame.name.length + frame.value.length)
    }
  }
  if (rest.length > 0) throw unusable(text`it ends inside a frame`)
}

function partOf({ kind, name, value }: Frame): Part {
  if (kind === 'f') return { kind: 'file', name: Buffer.from(name).toString(), value }
  if (kind === 'c') return { kind: 'checkpoint', value }
  if (kind === 'r') return { kind: 'row', key: name, value }
  if (kind === 'e') return { kind: 'end', value }
  throw unusable(text`it has a part ${JSON.stringify(kind)} that is not known`)
}

async function* chunks(handle: FileHandle, { head, key }: ArchiveKey): AsyncGenerator<Uint8Array> {
  let at = head.length
  for (let number = 0n; ; number++) {
    const prefix = await readAt(handle, at, 5)
    const length = prefix.readUInt32BE(1)
    const last = prefix[0] === 1
    if (prefix[0]! > 1 || length < TAG_BYTES || length > CHUNK_BYTES + TAG_BYTES)
      throw unusable(text`chunk ${number} has no valid head`)
    const sealed = await readAt(handle, at + 5, length)
    at += 5 + length
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number))
    decipher.setAAD(authenticated(head, number, last))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    let plain: Uint8Array
    try {
      plain = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    } catch {
      throw unusable(
        number === 0n
          ? text`the passphrase or key is another one, or its beginning was changed`
          : text`chunk ${number} was changed`,
      )
    }
    yield plain
    if (!last) continue
    if ((await handle.read(Buffer.alloc(1), 0, 1, at)).bytesRead > 0)
      throw unusable(text`something follows its end`)
    return
  }
}

function takeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < FRAME_HEAD) return undefined
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, FRAME_HEAD)
  const name = FRAME_HEAD + head.readUInt32BE(1)
  const end = name + head.readUInt32BE(5)
  if (end > VALUE_BYTES_MAX) throw unusable(text`a frame is too long`)
  return end > bytes.length
    ? undefined
    : {
        kind: head.toString('latin1', 0, 1),
        name: bytes.subarray(FRAME_HEAD, name),
        value: bytes.subarray(name, end),
      }
}

async function readHead(handle: FileHandle): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(
    Buffer.alloc(HEAD_BYTES_MAX),
    0,
    HEAD_BYTES_MAX,
    0,
  )
  return buffer.subarray(0, buffer.subarray(0, bytesRead).indexOf(10) + 1)
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw unusable(text`it is cut off`)
  return buffer
}

function nonceOf(number: bigint): Uint8Array {
  return concat(new Uint8Array(4), be64(number))
}

function authenticated(head: Uint8Array, number: bigint, last: boolean): Uint8Array {
  return concat(head, be64(number), Uint8Array.of(last ? 1 : 0))
}
