/** The file that `huxin log prove` writes and `huxin log verify` checks without a node. */
import { fromBase64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { parseCheckpoint } from '../note/checkpoint.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import {
  formatTlogProof,
  logVkey,
  parseTlogProof,
  verifyTlogProof,
  withLogName,
} from '../note/tlog-proof.ts'

/** The file that `log prove` writes: entry and tlog-proof, base64 and text. */
export function formatProofFile({
  entry,
  proof,
  vkey,
}: {
  entry: Uint8Array
  proof: Uint8Array
  vkey: string
}): string {
  return `${JSON.stringify({ format: 'huxin/proof/v1', vkey, entry: Buffer.from(entry).toString('base64'), proof: Buffer.from(proof).toString() }, undefined, 2)}\n`
}

/** A tlog-proof as tools of other makes want it, and the log's key under the name of the log. */
export function namedProof({ proof: bytes, vkey }: { proof: Uint8Array; vkey: string }): {
  proof: Uint8Array
  vkey: string
} {
  const key = parseVkey(vkey)
  const { index, proof, checkpointNote } = parseTlogProof(bytes)
  const named = withLogName(checkpointNote, key)
  return {
    proof: formatTlogProof({ index, proof, checkpointNote: named }),
    vkey: logVkey(parseCheckpoint(parseNote(named).text).origin, key),
  }
}

/** What a proof file proves. @throws HuxinError argument_invalid | proof_invalid | signature_invalid */
export function verifyProofFile(bytes: Uint8Array, vkey: string) {
  let file: { format?: unknown; entry?: unknown; proof?: unknown }
  try {
    file = JSON.parse(Buffer.from(bytes).toString()) as typeof file
  } catch {
    throw new HuxinError(
      'argument_invalid',
      text`this is no file that huxin log prove wrote as JSON: evidence and .tlog-proof files are checked with huxin verify`,
    )
  }
  const leaf = typeof file.entry === 'string' ? fromBase64(file.entry) : undefined
  if (file.format !== 'huxin/proof/v1' || !leaf || typeof file.proof !== 'string')
    throw new HuxinError('argument_invalid', text`the file is not of format huxin/proof/v1`)
  const proofBytes = Buffer.from(file.proof)
  const { text: content, signatures } = parseNote(parseTlogProof(proofBytes).checkpointNote)
  const { origin: log } = parseCheckpoint(content)
  const verifier = trustedKey(vkey)
  if (!log.startsWith(`${verifier.name}/`))
    throw new HuxinError(
      'signature_invalid',
      text`the proof is of the log ${log}, the key of ${verifier.name}`,
    )
  const { index, checkpoint } = verifyTlogProof({
    proofBytes,
    leaf,
    origin: log,
    logVerifier: verifier,
  })
  const entry = parseEntry(leaf)
  const { header, idText } = parseHeaderNote(entry.header)
  return {
    index: String(index),
    log,
    size: String(checkpoint.size),
    batchId: idText,
    origin: header.origin,
    records: header.records,
    time: new Date(entry.timeMs).toISOString(),
    verdict: entry.verdict.accepted ? 'accepted' : `refused ${entry.verdict.code}`,
    cosigners: signatures.filter(({ keyId }) => keyId !== verifier.keyId).map(({ name }) => name),
  }
}

function trustedKey(vkey: string): Verifier {
  try {
    return parseVkey(vkey)
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`--vkey ${JSON.stringify(vkey.slice(0, 80))} is no log key: ${textOf(error)}`,
    )
  }
}
