/**
 * Witnessing over HTTP (C2SP tlog-witness): `POST /add-checkpoint` with `old <size>` LF, up to 63 hashes in
 * base64, one a line, an empty line, and a checkpoint note of a child's log. The same cosigning as on the
 * link to the child, the same state, the same key, which is not the log's.
 *
 * 200 the cosignature · 400 not such a body, or old size above the checkpoint's · 403 not signed by the
 * log, or a suspended member · 404 another log · 409 with the size cosigned last, when that is not the
 * old size · 422 the proof does not hold, or another root at the same size · 503 not now.
 *
 * The body is attacker-controlled. What it proves of the log is only what the log signed.
 */
import { asBuffer, fromBase64, utf8, utf8Text } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Context } from '../commit/context.ts'
import { cosignChild, witnessedLog } from '../witness/cosigning.ts'
import { HASH_BYTES } from '../merkle/hash.ts'
import { emptyTreeWithOtherRoot, parseCheckpoint } from '../note/checkpoint.ts'
import { parseNote, type UnverifiedNote, verifyNote } from '../note/note.ts'
import { type HttpAnswer, plain } from './http-answer.ts'

const PROOF_HASHES_MAX = 63
/** `old ` and a number, the hashes, the note. */
export const ADD_CHECKPOINT_BYTES_MAX = 32 + PROOF_HASHES_MAX * 45 + limits.noteBytesMax

interface Submission {
  readonly oldSize: bigint
  readonly consistency: readonly Uint8Array[]
  readonly checkpoint: Uint8Array
  readonly unverifiedNote: UnverifiedNote
}

/** @throws HuxinError of kind unavailable, or what is wrong inside */
export async function addCheckpoint(context: Context, body: Uint8Array): Promise<HttpAnswer> {
  const submission = parseSubmission(body)
  if (typeof submission === 'string') return plain(400, submission)
  const { oldSize, consistency, checkpoint, unverifiedNote } = submission
  const origin = unverifiedNote.text.slice(0, unverifiedNote.text.indexOf('\n'))
  const child = context
    .ledger()
    .federation.children(context.self)
    .find((member) => witnessedLog(member, checkpoint).origin === origin)
  if (!child) return plain(404, `no log of that origin is witnessed by ${context.self}`)
  if (child.status !== 'active') return plain(403, `${child.name} is ${child.status}`)
  try {
    const { text } = verifyNote(unverifiedNote, [witnessedLog(child, checkpoint).verifier])
    if (emptyTreeWithOtherRoot(text)) return plain(422, 'the empty tree has another root')
    const { size } = parseCheckpoint(text)
    if (oldSize > size)
      return plain(400, `the old size ${oldSize} is above the checkpoint's ${size}`)
    const answer = await cosignChild(context, child.name, {
      oldSize,
      consistency,
      checkpoint,
      broughtBy: 'anybody',
    })
    if ('line' in answer)
      return {
        status: 200,
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
        body: utf8(`${answer.line}\n`),
      }
    return {
      status: 409,
      headers: { 'Content-Type': 'text/x.tlog.size' },
      body: utf8(`${answer.knownSize}\n`),
    }
  } catch (error) {
    const status = statusOf(error)
    if (status === undefined) throw error
    return plain(status, (error as HuxinError).message)
  }
}

function statusOf(error: unknown): number | undefined {
  if (isHuxinError(error, 'note_malformed')) return 400
  if (isHuxinError(error, 'signature_invalid')) return 403
  return isHuxinError(error, 'proof_invalid') || isHuxinError(error, 'log_forked') ? 422 : undefined
}

/** What is wrong with it, when it is no such body. */
function parseSubmission(body: Uint8Array): Submission | string {
  const end = asBuffer(body).indexOf('\n\n')
  const head = end < 0 ? undefined : utf8Text(body.subarray(0, end))
  if (head === undefined)
    return 'an old size line, hashes and an empty line are wanted before the checkpoint'
  const [first = '', ...lines] = head.split('\n')
  const old = /^old (0|[1-9][0-9]{0,18})$/.exec(first)
  if (!old) return 'the first line is not "old <size>"'
  if (lines.length > PROOF_HASHES_MAX)
    return `the proof has ${lines.length} hashes, at most ${PROOF_HASHES_MAX}`
  const consistency = lines
    .map(fromBase64)
    .filter((hash) => hash?.length === HASH_BYTES) as Uint8Array[]
  if (consistency.length !== lines.length) return 'a line of the proof is not 32 bytes in base64'
  const checkpoint = body.subarray(end + 2)
  try {
    return {
      oldSize: BigInt(old[1]!),
      consistency,
      checkpoint,
      unverifiedNote: parseNote(checkpoint),
    }
  } catch (error) {
    if (!isHuxinError(error, 'note_malformed')) throw error
    return error.message
  }
}
