/** Sealing, parsing and verifying a batch's header: the signed note around the text of `header.ts`. */
import { hex } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { Signer, Verifier } from '../note/key.ts'
import { type NoteSignature, parseNote, signNote, verifyNote } from '../note/note.ts'
import { type BatchHeader, batchId, formatHeader, parseHeader } from './header.ts'

/** A header as it travels. Until `verifyHeader` it is a claim of whoever sent it. */
export interface SealedHeader {
  /** The note, byte for byte. */
  readonly note: Uint8Array
  readonly text: string
  /** SHA-256 of the text, 32 bytes. */
  readonly id: Uint8Array
  /** The id in hexadecimal, for maps and messages. */
  readonly idText: string
  readonly header: BatchHeader
  readonly signatures: readonly NoteSignature[]
}

/** Signs a header with the node's note key. */
export function sealHeader(header: BatchHeader, signer: Signer): SealedHeader {
  return parseHeaderNote(signNote(formatHeader(header), [signer]))
}

/**
 * Parses a header note; nothing of it is verified. One that came from outside stays a claim until `verifyHeader`.
 * @throws HuxinError note_malformed | header_malformed | message_too_large
 */
export function parseHeaderNote(note: Uint8Array): SealedHeader {
  if (note.length > limits.headerBytesMax) {
    throw new HuxinError(
      'message_too_large',
      text`a batch header has ${note.length} bytes, at most ${limits.headerBytesMax}`,
    )
  }
  const { text: content, signatures } = parseNote(note)
  const id = batchId(content)
  return { note, text: content, id, idText: hex(id), header: parseHeader(content), signatures }
}

/**
 * Checks that the header carries exactly one signature line, of exactly this key.
 * @throws HuxinError signature_invalid
 */
export function verifyHeader(sealed: SealedHeader, verifier: Verifier): void {
  const { signatures } = sealed
  if (signatures.length !== 1) {
    throw new HuxinError(
      'signature_invalid',
      text`batch header has ${signatures.length} signature lines, exactly one is allowed`,
    )
  }
  const line = signatures[0]!
  if (line.name !== verifier.name || line.keyId !== verifier.keyId) {
    throw new HuxinError(
      'signature_invalid',
      text`batch header is signed by ${line.name}, not by the key in force of ${verifier.name}`,
    )
  }
  verifyNote({ text: sealed.text, signatures }, [verifier])
}
