/** Pulls one class of the parent's log: what this node is entitled to, in order, through the door. */
import { createHash } from 'node:crypto'
import { be64, equalBytes, fromBe64 } from '../base/bytes.ts'
import { sleep } from '../base/clock.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { formatJudged, parseEntry, type Verdict } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import { openHeader } from '../batch/seal.ts'
import { type BatchClass, laneKey } from '../topology/lane.ts'
import type { Delivery, ReadBodiesResponse } from '../gen/huxin/v1/exchange_service_pb.ts'
import { provenReceipts } from '../exchange/reconcile.ts'
import { isDropped } from '../exchange/serve.ts'
import { leafHash } from '../merkle/hash.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { tables, textKey } from '../store/keys.ts'
import type { Follower } from './follower.ts'
import type { LinkOptions } from './link.ts'

/** Pages asked for ahead of the one that passes the door. */
const AHEAD = 2
/** Milliseconds that a class with nothing more waits at first, and while lost batches are taken back. */
const BEGIN_WAIT_MS = 500
/** Milliseconds between two looks whether the log is still frozen. */
const FROZEN_MS = 500
/** Milliseconds between two notes of the cursor. */
const SAVE_MS = 500

export class Puller {
  readonly batchClass: BatchClass
  readonly #options: LinkOptions
  readonly #follower: Follower
  #log = ''
  #cursor = 0n
  #savedMs = 0
  /** Lanes with a gap that an alarm stands for. */
  readonly #gaps = new Set<string>()

  /** Resolves when everything that was there at the start has passed the door. */
  readonly caughtUp: Promise<void>
  #catchUp: (() => void) | undefined
  readonly #control: Puller | undefined

  /** `control` is the puller of that class, for the others. */
  constructor(options: LinkOptions, batchClass: BatchClass, { follower, control }: { follower: Follower; control: Puller | undefined }) {
    this.#options = options
    this.batchClass = batchClass
    this.#follower = follower
    this.#control = control
    this.caughtUp = new Promise((resolve) => {
      this.#catchUp = resolve
    })
  }

  /** First index of the parent's log whose batch of this class may not have passed the door. */
  get cursor(): bigint {
    return this.#log === this.#follower.log ? this.#cursor : 0n
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    await this.#load()
    await this.#knowMembers(signal)
    let ahead: { start: bigint; answer: Promise<ReadBodiesResponse> }[] = []
    while (!signal.aborted) {
      if (this.#options.frozen()) {
        await sleep(this.#options.clock, FROZEN_MS, signal)
        continue
      }
      if (this.#log !== this.#follower.log) {
        await this.#load()
        ahead = []
      }
      const page = ahead.shift() ?? this.#ask(this.#cursor, signal)
      const answer = await page.answer
      // Only a page that was cut off by its size tells where the next one begins.
      if (ahead.length < AHEAD && answer.deliveries.length > 0) ahead.push(this.#ask(answer.next, signal))
      // Another log by now: it is read from where that one stands.
      if (!await this.#take(answer.deliveries, signal)) continue
      await this.#advance(answer.next)
      progress()
      if (answer.deliveries.length === 0 && this.#follower.verified.size > 0n) {
        this.#catchUp?.()
        this.#catchUp = undefined
      }
    }
  }

  /** Where a batch goes is told by the members: a node that begins learns of itself and of those below it first. */
  async #knowMembers(signal: AbortSignal): Promise<void> {
    const { context, recovering } = this.#options
    if (!this.#control || (!recovering() && context.ledger().federation.member(context.self))) return
    await Promise.race([this.#control.caughtUp, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
  }

  #ask(start: bigint, signal: AbortSignal): { start: bigint; answer: Promise<ReadBodiesResponse> } {
    const answer = this.#options.calls.readBodies({
      batchClass: this.batchClass, start, bytesMax: limits.pageBytes, waitMs: this.#catchUp || this.#options.recovering() ? BEGIN_WAIT_MS : limits.pollWaitMsMax, includeOwn: this.#options.recovering(),
    }, signal)
    answer.catch(() => undefined)
    return { start, answer }
  }

  /** @returns false when the parent began another log meanwhile */
  async #take(deliveries: readonly Delivery[], signal: AbortSignal): Promise<boolean> {
    const taking: Promise<void>[] = []
    for (const delivery of deliveries) {
      const leaf = leafHash(delivery.entry)
      if (!await this.#follower.compare(this.#log, delivery.index, leaf, signal)) break
      // One after the other, or later ones would pass before.
      const body = delivery.incomplete ? await this.#wholeBody(delivery, signal) : delivery.body
      const passing = this.#pass({ ...delivery, body }, leaf, signal)
      // It may fail while the next one is waited for.
      passing.catch(() => undefined)
      taking.push(passing)
    }
    await Promise.all(taking)
    return this.#log === this.#follower.log
  }

  async #pass(delivery: Delivery, leaf: Uint8Array, signal: AbortSignal): Promise<void> {
    const { context } = this.#options
    const entry = parseEntry(delivery.entry)
    checkVerdict(entry.verdict, delivery)
    const inbound = {
      header: entry.header,
      body: delivery.body,
      ...(delivery.refusal.length > 0 ? { refusal: delivery.refusal } : {}),
      judged: formatJudged(entry.judged),
      loggedMs: entry.timeMs,
      rules: entry.rules,
      incomplete: delivery.incomplete,
      ...(delivery.receipt ? { receipt: delivery.receipt } : {}),
      source: { kind: 'parent', log: this.#log, index: delivery.index, leaf } as const,
    }
    try {
      const { batch } = await context.door.accept(inbound)
      if (this.#gaps.size > 0) this.#close(batch.header)
    } catch (error) {
      if (isHuxinError(error, 'lane_gap')) return this.#fetchMissing(error, signal)
      if (isHuxinError(error, 'quarantined') || isHuxinError(error, 'lane_fork')) return
      throw error
    }
  }

  /** What the parent has no more may be whole further up. */
  async #wholeBody({ body, entry }: Delivery, signal: AbortSignal): Promise<Uint8Array> {
    const { context, calls, recovering } = this.#options
    if (recovering()) return body
    const batch = openHeader(parseEntry(entry).header)
    if (await context.ledger().known(batch.id)) return body
    const { origin, epoch, batchClass, lanes } = batch.header
    for (const { target, number } of lanes) {
      const { package: found } = await calls.readLane({ lane: laneKey(origin, epoch, target, batchClass), number }, signal)
      if (found && found.body.length > 0 && !isDropped(found.body) && equalBytes(openHeader(found.header).id, batch.id)) return found.body
    }
    return body
  }

  /** Asks for a missing number of a lane, which the parent skipped; then the page is read again. */
  async #fetchMissing(gap: HuxinError, signal: AbortSignal): Promise<never> {
    const { context, calls, parent } = this.#options
    const { lane = '', expected = '' } = gap.details
    const answer = await calls.readLane({ lane, number: BigInt(expected) }, signal)
    const name = `gap ${lane}`
    if (!answer.package) {
      const had = answer.traces.filter(({ held }) => held).map((trace) => [trace.node, ...provenReceipts(context, trace, this.batchClass).map(({ from }) => `${from} signed for it`)].join(', whose next hop '))
      this.#gaps.add(lane)
      context.alarms.raise(name, `number ${expected} is missing; it was last held by ${had.join(', ') || 'nobody who answers'}`)
      throw new HuxinError('lane_gap', `lane ${lane} misses number ${expected} and nobody on the way gives it`, { details: gap.details })
    }
    try {
      await context.door.accept({
        header: answer.package.header,
        body: answer.package.body,
        ...(answer.package.refusal.length > 0 ? { refusal: answer.package.refusal } : {}),
        judged: answer.package.judged,
        ...(answer.package.receipt ? { receipt: answer.package.receipt } : {}),
        source: { kind: 'fetched', node: parent },
      })
      context.alarms.clear(name)
    } catch (error) {
      this.#gaps.add(lane)
      context.alarms.raise(name, `number ${expected} was fetched and not taken: ${messageOf(error)}`)
      throw error
    }
    throw new HuxinError('lane_gap', `lane ${lane}: number ${expected} was missing and has been fetched; going on`, { details: gap.details })
  }

  /** A lane goes on: what was missing has come after all. */
  #close({ origin, epoch, batchClass, lanes }: BatchHeader): void {
    for (const { target } of lanes) {
      const lane = laneKey(origin, epoch, target, batchClass)
      if (this.#gaps.delete(lane)) this.#options.context.alarms.clear(`gap ${lane}`)
    }
  }

  async #load(): Promise<void> {
    const { log } = this.#follower
    const { keys, context } = this.#options
    const stored = await keys.inherited(log, async (name) => openChecked(this.#key(name), await context.store.get(this.#key(name))))
    this.#log = log
    this.#cursor = stored ? fromBe64(stored) : 0n
  }

  async #advance(next: bigint): Promise<void> {
    if (next === this.#cursor) return
    this.#cursor = next
    this.#options.context.changes.announce(['pulled'])
    const now = this.#options.clock.monotonicMs()
    if (now - this.#savedMs < SAVE_MS) return
    this.#savedMs = now
    // Losing this costs reading a page again: known batches are answered with their first receipt.
    await this.#options.context.store.write([{ key: this.#key(this.#log), value: checkedValue(this.#key(this.#log), be64(next)) }])
  }

  #key(log: string): Uint8Array {
    return textKey(tables.meta, `pull/${log}/${this.batchClass}`)
  }
}

/** The entry, which the spine holds, commits to the verdict and to its reasons; what comes beside it must be them. */
function checkVerdict(verdict: Verdict, { index, refusal }: Delivery): void {
  const same = verdict.accepted ? refusal.length === 0 : equalBytes(createHash('sha256').update(refusal).digest(), verdict.reasons)
  if (!same) throw new HuxinError('root_mismatch', `the parent delivered entry ${index} with another verdict or other reasons than its log has`)
}
