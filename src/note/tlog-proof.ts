/** C2SP tlog-proof: an inclusion proof with its checkpoint, in one text that any C2SP tool verifies. */
import { base64, fromBase64, utf8, utf8Text } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { leafHash } from '../merkle/hash.ts'
import { verifyInclusion } from '../merkle/proof.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { addSignatureLines } from './cosignature.ts'
import { formatVkey, parseVkey, type Verifier } from './key.ts'
import { parseNote, signatureLine } from './note.ts'

export interface TlogProof {
  readonly index: bigint
  /** 32 bytes each, at most 63. */
  readonly proof: readonly Uint8Array[]
  /** The checkpoint note, cosignatures included. */
  readonly checkpointNote: Uint8Array
  /** Bytes that nothing authenticates. */
  readonly extra?: Uint8Array
}

export function formatTlogProof({ index, proof, checkpointNote, extra }: TlogProof): Uint8Array {
  const head =
    'c2sp.org/tlog-proof@v1\n' +
    (extra === undefined ? '' : `extra ${base64(extra)}\n`) +
    `index ${index}\n` +
    proof.map((hash) => `${base64(hash)}\n`).join('')
  return Buffer.concat([utf8(`${head}\n`), checkpointNote])
}

/** @throws HuxinError proof_invalid */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > limits.noteBytesMax)
    throw malformed(text`has ${bytes.length} bytes, at most ${limits.noteBytesMax}`)
  const split = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\n\n')
  const content = split < 0 ? undefined : utf8Text(bytes.subarray(0, split))
  if (content === undefined) throw malformed(text`has no empty line before its checkpoint`)
  const lines = content.split('\n')
  if (lines.shift() !== 'c2sp.org/tlog-proof@v1')
    throw malformed(text`does not begin with c2sp.org/tlog-proof@v1`)
  const extra = lines[0]?.startsWith('extra ') ? fromBase64(lines.shift()!.slice(6)) : null
  if (extra === undefined) throw malformed(text`has an extra line that is not base64`)
  const match = /^index (0|[1-9][0-9]{0,18})$/.exec(lines.shift() ?? '')
  if (!match) throw malformed(text`has no index line`)
  if (lines.length > 63) throw malformed(text`has ${lines.length} hashes, at most 63`)
  const proof = lines.map((line) => {
    const hash = fromBase64(line)
    if (hash?.length !== 32) throw malformed(text`has a hash that is not base64 of 32 bytes`)
    return hash
  })
  return {
    index: BigInt(match[1]!),
    proof,
    checkpointNote: bytes.subarray(split + 2),
    ...(extra === null ? {} : { extra }),
  }
}

/**
 * Checks that the entry is in the log of that origin and key.
 * @throws HuxinError proof_invalid | note_malformed | signature_invalid
 */
export function verifyTlogProof({
  proofBytes,
  leaf,
  origin,
  logVerifier,
}: {
  readonly proofBytes: Uint8Array
  /** The entry, byte for byte. */
  readonly leaf: Uint8Array
  readonly origin: string
  readonly logVerifier: Verifier
}): { readonly index: bigint; readonly checkpoint: Checkpoint; readonly note: Uint8Array } {
  const { index, proof, checkpointNote } = parseTlogProof(proofBytes)
  const checkpoint = openCheckpoint(checkpointNote, [logVerifier], origin)
  verifyInclusion({
    index,
    size: checkpoint.size,
    leafHash: leafHash(leaf),
    proof,
    root: checkpoint.root,
  })
  return { index, checkpoint, note: checkpointNote }
}

/** The vkey of a log for tools of other makes, which want a key to be named as its log: the same key, another name. */
export function logVkey(origin: string, { publicKey }: Pick<Verifier, 'publicKey'>): string {
  return formatVkey(origin, 'ed25519', publicKey)
}

/**
 * A checkpoint with its log's signature a second time, under the name of the log. A note's signature covers
 * the text and not the name, so nobody has to sign for that.
 * @throws HuxinError note_malformed | signature_invalid
 */
export function withLogName(checkpointNote: Uint8Array, log: Verifier): Uint8Array {
  const { text: content, signatures } = parseNote(checkpointNote)
  const { origin } = parseCheckpoint(content)
  const own = signatures.find(({ name, keyId }) => name === log.name && keyId === log.keyId)
  if (!own)
    throw new HuxinError(
      'signature_invalid',
      text`the checkpoint of ${origin} is not signed by its log`,
    )
  return addSignatureLines(checkpointNote, [
    signatureLine(origin, parseVkey(logVkey(origin, log)).keyId, own.signature),
  ])
}

function malformed(what: Said): HuxinError {
  return new HuxinError('proof_invalid', text`tlog-proof ${what}`)
}
