/**
 * Whether a checkpoint is final by a policy of the reader's own (C2SP tlog-policy): its log is one of the policy's and
 * signed it, and the quorum of witnesses cosigned it. Each way in which it is not has a fault of its own. What the
 * federation itself calls final plays no part.
 */
import { text } from '../base/text.ts'
import { leafHash } from '../merkle/hash.ts'
import { verifyInclusion } from '../merkle/proof.ts'
import { type Checkpoint, parseCheckpoint } from '../note/checkpoint.ts'
import type { Verifier } from '../note/key.ts'
import { parseNote, type UnverifiedNote, verifyNote } from '../note/note.ts'
import { type Policy, quorumReached, speaksFor } from '../note/policy.ts'
import { parseTlogProof } from '../note/tlog-proof.ts'
import { evidenceFault } from './faults.ts'
import { parseEvidence } from './file.ts'
import { attempt, partsOf } from './verify.ts'

/** A checkpoint that the policy accepts. */
export interface FinalByPolicy {
  readonly checkpoint: Checkpoint
  /** Witnesses that cosigned it, as the policy names them. */
  readonly witnesses: readonly string[]
  readonly quorum: string
}

/** @throws HuxinError evidence_invalid, `details.fault` says which way */
export function judgeCheckpoint(noteBytes: Uint8Array, policy: Policy): FinalByPolicy {
  const note = attempt('part_malformed', 'checkpoint', () => parseNote(noteBytes))
  const checkpoint = attempt('part_malformed', 'checkpoint', () => parseCheckpoint(note.text))
  const { origin } = checkpoint
  const logs = policy.logs
    .map(({ verifier }) => verifier)
    .filter(({ name }) => speaksFor(name, origin))
  if (logs.length === 0)
    throw evidenceFault(
      'policy_log',
      text`${origin}; it knows ${policy.logs.map(({ verifier }) => verifier.name).join(', ') || text`none`}`,
    )
  if (!logs.some((key) => attempt('policy_signature', origin, () => signedBy(note, key))))
    throw evidenceFault(
      'policy_signature',
      text`${origin}: no line by ${logs.map(({ name }) => name).join(', ')}`,
    )
  const witnesses = policy.witnesses
    .filter(({ name, verifier }) =>
      attempt('policy_cosignature', `${name} on the checkpoint of ${origin}`, () =>
        signedBy(note, verifier),
      ),
    )
    .map(({ name }) => name)
  if (!quorumReached(policy, witnesses))
    throw evidenceFault(
      'policy_quorum',
      text`${origin}, ${checkpoint.size} entries: cosigned by ${witnesses.join(', ') || text`none`}, wanted is ${describeQuorum(policy)}`,
    )
  return { checkpoint, witnesses, quorum: policy.quorum }
}

/** Whether the note has a line by this key. @throws HuxinError signature_invalid when it does not verify */
function signedBy(note: UnverifiedNote, key: Verifier): boolean {
  if (!note.signatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId))
    return false
  verifyNote(note, [key])
  return true
}

function describeQuorum({ quorum, groups }: Policy): string {
  const group = groups.find(({ name }) => name === quorum)
  return group ? `${quorum}, ${group.threshold} of ${group.members.join(', ')}` : quorum
}

/** A log in a file of evidence and what the policy says of its checkpoint. */
export interface JudgedLog {
  readonly log: string
  readonly index: string
  readonly final: FinalByPolicy | undefined
  /** Why it is not final. */
  readonly error: unknown
}

/**
 * Judges every log of a file of evidence, which is to be verified besides. One final log is enough: each of them holds
 * the batch.
 * @throws HuxinError evidence_invalid when none is final
 */
export function judgeEvidence(bytes: Uint8Array, policy: Policy): readonly JudgedLog[] {
  const judged = partsOf(parseEvidence(bytes).parts, 'proof').map(
    ({ name, bytes: part }): JudgedLog => {
      const [, log = '', index = ''] = name.split(' ')
      try {
        return {
          log,
          index,
          final: judgeCheckpoint(
            attempt('part_malformed', name, () => parseTlogProof(part)).checkpointNote,
            policy,
          ),
          error: undefined,
        }
      } catch (error) {
        return { log, index, final: undefined, error }
      }
    },
  )
  if (judged.some(({ final }) => final)) return judged
  // Of a log that the policy knows there is more to say.
  const known = judged.find(({ log }) =>
    policy.logs.some(({ verifier }) => speaksFor(verifier.name, log)),
  )
  throw (known ?? judged[0])?.error ?? evidenceFault('no_log', text`there is no part "proof"`)
}

/** What a `.tlog-proof` proves under a policy. */
export interface ProvenEntry extends FinalByPolicy {
  readonly index: bigint
}

/** @throws HuxinError evidence_invalid, `details.fault` says which way */
export function verifyProofByPolicy({
  proof: bytes,
  entry,
  policy,
}: {
  readonly proof: Uint8Array
  readonly entry: Uint8Array
  readonly policy: Policy
}): ProvenEntry {
  const { index, proof, checkpointNote } = attempt('part_malformed', 'proof', () =>
    parseTlogProof(bytes),
  )
  const final = judgeCheckpoint(checkpointNote, policy)
  const { origin, size, root } = final.checkpoint
  attempt('not_logged', `${origin} ${index}`, () =>
    verifyInclusion({ index, size, leafHash: leafHash(entry), proof, root }),
  )
  return { ...final, index }
}
