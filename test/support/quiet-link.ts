/**
 * The loops of a node's link, one after the other and without a network: a parent that does not change is followed,
 * pulled and pushed to until nothing is left, so that what they write comes in the same order each time.
 */
import { doorOf } from './doors.ts'
import { create } from '@bufbuild/protobuf'
import { concat } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { formatEntry, parseEntry, RULES_EDITION } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import type { Context } from '../../src/commit/context.ts'
import { readBodies, readSpine } from '../../src/exchange/serve.ts'
import {
  ReadBodiesResponseSchema,
  ReadLogResponseSchema,
  SubmitResponseSchema,
} from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { formatTlogProof } from '../../src/note/tlog-proof.ts'
import type { BatchClass } from '../../src/topology/lane.ts'
import { Follower } from '../../src/uplink/follower.ts'
import type { LinkOptions } from '../../src/uplink/link.ts'
import type { ParentCalls } from '../../src/uplink/parent.ts'
import { ParentKeys } from '../../src/uplink/parent-keys.ts'
import { Puller } from '../../src/uplink/puller.ts'
import { Pusher } from '../../src/uplink/pusher.ts'

/** Follows the parent's log, pulls and pushes these classes. @throws HuxinError store_failed */
export async function exchangeQuietly(
  context: Context,
  parent: Context,
  { pull, push }: { pull: readonly BatchClass[]; push: readonly BatchClass[] },
): Promise<void> {
  let stop = new AbortController()
  const never = (): Promise<never> =>
    Promise.reject(new HuxinError('internal', 'nobody asks for this'))
  const end = (): Promise<never> => {
    stop.abort()
    return Promise.reject(new HuxinError('cancelled', 'nothing is left'))
  }
  const { size } = parent.log().signed
  const calls: ParentCalls = {
    recall: never,
    readLane: never,
    witness: never,
    renew: never,
    giveBack: never,
    readLog: async ({ start = 0n, limit = 0, receiptsAfter = 0n }, signal) =>
      start === size
        ? end()
        : create(ReadLogResponseSchema, {
            ...(await readSpine(parent, context.self, {
              start,
              limit,
              waitMs: 0,
              signal,
              receiptsAfter: () => Promise.resolve(true),
            })),
            receiptsNext: receiptsAfter,
          }),
    readBodies: async ({ batchClass, start = 0n, bytesMax = 0 }, signal) =>
      start === size
        ? end()
        : create(
            ReadBodiesResponseSchema,
            await readBodies(parent, context.self, {
              batchClass: batchClass as BatchClass,
              start,
              bytesMax,
              waitMs: 0,
              includeOwn: false,
              signal,
              hold: () => undefined,
            }),
          ),
    submit: ({ packages = [] }) =>
      Promise.resolve(
        create(SubmitResponseSchema, {
          outcomes: packages.map(({ header }) => ({
            receipt: receiptOf(parent, context.self, header!),
          })),
        }),
      ),
  }
  const unasked = (): Promise<void> => Promise.resolve()
  const link: LinkOptions = {
    context,
    door: doorOf(context),
    parent: parent.self,
    calls,
    clock: systemClock,
    retryMsMax: 50,
    random: () => 0,
    trust: () => undefined,
    onRecall: unasked,
    onCaughtUp: unasked,
    onAway: () => undefined,
    frozen: () => false,
    recovering: () => false,
    keys: new ParentKeys({ parent: parent.self, ledger: context.ledger, trust: () => undefined }),
  }
  const run = async (loop: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    stop = new AbortController()
    await loop(stop.signal).catch((error: unknown) => {
      if (!(error instanceof HuxinError) || error.code !== 'cancelled') throw error
    })
  }
  const follower = new Follower(link, () => size)
  follower.follow(parent.log().origin)
  await run((signal) => follower.run(signal, () => undefined))
  for (const batchClass of pull)
    await run((signal) =>
      new Puller(link, batchClass, { follower, control: undefined }).run(signal, () => undefined),
    )
  for (const batchClass of push) {
    const pusher = new Pusher(link, batchClass, follower)
    await run((signal) =>
      pusher.run(signal, () => {
        if (pusher.passed(context.log().size)) stop.abort()
      }),
    )
  }
}

/** As the parent gives it, from a log of its own with this entry alone: it logs nothing, so that every copy of its child finds it as it was. */
function receiptOf(
  parent: Context,
  child: string,
  header: Uint8Array,
): { batchId: Uint8Array; entryPrefix: Uint8Array; proof: Uint8Array } {
  const timeMs = systemClock.nowMs()
  const entry = formatEntry({
    timeMs,
    source: { kind: 'child', node: child },
    judged: { timeMs, node: parent.self },
    rules: RULES_EDITION,
    verdict: { accepted: true },
    header,
  })
  const checkpointNote = signCheckpoint(
    { origin: parent.log().origin, size: 1n, root: leafHash(entry) },
    parent.noteSigner,
  )
  const { id } = parseHeaderNote(parseEntry(entry).header)
  return {
    batchId: id,
    entryPrefix: concat(entry.subarray(0, entry.length - header.length)),
    proof: formatTlogProof({ index: 0n, proof: [], checkpointNote }),
  }
}
