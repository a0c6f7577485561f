/**
 * Lane heads go up. Once an hour a node states, as a batch of kind `heads` to its parent and its parent's
 * parent, where every lane that addresses it stands here, as far as that changed since it was last said.
 * Both compare it with where the lane stands at themselves. So a lane whose tail was lost below, or that
 * somebody between keeps silent, is noticed where it was still seen, although nothing came after it that
 * would show a gap. It is a batch so that whoever withholds it leaves a gap in a lane of its own.
 *
 * The parent is told because it may have lost it, the parent's parent because the parent may lie.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { equalBytes, fromBe64 } from '../base/bytes.ts'
import { formatTime } from '../base/clock.ts'
import { type Text, text } from '../base/text.ts'
import { LaneHeadSchema } from '../gen/huxin/v1/exchange_service_pb.ts'
import { decodeLaneHead, type LaneHead } from '../ledger/lanes.ts'
import { laneIndexKey, prefixRange, reportedKey } from '../store/keys.ts'
import { parseLaneKey } from '../topology/lane.ts'
import type { FederationState } from '../topology/federation.ts'
import type { Member } from '../topology/member.ts'
import { targetReaches } from '../topology/target.ts'
import type { Context } from '../commit/context.ts'
import { publish } from './publish.ts'

/** Milliseconds between two reports. */
export const HEADS_MS = 3_600_000
/** Two reports may pass before what is not confirmed is called missing. */
export const HEADS_GRACE_MS = 3 * HEADS_MS

/** Heads of one batch; well below the bytes of a body. */
const BATCH_HEADS = 10_000
const DAY_MS = 86_400_000

/** A recipient that does not have what it should. */
export interface Silence {
  /** Full name of the recipient. */
  readonly node: string
  /** How many lanes to it stand still or differ. */
  readonly lanes: number
  /** What is known of the first of them, for people. */
  readonly message: Text
}

/** Tells the nodes above where lanes stand here, and raises an alarm for each node below that lacks what it should have. */
export async function exchangeHeads(
  context: Context,
  { maySign, graceMs }: { maySign: boolean; graceMs: number },
): Promise<void> {
  if (maySign) await reportHeads(context)
  const silent = new Map(
    (await findSilences(context, graceMs)).map((silence) => [silence.node, silence]),
  )
  for (const { name } of context.ledger().federation.all()) {
    const silence = silent.get(name)
    if (!silence) context.alarms.clear('silence', name)
    else
      context.alarms.raise(
        'silence',
        name,
        silence.lanes > 1
          ? text`${silence.message}, and ${silence.lanes - 1} more lanes`
          : silence.message,
      )
  }
}

/**
 * States the lanes that address this node and changed since the last time. A root has nobody to tell.
 * @returns how many lanes
 * @throws HuxinError not_ready | store_failed
 */
export async function reportHeads(context: Context): Promise<number> {
  const targets = context
    .ledger()
    .federation.lineage(context.self)
    .slice(-3, -1)
    .map(({ id }) => id)
  if (targets.length === 0) return 0
  const changed: Uint8Array[] = []
  const { lanes, federation } = context.ledger()
  for await (const [lane, head] of lanes.heads()) {
    if (!isTo(lane, context.self, federation)) continue
    const said = await reportedHead(context, context.self, lane)
    if (said && said.number === head.number && equalBytes(said.id, head.id)) continue
    changed.push(
      toBinary(
        LaneHeadSchema,
        create(LaneHeadSchema, { lane, number: head.number, batchId: head.id }),
      ),
    )
  }
  for (let i = 0; i < changed.length; i += BATCH_HEADS) {
    await publish(context, {
      kind: 'heads',
      item: undefined,
      provider: context.body,
      targets,
      batchClass: 'normal',
      source: { kind: 'self' },
      records: changed.slice(i, i + BATCH_HEADS),
    })
  }
  return changed.length
}

/**
 * Children and their children who, by their own word, lack what was logged here more than `graceMs` ago
 * and is addressed to them, or have another batch in its place. One that is away shows up too.
 */
export async function findSilences(context: Context, graceMs: number): Promise<Silence[]> {
  const { federation } = context.ledger()
  const children = federation.children(context.self)
  const below = [...children, ...children.flatMap(({ name }) => federation.children(name))].filter(
    ({ status }) => status === 'active',
  )
  const untilMs = context.clock.nowMs() - graceMs
  const listeners = await Promise.all(
    below.map(async (member) => ({ member, sinceMs: await spokenSince(context, member) })),
  )
  const found = new Map<string, { lanes: number; message: Text }>()
  // One walk for all of them, a piece at a time.
  for await (const [lane, head] of context.ledger().lanes.heads()) {
    for (const {
      member: { name },
      sinceMs,
    } of listeners) {
      const message = isTo(lane, name, federation)
        ? await silenceOf(context, name, { lane, head, sinceMs, untilMs })
        : undefined
      if (message !== undefined)
        found.set(name, {
          lanes: (found.get(name)?.lanes ?? 0) + 1,
          message: found.get(name)?.message ?? message,
        })
    }
  }
  return [...found].map(([node, silence]) => ({ node, ...silence }))
}

/** One that never spoke is given a day from its admission; one that did said everything it knew. */
async function spokenSince(context: Context, { name, validFrom }: Member): Promise<number> {
  const [any] = await context.store.range({ ...prefixRange(reportedKey(name, '')), limit: 1 })
  return any ? 0 : Date.parse(validFrom) + DAY_MS
}

/** What a node lacks of a lane; undefined when it lacks nothing that is due. */
async function silenceOf(
  context: Context,
  node: string,
  {
    lane,
    head,
    sinceMs,
    untilMs,
  }: { lane: string; head: LaneHead; sinceMs: number; untilMs: number },
): Promise<Text | undefined> {
  const said = await reportedHead(context, node, lane)
  if (said && said.number > head.number) return undefined
  if (said && (await differs(context, lane, head, said)))
    return text`lane ${lane} has another batch at number ${said.number} there than here`
  if (said?.number === head.number) return undefined
  const due =
    (await loggedAt(context, lane, said ? said.number + 1n : 0n)) ??
    (await loggedAt(context, lane, head.number))
  if (!due || due.timeMs > untilMs || due.timeMs < sinceMs) return undefined
  return text`lane ${lane} stands at ${said?.number ?? text`nothing`} there; number ${due.number} was logged here at ${formatTime(due.timeMs)}`
}

/** Whether a lane addresses a node and does not begin at it. */
function isTo(lane: string, node: string, federation: FederationState): boolean {
  const name = parseLaneKey(lane)
  return name !== undefined && name.origin !== node && targetReaches(name.target, node, federation)
}

/** Where a node last said that a lane stands there. */
async function reportedHead(
  context: Context,
  node: string,
  lane: string,
): Promise<LaneHead | undefined> {
  const value = await context.store.get(reportedKey(node, lane))
  return value && decodeLaneHead(value)
}

async function differs(
  context: Context,
  lane: string,
  head: LaneHead,
  said: LaneHead,
): Promise<boolean> {
  if (said.number === head.number) return !equalBytes(said.id, head.id)
  const here = await loggedAt(context, lane, said.number)
  return here !== undefined && !equalBytes(here.id, said.id)
}

/** What this log has at a number of a lane; undefined before this node's own beginning. */
async function loggedAt(
  context: Context,
  lane: string,
  number: bigint,
): Promise<(LaneHead & { timeMs: number }) | undefined> {
  const at = await context.store.get(laneIndexKey(lane, number))
  const logged = at && (await context.recent.find(fromBe64(at)))
  return logged && { number, id: logged.batch.id, timeMs: logged.entry.timeMs }
}
