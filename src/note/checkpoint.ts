/**
 * Checkpoints (C2SP tlog-checkpoint v1.0.0): origin, size, root, each a line. Extension lines are not
 * written here and not accepted: cosigners of other makes refuse them.
 */
import { asBuffer, base64, equalBytes, fromBase64, hex } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { emptyRoot } from '../merkle/hash.ts'
import type { Signer, Verifier } from './key.ts'
import { parseNote, signNote, verifyNote } from './note.ts'

export interface Checkpoint {
  /** `<trust domain>/<node id>/<epoch>` for our logs. */
  readonly origin: string
  readonly size: bigint
  /** 32 bytes. */
  readonly root: Uint8Array
}

const SIZE_MAX = 2n ** 63n - 1n

export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64(root)}\n`
}

/** @throws HuxinError note_malformed */
export function parseCheckpoint(content: string): Checkpoint {
  const lines = content.split('\n')
  if (lines.length !== 4 || lines[3] !== '')
    throw malformed(text`has ${lines.length - 1} lines, 3 are wanted (no extension lines)`)
  const [origin = '', size = '', encoded = ''] = lines
  if (origin === '' || Buffer.byteLength(origin) > 255)
    throw malformed(text`has no origin of 1 to 255 bytes`)
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(size) || BigInt(size) > SIZE_MAX)
    throw malformed(text`has no canonical size`)
  const root = fromBase64(encoded)
  if (root?.length !== 32) throw malformed(text`has no root of 32 bytes`)
  if (emptyTreeWithOtherRoot(content))
    throw malformed(text`of an empty tree has a root that is not that of an empty tree`)
  return { origin, size: BigInt(size), root }
}

/** True for a checkpoint of size 0 whose root is not that of the empty tree: of two faults a witness names this one by itself. */
export function emptyTreeWithOtherRoot(text: string): boolean {
  const match = /^[^\n]+\n0\n([^\n]+)\n$/.exec(text)
  const root = match && fromBase64(match[1]!)
  return root?.length === 32 && !equalBytes(root, emptyRoot())
}

export function signCheckpoint(checkpoint: Checkpoint, signer: Signer): Uint8Array {
  return signNote(formatCheckpoint(checkpoint), [signer])
}

/**
 * Verifies a checkpoint note and then parses it. At least one of the log's own keys must have signed;
 * cosigners' keys among the verifiers are checked as well and do not stand in for it. Notes verified
 * lately are remembered by all of their bytes: the receipts of one call and the spine name the same
 * checkpoint many times.
 * @throws HuxinError note_malformed | signature_invalid
 */
export function openCheckpoint(
  noteBytes: Uint8Array,
  verifiers: readonly Verifier[],
  origin: string,
): Checkpoint {
  const key = `${verifiers.map(({ name, type, publicKey }) => `${name} ${type} ${hex(publicKey)}`).join(' ')}\n${origin}\n${asBuffer(noteBytes).toString('latin1')}`
  const before = verifiedLately.get(key)
  if (before) return before
  const { text: content, verified } = verifyNote(parseNote(noteBytes), verifiers)
  const byLog = verified.some((line) =>
    verifiers.some(
      ({ name, keyId, type }) => type === 'ed25519' && name === line.name && keyId === line.keyId,
    ),
  )
  if (!byLog)
    throw new HuxinError(
      'signature_invalid',
      text`the checkpoint of ${origin} is cosigned and not signed by its log`,
    )
  const checkpoint = parseCheckpoint(content)
  if (checkpoint.origin !== origin)
    throw new HuxinError(
      'signature_invalid',
      text`the checkpoint is of the log ${checkpoint.origin}, not of ${origin}`,
    )
  if (verifiedLately.size >= VERIFIED_MAX) verifiedLately.clear()
  verifiedLately.set(key, checkpoint)
  return checkpoint
}

const VERIFIED_MAX = 64
const verifiedLately = new Map<string, Checkpoint>()

function malformed(what: Said): HuxinError {
  return new HuxinError('note_malformed', text`checkpoint ${what}`)
}
