/** What attacks over the real connection begin with: batches for a far county, and an honest one that must still arrive. */
import type { Test } from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { formatEntryPrefix } from '../../src/batch/entry.ts'
import { findBatch } from '../../src/query/query.ts'
import type { StoredReceipt } from '../../src/witness/receipts.ts'
import { leafHash, rootOfLeaves } from '../../src/merkle/hash.ts'
import { proveInclusionInMemory } from '../../src/merkle/proof.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import type { Signer } from '../../src/note/key.ts'
import { formatTlogProof } from '../../src/note/tlog-proof.ts'
import type { Forged } from './checks.ts'
import type { TestFederation } from './federation.ts'
import { industryRecord, many } from './records.ts'
import { packed, type Rogue } from './rogue.ts'

export const FAR = '330782'
export const act = { actor: '张三', reason: 'test', document: '测〔2026〕9号' }

export type Changed = Parameters<Rogue['forge']>[2]
let serial = 0

/** Two records that were never sent before. */
export function fresh(
  rogue: Rogue,
  changed: Changed = {},
  targets: readonly string[] = [FAR],
): Forged {
  serial++
  return rogue.forge(
    many(2, (i) => industryRecord(i, { prefix: `j${serial}` })),
    targets,
    changed,
  )
}

export async function arrives(
  federation: TestFederation,
  { batch }: Forged,
  id = FAR,
): Promise<void> {
  await federation.until(
    `the batch arrives at ${id}`,
    async () => (await findBatch(federation.node(id).context, batch.id)) !== undefined,
  )
}

/** An honest batch still arrives, accepted. */
export async function goesOn(t: Test, federation: TestFederation, rogue: Rogue): Promise<void> {
  const honest = fresh(rogue)
  const answer = await rogue.send(packed(honest))
  t.equal(answer.code, '', answer.outcome.errorMessage)
  await arrives(federation, honest)
  t.equal((await findBatch(federation.node(FAR).context, honest.batch.id))!.refused, false)
}

/** A receipt made by hand, of a log that has one entry for this batch at `index` and nothing true before it. */
export function forgedReceipt(
  { batch }: Pick<Forged, 'batch'>,
  signer: Signer,
  {
    epoch = 1,
    index,
    timeMs,
    origin,
  }: { epoch?: number; index: number; timeMs: number; origin: string },
): StoredReceipt {
  const judged = { timeMs, node: signer.name }
  const prefix = Buffer.from(
    formatEntryPrefix({
      timeMs,
      source: { kind: 'child', node: origin },
      judged,
      rules: '2026.1',
      verdict: { accepted: true },
    }),
  )
  const leaves = concat(
    ...Array.from({ length: index }, (_, i) => leafHash(Buffer.from(`made up ${i}`))),
    leafHash(concat(prefix, batch.note)),
  )
  const checkpointNote = signCheckpoint(
    { origin: `${signer.name}/${epoch}`, size: BigInt(index + 1), root: rootOfLeaves(leaves) },
    signer,
  )
  return {
    batchId: batch.id,
    entryPrefix: prefix,
    proof: formatTlogProof({
      index: BigInt(index),
      proof: proveInclusionInMemory(index, leaves),
      checkpointNote,
    }),
  }
}
