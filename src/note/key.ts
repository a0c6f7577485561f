/**
 * Keys of signed notes: verifier keys (vkey) and signer keys in the encodings of C2SP signed-note and
 * of Go's sumdb/note. Type 0x01 is Ed25519 for notes, 0x04 Ed25519 for timestamped cosignatures.
 *
 * Signing is synchronous because a log signs inside its commit; a signing server would be a second
 * kind of signer, asynchronous, beside this one.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { asBuffer, base64, concat, equalBytes, fromBase64, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { systemRandom } from '../base/random.ts'

export type KeyType = 'ed25519' | 'cosignature'
const typeBytes: Readonly<Record<KeyType, number>> = { ed25519: 0x01, cosignature: 0x04 }

export interface Verifier {
  readonly name: string
  readonly keyId: number
  readonly type: KeyType
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array
  verify(message: Uint8Array, signature: Uint8Array): boolean
}

export interface Signer {
  readonly name: string
  readonly keyId: number
  readonly type: KeyType
  readonly vkey: string
  /** Ed25519 signature, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). */
export function keyId(name: string, type: KeyType, publicKey: Uint8Array): number {
  return createHash('sha256')
    .update(utf8(`${name}\n`))
    .update(Uint8Array.of(typeBytes[type]))
    .update(publicKey)
    .digest()
    .readUInt32BE()
}

/** `<name>+<key id>+<base64(type ‖ public key)>` */
export function formatVkey(name: string, type: KeyType, publicKey: Uint8Array): string {
  return `${name}+${hexId(keyId(name, type, publicKey))}+${base64(concat(Uint8Array.of(typeBytes[type]), publicKey))}`
}

const parsed = new Map<string, Verifier>()

/** Parses a vkey; the result is kept. @throws HuxinError note_malformed */
export function parseVkey(content: string): Verifier {
  const before = parsed.get(content)
  if (before) return before
  const { name, type, key } = parseKeyText(content)
  if (isDegenerate(key)) throw malformed(text`is a degenerate point`)
  const publicKey = publicKeyOf(key)
  const verifier: Verifier = {
    name,
    keyId: keyId(name, type, key),
    type,
    publicKey: key,
    verify: (message, signature) =>
      signature.length === 64 &&
      !isDegenerate(signature.subarray(0, 32)) &&
      verify(null, message, publicKey, signature),
  }
  if (parsed.size >= 10_000) parsed.clear()
  parsed.set(content, verifier)
  return verifier
}

/** A new key; `seed` (32 bytes) fixes it. @throws HuxinError argument_invalid */
export function generateSigner(
  name: string,
  type: KeyType,
  seed: Uint8Array = systemRandom.fill(new Uint8Array(32)),
): Signer {
  if (!isKeyName(name))
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(name)} is no key name: no spaces, no plus sign`,
    )
  if (seed.length !== 32)
    throw new HuxinError(
      'argument_invalid',
      text`the seed of a key has ${seed.length} bytes, not 32`,
    )
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = spki.subarray(spki.length - 32)
  return {
    name,
    keyId: keyId(name, type, publicKey),
    type,
    vkey: formatVkey(name, type, publicKey),
    sign: (message) => sign(null, message, privateKey),
  }
}

/** `PRIVATE+KEY+<name>+<key id>+<base64(type ‖ seed)>`, as Go writes it. */
export function formatSignerKey(name: string, type: KeyType, seed: Uint8Array): string {
  const { keyId: id } = generateSigner(name, type, seed)
  return `PRIVATE+KEY+${name}+${hexId(id)}+${base64(concat(Uint8Array.of(typeBytes[type]), seed))}`
}

/** Parses formatSignerKey. @throws HuxinError note_malformed; never quotes the key */
export function parseSignerKey(content: string): Signer {
  if (!content.startsWith('PRIVATE+KEY+')) throw malformed(text`does not begin with PRIVATE+KEY+`)
  const { name, type, key, id } = splitKeyText(content.slice('PRIVATE+KEY+'.length))
  const signer = generateSigner(name, type, key)
  if (hexId(signer.keyId) !== id) throw malformed(text`has a key id that is not its own`)
  return signer
}

/** Non-empty, no Unicode space, no plus sign, no control character. */
export function isKeyName(name: string): boolean {
  return name !== '' && !/[+\p{White_Space}\x00-\x1f]/u.test(name)
}

function parseKeyText(content: string): { name: string; type: KeyType; key: Uint8Array } {
  const { name, type, key, id } = splitKeyText(content)
  if (hexId(keyId(name, type, key)) !== id) throw malformed(text`has a key id that is not its own`)
  return { name, type, key }
}

function splitKeyText(content: string): {
  name: string
  type: KeyType
  key: Uint8Array
  id: string
} {
  const match = /^([^+]{1,256})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,128})$/.exec(content)
  const bytes = match && fromBase64(match[3]!)
  if (!match || !bytes || !isKeyName(match[1]!))
    throw malformed(text`is not "<name>+<key id>+<base64>"`)
  const type = (['ed25519', 'cosignature'] as const).find(
    (candidate) => typeBytes[candidate] === bytes[0],
  )
  if (!type || bytes.length !== 33)
    throw malformed(text`is of a type that is not known here (0x01 and 0x04 are)`)
  return { name: match[1]!, type, key: bytes.subarray(1), id: match[2]! }
}

/**
 * The encodings of the points of small order. Whoever configures one as a key wants every signature to verify.
 * A signature with one as its R is refused by OpenSSL 3.5 (Node.js 24) and may be taken by 3.0 (Node.js 20): of
 * two nodes one would log what the other refuses. Only who has the key can make one, and it gives the key away.
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
].map((text) => Buffer.from(text, 'hex'))

function isDegenerate(point: Uint8Array): boolean {
  const unsigned = Buffer.from(point)
  unsigned[31] = unsigned[31]! & 0x7f
  return SMALL_ORDER.some((one) => equalBytes(one, unsigned))
}

function publicKeyOf(key: Uint8Array): KeyObject {
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, asBuffer(key)]),
    format: 'der',
    type: 'spki',
  })
}

function hexId(id: number): string {
  return id.toString(16).padStart(8, '0')
}

function malformed(what: Said): HuxinError {
  return new HuxinError('note_malformed', text`a note key ${what}`)
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
