/**
 * Room `note`: everything signed is a signed note (C2SP signed-note v1.0.0): text, an empty line, and
 * signature lines `— <name> <base64(key id ‖ signature)>`. This room owns the note (this file), keys
 * (`key.ts`), checkpoints, cosignatures, tlog-proofs and witness policies. Pure functions.
 *
 * Rules (signed-note): the text ends in a line feed and is signed with it; the note is split at its
 * last empty line; it is UTF-8 without control characters but line feeds; a signature by an unknown
 * key is ignored; a known key's must verify; a note without any verified signature is refused. Input
 * is attacker-controlled; only the canonical form is accepted, and nothing but note_malformed or
 * signature_invalid is thrown. Signatures are Ed25519 by node:crypto, whose verdicts are Go's.
 */
import {
  asBuffer,
  base64,
  be32,
  concat,
  fromBase64,
  fromBe64,
  utf8,
  utf8Text,
} from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { isKeyName, type Signer, type Verifier } from './key.ts'

/** Everything below a space but the line feed. */
const CONTROL = /[\x00-\x09\x0b-\x1f]/

/** One signature line, taken apart. */
export interface NoteSignature {
  readonly name: string
  /** First four bytes of the key hash, big-endian. */
  readonly keyId: number
  /** What follows the key id. */
  readonly signature: Uint8Array
  /** The line without its line feed. */
  readonly line: string
}

/** A note of which nothing was checked but its form. */
export interface UnverifiedNote {
  /** With its final line feed: what is signed. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** @throws HuxinError note_malformed */
export function parseNote(bytes: Uint8Array): UnverifiedNote {
  if (bytes.length > limits.noteBytesMax)
    throw malformed(text`has ${bytes.length} bytes, at most ${limits.noteBytesMax}`)
  const whole = utf8Text(bytes)
  if (whole === undefined) throw malformed(text`is not UTF-8`)
  if (CONTROL.test(whole)) throw malformed(text`holds a control character`)
  const split = whole.lastIndexOf('\n\n')
  if (split < 0) throw malformed(text`has no empty line before its signatures`)
  const content = whole.slice(0, split + 1)
  const block = whole.slice(split + 2)
  if (!block.endsWith('\n')) throw malformed(text`does not end with a line feed`)
  const lines = block.slice(0, -1).split('\n')
  if (lines.length > limits.noteSignaturesMax)
    throw malformed(text`has ${lines.length} signature lines, at most ${limits.noteSignaturesMax}`)
  return { text: content, signatures: lines.map(parseSignatureLine) }
}

/**
 * Puts a note together. `text` ends in a line feed; lines are without one.
 * @throws HuxinError argument_invalid for a text that no reader would accept
 */
export function formatNote(content: string, signatureLines: readonly string[]): Uint8Array {
  if (!content.endsWith('\n') || CONTROL.test(content))
    throw new HuxinError(
      'argument_invalid',
      text`the text of a note must end with a line feed and hold no other control character`,
    )
  return utf8(`${content}\n${signatureLines.map((line) => `${line}\n`).join('')}`)
}

/** `— <name> <base64>` */
export function signatureLine(name: string, keyId: number, signature: Uint8Array): string {
  return `— ${name} ${base64(concat(be32(keyId), signature))}`
}

/** Parses one signature line. @throws HuxinError note_malformed */
export function parseSignatureLine(line: string): NoteSignature {
  const words = line.split(' ')
  const [dash, name = '', encoded = ''] = words
  if (dash !== '—' || words.length !== 3 || !isKeyName(name))
    throw malformed(text`has a signature line that is not "— <name> <base64>"`)
  const blob = fromBase64(encoded)
  if (!blob || blob.length < 5) throw malformed(text`has a signature that is not canonical base64`)
  return { name, keyId: asBuffer(blob).readUInt32BE(), signature: blob.subarray(4), line }
}

/**
 * Checks a note against the keys that are known, cosigners' among them. `verified` names each key
 * once, however often its signature stands there.
 * @throws HuxinError signature_invalid
 */
export function verifyNote(
  note: UnverifiedNote,
  verifiers: readonly Verifier[],
): { text: string; verified: readonly NoteSignature[] } {
  const message = utf8(note.text)
  const verified: NoteSignature[] = []
  for (const signature of note.signatures) {
    const verifier = verifiers.find(
      ({ name, keyId }) => name === signature.name && keyId === signature.keyId,
    )
    if (!verifier) continue
    const valid =
      verifier.type === 'ed25519'
        ? verifier.verify(message, signature.signature)
        : cosignatureTime(note.text, signature.signature, verifier) !== undefined
    if (!valid) {
      throw new HuxinError(
        'signature_invalid',
        text`the signature of ${signature.name} does not verify`,
      )
    }
    if (!verified.some(({ name, keyId }) => name === signature.name && keyId === signature.keyId))
      verified.push(signature)
  }
  if (verified.length === 0) {
    throw new HuxinError(
      'signature_invalid',
      text`no signature by a known key; wanted ${verifiers.map(({ name }) => name).join(', ') || text`none`}, found ${note.signatures.map(({ name }) => name.slice(0, 64)).join(', ')}`,
    )
  }
  return { text: note.text, verified }
}

/** What a cosigner signs (tlog-cosignature, cosignature/v1); here because verifying a note needs it. */
export function cosignatureMessage(text: string, timeSeconds: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`)
}

/** Seconds since 1970 of a valid cosignature: eight bytes big-endian, then Ed25519. Undefined otherwise. */
export function cosignatureTime(
  text: string,
  signature: Uint8Array,
  verifier: Verifier,
): bigint | undefined {
  if (signature.length !== 72) return undefined
  const timeSeconds = fromBe64(signature)
  if (timeSeconds > 2n ** 63n - 1n) return undefined
  return verifier.verify(cosignatureMessage(text, timeSeconds), signature.subarray(8))
    ? timeSeconds
    : undefined
}

/** Signs a text, which must end in a line feed, with note keys. @throws HuxinError argument_invalid */
export function signNote(text: string, signers: readonly Signer[]): Uint8Array {
  const message = utf8(text)
  return formatNote(
    text,
    signers.map((signer) => signatureLine(signer.name, signer.keyId, signer.sign(message))),
  )
}

function malformed(what: Said): HuxinError {
  return new HuxinError('note_malformed', text`signed note ${what}`)
}
