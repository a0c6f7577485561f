/**
 * The secrets of backups, as age takes them (age-encryption.org/v1): a passphrase, or a key file. Makes the header of a
 * new file and reads that of an old one, by the library, which is read when it is wanted and not at each start of a command. Passphrases
 * are stretched here, as its interface for recipients of one's own allows.
 */
import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto'
import type { Stanza } from 'age-encryption'
import { concat, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Random, systemRandom } from '../base/random.ts'
import { text } from '../base/text.ts'
import { type FileKey, headOf, stanzasOf, unusable } from './age-file.ts'

/** What an operator keeps to open a backup. */
export type Secret =
  | { readonly kind: 'passphrase'; readonly text: string }
  /** A key file: identities (`AGE-SECRET-KEY-1…`) or, to write alone, recipients (`age1…`), one a line; or at least 32 random bytes. */
  | { readonly kind: 'key'; readonly bytes: Uint8Array }

/** Cost of a guess at a passphrase, as a power of two: 128 MB and a third of a second. */
const PASSPHRASE_COST = 17
/** Random bytes are not guessed: age's own least. */
const RANDOM_COST = 10
const PASSPHRASE_LENGTH_MIN = 12
const RANDOM_BYTES_MIN = 32
const SALT_BYTES = 16
const TAG_BYTES = 16
const NONCE_BYTES = 12

/** What age is asked with. */
type Words =
  | { readonly kind: 'passphrase'; readonly text: string; readonly cost: number }
  | {
      readonly kind: 'keys'
      readonly identities: readonly string[]
      readonly recipients: readonly string[]
    }

/** Makes the header and the key of a new file. @throws HuxinError argument_invalid */
export async function newFileKey(secret: Secret, random: Random = systemRandom): Promise<FileKey> {
  const words = wordsOf(secret)
  const { Encrypter, Stanza, identityToRecipient } = await import('age-encryption')
  const encrypter = new Encrypter()
  let key: Uint8Array = new Uint8Array()
  encrypter.addRecipient({
    wrapFileKey: async (fileKey) => {
      key = fileKey.slice()
      if (words.kind === 'keys') return []
      const salt = random.fill(new Uint8Array(SALT_BYTES))
      return [
        new Stanza(
          ['scrypt', unpadded(salt), String(words.cost)],
          wrapped(fileKey, await stretched(words.text, salt, words.cost)),
        ),
      ]
    },
  })
  try {
    for (const recipient of words.kind === 'keys' ? words.recipients : [])
      encrypter.addRecipient(recipient)
    for (const identity of words.kind === 'keys' ? words.identities : [])
      encrypter.addRecipient(await identityToRecipient(identity))
    return { head: headOf(await encrypter.encrypt(new Uint8Array())), key }
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`the key file has a line that is no key of age: ask age-keygen for one`,
      { cause: error },
    )
  }
}

/** The key of a file by its header. @throws HuxinError argument_invalid of another secret, or when its key costs too much */
export async function openFileKey(head: Uint8Array, secret: Secret): Promise<Uint8Array> {
  const words = wordsOf(secret)
  const stanzas = stanzasOf(head)
  const byPassphrase = stanzas.some(([kind]) => kind === 'scrypt')
  if (byPassphrase !== (words.kind === 'passphrase')) {
    throw new HuxinError(
      'argument_invalid',
      text`the backup was made with a ${byPassphrase ? text`passphrase: give --passphrase-file` : text`key file: give --key-file`}`,
    )
  }
  const costly = stanzas.find(
    ([kind, , cost]) => kind === 'scrypt' && !/^(?:[1-9]|1[0-8])$/.test(cost ?? ''),
  )
  if (costly) throw unusable(text`its key costs more than twice what a backup's does`)
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  try {
    for (const identity of words.kind === 'keys' ? words.identities : [])
      decrypter.addIdentity(identity)
    if (words.kind === 'passphrase')
      decrypter.addIdentity({
        unwrapFileKey: async ([stanza, more]: Stanza[]) =>
          stanza && !more ? unwrapped(stanza, words.text) : null,
      })
    return await decrypter.decryptHeader(head)
  } catch (error) {
    throw unusable(text`the passphrase or key is another one, or its beginning was changed`, error)
  }
}

/** The key that is wrapped with a passphrase (C2SP age, "scrypt recipient stanza"); null of another one. */
async function unwrapped(
  { args: [, salt = '', cost], body }: Stanza,
  passphrase: string,
): Promise<Uint8Array | null> {
  const decipher = createDecipheriv(
    'chacha20-poly1305',
    await stretched(passphrase, Buffer.from(salt, 'base64'), Number(cost)),
    new Uint8Array(NONCE_BYTES),
    { authTagLength: TAG_BYTES },
  )
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return concat(decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final())
  } catch {
    return null
  }
}

function wrapped(fileKey: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, new Uint8Array(NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  return concat(cipher.update(fileKey), cipher.final(), cipher.getAuthTag())
}

/** By OpenSSL: a quarter of the library's time, and beside the event loop. */
function stretched(passphrase: string, salt: Uint8Array, cost: number): Promise<Uint8Array> {
  const work = { N: 2 ** cost, r: 8, p: 1, maxmem: 2 ** (cost + 11) }
  return new Promise((resolve, reject) => {
    scrypt(passphrase, concat(utf8('age-encryption.org/v1/scrypt'), salt), 32, work, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

/** @throws HuxinError argument_invalid */
function wordsOf(secret: Secret): Words {
  if (secret.kind === 'passphrase') {
    if (secret.text.length < PASSPHRASE_LENGTH_MIN)
      throw new HuxinError('argument_invalid', text`the passphrase has fewer than 12 characters`)
    return { kind: 'passphrase', text: secret.text.normalize('NFC'), cost: PASSPHRASE_COST }
  }
  const lines = Buffer.from(secret.bytes)
    .toString('latin1')
    .split(/\r?\n/)
    .map((line) => line.trim())
  const identities = lines.filter((line) => line.startsWith('AGE-SECRET-KEY-'))
  const recipients = lines.filter((line) => line.startsWith('age1'))
  if (identities.length + recipients.length > 0) return { kind: 'keys', identities, recipients }
  if (secret.bytes.length < RANDOM_BYTES_MIN)
    throw new HuxinError(
      'argument_invalid',
      text`the key file has ${secret.bytes.length} bytes, at least 32 are wanted: head -c 32 /dev/urandom`,
    )
  return {
    kind: 'passphrase',
    text: Buffer.from(secret.bytes).toString('base64'),
    cost: RANDOM_COST,
  }
}
