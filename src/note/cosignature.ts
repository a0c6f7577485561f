/**
 * Cosignatures (C2SP tlog-cosignature v1.0.1, cosignature/v1, type 0x04). The signed message is
 * `cosignature/v1` LF `time <seconds>` LF and the checkpoint's text; the signature is a big-endian
 * 64-bit time followed by 64 bytes of Ed25519. It means: at that time this was the largest consistent
 * tree that the cosigner had seen of that log.
 */
import { asBuffer, be64, concat, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import type { Signer, Verifier } from './key.ts'
import { formatNote, type NoteSignature, parseNote, signatureLine } from './note.ts'

/** The signature line of a cosigner on a checkpoint's text. */
export function cosign(checkpointText: string, signer: Signer, timeSeconds: bigint): string {
  if (signer.type !== 'cosignature') throw new HuxinError('internal', 'a cosignature wants a key of type 0x04')
  return signatureLine(signer.name, signer.keyId, concat(be64(timeSeconds), signer.sign(message(checkpointText, timeSeconds))))
}

/** Time of a valid cosignature by this key, seconds since 1970; undefined when it is not one. */
export function verifyCosignatureLine(checkpointText: string, line: NoteSignature, verifier: Verifier): { timeSeconds: bigint } | undefined {
  if (verifier.type !== 'cosignature' || line.name !== verifier.name || line.keyId !== verifier.keyId || line.signature.length !== 72) return undefined
  const timeSeconds = asBuffer(line.signature).readBigUInt64BE()
  if (timeSeconds > 2n ** 63n - 1n) return undefined
  return verifier.verify(message(checkpointText, timeSeconds), line.signature.subarray(8)) ? { timeSeconds } : undefined
}

/** The note with more signature lines at its end; lines it has already are not added twice. */
export function addSignatureLines(noteBytes: Uint8Array, lines: readonly string[]): Uint8Array {
  const { text, signatures } = parseNote(noteBytes)
  const before = signatures.map(({ line }) => line)
  return formatNote(text, [...before, ...lines.filter((line) => !before.includes(line))])
}

function message(checkpointText: string, timeSeconds: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${checkpointText}`)
}
