/** What became of one batch, as far as this node can tell: its entries, what was decided above, who has it. */
import { fromBinary } from '@bufbuild/protobuf'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type Body, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { concat } from '../base/bytes.ts'
import { type Refusal, RefusalSchema } from '../gen/huxin/v1/body_pb.ts'
import { decodeRecord } from '../record/record.ts'
import { bodyKey } from '../store/keys.ts'
import { type Movement, waysOf } from './account.ts'
import type { Context } from '../commit/context.ts'
import { bodyState, findBatch, type FoundBatch } from '../query/query.ts'
import { receiptsOf } from '../witness/receipts.ts'
import type { LoggedEntry } from '../batch/logged.ts'

export interface VerdictAbove {
  /** Full name. */
  readonly node: string
  /** `accepted`, or the code of the refusal. */
  readonly verdict: string
  readonly timeMs: number
  /** That node decided itself, and did not hear it from above. */
  readonly itself: boolean
}

export interface Story {
  /** The first entry, and the refusal from above where there is one. */
  readonly entries: readonly LoggedEntry[]
  readonly bodyState: string
  readonly refusal: Refusal | undefined
  /** Who refused it first, as far as receipts show it. */
  readonly refusedBy: string | undefined
  readonly above: readonly VerdictAbove[]
  readonly hops: readonly Movement[]
  /** Record ids at the positions that the refusal names, where the records are held here. */
  readonly names: readonly { readonly position: number; readonly recordId: string }[]
  readonly originStatus: string
  readonly quarantined: boolean
}

/** Records of which the names are read. */
const NAMES_MAX = 100

/** @throws HuxinError not_found | store_corrupt */
export async function storyOf(context: Context, id: Uint8Array): Promise<Story> {
  const found = await findBatch(context, id)
  if (!found)
    throw new HuxinError(
      'not_found',
      text`this batch is not in the log of ${context.self}: it has not come here, or it is not for this node; ask where it was made`,
    )
  const entries = await context.recent.readAll(found.indexes)
  const above = await verdictsAbove(context, found)
  const refusal = found.refused ? await refusalAt(context, found.indexes.at(-1)!) : undefined
  const { origin } = found.batch.header
  const ledger = context.ledger()
  return {
    entries,
    above,
    refusal,
    bodyState: found.refused ? 'refused' : bodyState(context, found),
    refusedBy: found.refused ? refuser(context, found, above) : undefined,
    hops: (await waysOf(context, entries[0]!, found)).filter(
      ({ way }) => way === 'to_parent' || way === 'to_child',
    ),
    names: refusal && found.body ? namesIn(found.body, refusal) : [],
    originStatus: ledger.federation.member(origin)?.status ?? '',
    quarantined: ledger.quarantined.has(origin),
  }
}

async function verdictsAbove(context: Context, { batch }: FoundBatch): Promise<VerdictAbove[]> {
  const receipts = await receiptsOf(context, batch.id)
  const verdicts = receipts.map(({ node, receipt }) => {
    const { verdict, timeMs, source } = parseEntry(concat(receipt.entryPrefix, batch.note))
    return {
      node,
      verdict: verdict.accepted ? 'accepted' : verdict.code,
      timeMs,
      itself: source.kind !== 'parent' && source.kind !== 'fetched',
    }
  })
  // The nearest to where it was born first: times have whole seconds.
  const lineage = context
    .ledger()
    .federation.lineage(batch.header.origin)
    .map(({ name }) => name)
  return verdicts.sort((a, b) => lineage.indexOf(b.node) - lineage.indexOf(a.node))
}

/** This node, where its first entry refuses; else the nearest above that says that it decided itself, else the one that the refusal came from. */
function refuser(
  context: Context,
  { entry }: FoundBatch,
  above: readonly VerdictAbove[],
): string | undefined {
  if (!entry.verdict.accepted && entry.source.kind !== 'parent') return context.self
  const refused = above.filter(({ verdict }) => verdict !== 'accepted')
  return (
    (refused.find(({ itself }) => itself) ?? refused[0])?.node ??
    context.ledger().federation.member(context.self)?.parent
  )
}

async function refusalAt(context: Context, index: bigint): Promise<Refusal | undefined> {
  const stored = await context.store.get(bodyKey(index))
  return stored && fromBinary(RefusalSchema, stored)
}

function namesIn(body: Body, { faults }: Refusal): { position: number; recordId: string }[] {
  const positions = [...new Set(faults.map(({ index }) => index))]
    .filter((position) => position < body.count)
    .slice(0, NAMES_MAX)
  return positions.flatMap((position) => {
    const bytes = recordAt(body, position)
    const recordId = bytes && recordIdOf(bytes)
    return recordId === undefined ? [] : [{ position, recordId }]
  })
}

function recordIdOf(bytes: Uint8Array): string | undefined {
  try {
    return decodeRecord(bytes).recordId
  } catch {
    // It may be what was refused.
    return undefined
  }
}
