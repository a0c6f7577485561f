/**
 * Cosignatures (C2SP tlog-cosignature v1.0.1, cosignature/v1, type 0x04). The signed message is
 * `cosignature/v1` LF `time <seconds>` LF and the checkpoint's text; the signature is a big-endian
 * 64-bit time followed by 64 bytes of Ed25519. It means: at that time this was the largest consistent
 * tree that the cosigner had seen of that log.
 */
import { be64, concat } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { Signer, Verifier } from './key.ts'
import {
  cosignatureMessage,
  cosignatureTime,
  formatNote,
  type NoteSignature,
  parseNote,
  parseSignatureLine,
  signatureLine,
} from './note.ts'

/** The signature line of a cosigner on a checkpoint's text. */
export function cosign(checkpointText: string, signer: Signer, timeSeconds: bigint): string {
  if (signer.type !== 'cosignature')
    throw new HuxinError('internal', text`a cosignature wants a key of type 0x04`)
  return signatureLine(
    signer.name,
    signer.keyId,
    concat(be64(timeSeconds), signer.sign(cosignatureMessage(checkpointText, timeSeconds))),
  )
}

/** Time of a valid cosignature by this key, seconds since 1970; undefined when it is not one. */
export function verifyCosignatureLine(
  checkpointText: string,
  line: NoteSignature,
  verifier: Verifier,
): { timeSeconds: bigint } | undefined {
  if (
    verifier.type !== 'cosignature' ||
    line.name !== verifier.name ||
    line.keyId !== verifier.keyId
  )
    return undefined
  const timeSeconds = cosignatureTime(checkpointText, line.signature, verifier)
  return timeSeconds === undefined ? undefined : { timeSeconds }
}

/**
 * The note with more signature lines at its end; lines it has already are not added twice. Verify them
 * first: a line kept unverified can make every reader refuse the note.
 * @throws HuxinError note_malformed
 */
export function addSignatureLines(noteBytes: Uint8Array, lines: readonly string[]): Uint8Array {
  const { text: content, signatures } = parseNote(noteBytes)
  const all = signatures.map(({ line }) => line)
  for (const { line } of lines.map(parseSignatureLine)) if (!all.includes(line)) all.push(line)
  if (all.length > limits.noteSignaturesMax)
    throw new HuxinError(
      'note_malformed',
      text`signed note would have ${all.length} signature lines, at most ${limits.noteSignaturesMax}`,
    )
  return formatNote(content, all)
}
