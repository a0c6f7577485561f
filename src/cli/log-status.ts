/** Whether a log is final by a policy of the reader's own (C2SP tlog-policy); the node's word is not taken for it. */
import { verifyConsistency } from '../merkle/proof.ts'
import { openWitnessedCheckpoint, type Policy, quorumReached } from '../note/policy.ts'

export interface PolicyVerdict {
  /** Whether the newest checkpoint itself is cosigned as the policy wants it. */
  readonly final: boolean
  /** The largest tree that the quorum cosigned, or a tree that begins with it. */
  readonly finalSize: bigint
  readonly quorum: string
  /** Each witness of the policy with the size that it cosigned last; 0 when none was shown. */
  readonly witnesses: readonly { readonly name: string; readonly size: bigint }[]
}

/** What is judged: the newest checkpoint, older ones with cosignatures, and proofs between them. */
export interface Shown {
  readonly newest: Uint8Array
  readonly cosigned: readonly Uint8Array[]
  readonly prove: (oldSize: bigint, newSize: bigint) => Promise<readonly Uint8Array[]>
}

/** @throws HuxinError signature_invalid | note_malformed | proof_invalid */
export async function judgeByPolicy(
  policy: Policy,
  { newest: newestNote, cosigned, prove }: Shown,
): Promise<PolicyVerdict> {
  const newest = openWitnessedCheckpoint(newestNote, policy)
  const { origin, size: newSize, root: newRoot } = newest.checkpoint
  const sizes = new Map(newest.witnesses.map((name) => [name, newSize]))
  for (const note of cosigned) {
    const { checkpoint, witnesses } = openWitnessedCheckpoint(note, policy)
    const { size: oldSize, root: oldRoot } = checkpoint
    // A cosignature may have come in after the newest checkpoint was read.
    if (checkpoint.origin !== origin || oldSize < 1n || oldSize > newSize) continue
    const proof = oldSize === newSize ? [] : await prove(oldSize, newSize)
    verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof })
    for (const name of witnesses) if (oldSize > (sizes.get(name) ?? 0n)) sizes.set(name, oldSize)
  }
  const reached = (size: bigint): boolean =>
    quorumReached(
      policy,
      [...sizes].filter(([, cosignedSize]) => cosignedSize >= size).map(([name]) => name),
    )
  const candidates = [newSize, ...sizes.values()].filter(reached)
  return {
    final: reached(newSize),
    finalSize: candidates.reduce((largest, size) => (size > largest ? size : largest), 0n),
    quorum: policy.quorum,
    witnesses: policy.witnesses.map(({ name }) => ({ name, size: sizes.get(name) ?? 0n })),
  }
}
