/** Pulls one class of the parent's log: what this node is entitled to, in order, through the door. */
import { createHash } from 'node:crypto'
import { onAbort } from '../base/abort.ts'
import { be64, equalBytes, fromBe64 } from '../base/bytes.ts'
import { sleep } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type EntrySource, formatJudged, parseEntry, type Verdict } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { type BatchClass, laneKey } from '../topology/lane.ts'
import type { Delivery, ReadBodiesResponse } from '../gen/huxin/v1/exchange_service_pb.ts'
import type { SenderClaims } from '../exchange/door.ts'
import { isDropped } from '../exchange/serve.ts'
import { leafHash } from '../merkle/hash.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import { Aside, concernsOneBatch } from './aside.ts'
import type { Follower } from './follower.ts'
import type { LinkOptions } from './link.ts'
import { Pace } from './pace.ts'

/** Log, class → index in the parent's log that is fetched next. */
export const pullRows = defineRows({
  table: 'meta',
  name: 'pull',
  keys: textKeys,
  check: hasCheckValue(8),
})

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
  #emptyMs: number | undefined
  /** Resolves when everything that was there at the start has passed the door. */
  readonly caughtUp: Promise<void>
  #catchUp: (() => void) | undefined
  readonly #control: Puller | undefined
  readonly aside: Aside
  readonly #pace: Pace

  /** `control` is the puller of that class, for the others. */
  constructor(
    options: LinkOptions,
    batchClass: BatchClass,
    { follower, control }: { follower: Follower; control: Puller | undefined },
  ) {
    this.#options = options
    this.batchClass = batchClass
    this.#follower = follower
    this.#control = control
    this.aside = new Aside(options, batchClass, (delivery, more) => this.#takeLeft(delivery, more))
    this.#pace = new Pace(options.clock)
    this.caughtUp = new Promise((resolve) => {
      this.#catchUp = resolve
    })
  }

  /** First index of the parent's log whose batch of this class may not have passed the door. */
  get cursor(): bigint {
    return this.#log === this.#follower.log ? this.#cursor : 0n
  }

  /** When the parent last had nothing more of this class to give, milliseconds since 1970. */
  get emptyMs(): number | undefined {
    return this.#emptyMs
  }

  /** Up to where everything of this class is here: it may be signed for. */
  get delivered(): bigint {
    const { cursor } = this
    const left = this.aside.first
    return left !== undefined && left < cursor ? left : cursor
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    await this.aside.load()
    await this.#load()
    await this.#knowMembers(signal)
    let ahead: Page[] = []
    while (!signal.aborted) {
      if (this.#options.frozen()) {
        await sleep(this.#options.clock, FROZEN_MS, signal)
        continue
      }
      if (this.#log !== this.#follower.log) {
        await this.#load()
        ahead = []
      }
      if (await this.#goBack()) ahead = []
      const page = ahead.shift() ?? this.#ask(this.#cursor, signal)
      const answer = await page.answer
      await this.#pace.rest({ gotOn: answer.next > page.start, sinceMs: page.askedMs, signal })
      // Only a page that was cut off by its size tells where the next one begins.
      if (ahead.length < AHEAD && answer.deliveries.length > 0)
        ahead.push(this.#ask(answer.next, signal))
      // Another log by now: it is read from where that one stands.
      if (!(await this.#take(answer.deliveries, signal))) continue
      await this.#advance(answer.next)
      if (answer.deliveries.length === 0) this.#emptyMs = this.#options.context.trustedMs()
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
    if (!this.#control || (!recovering() && context.ledger().federation.member(context.self)))
      return
    let forget: (() => void) | undefined
    const stopped = new Promise<void>((resolve) => {
      // It may have been stopped while its rows were read.
      forget = onAbort(signal, resolve)
    })
    await Promise.race([this.#control.caughtUp, stopped])
    forget?.()
  }

  #ask(start: bigint, signal: AbortSignal): Page {
    const askedMs = this.#options.clock.monotonicMs()
    const answer = this.#options.calls.readBodies(
      {
        batchClass: this.batchClass,
        start,
        bytesMax: limits.pageBytes,
        waitMs: this.#catchUp || this.#options.recovering() ? BEGIN_WAIT_MS : limits.pollWaitMsMax,
        includeOwn: this.#options.recovering(),
      },
      signal,
    )
    answer.catch(() => undefined)
    return { start, askedMs, answer }
  }

  /** @returns false when the parent began another log meanwhile */
  async #take(deliveries: readonly Delivery[], signal: AbortSignal): Promise<boolean> {
    const taking: Promise<void>[] = []
    for (const delivery of deliveries) {
      const leaf = leafHash(delivery.entry)
      if (!(await this.#follower.compare(this.#log, delivery.index, leaf, signal))) break
      // One after the other, or later ones would pass before.
      const body = delivery.incomplete ? await this.#wholeBody(delivery, signal) : delivery.body
      const passing = this.#pass({ ...delivery, body }, leaf)
      // It may fail while the next one is waited for.
      passing.catch(() => undefined)
      taking.push(passing)
    }
    await Promise.all(taking)
    return this.#log === this.#follower.log
  }

  /** What is wrong with one batch costs its lanes, and nothing else. */
  async #pass(delivery: Delivery, leaf: Uint8Array): Promise<void> {
    const source = { kind: 'parent', log: this.#log, index: delivery.index, leaf } as const
    try {
      const { batch } = await this.#options.door.accept(claimsOf(delivery, source))
      if (!this.aside.isEmpty) await this.aside.passed(batch.header)
    } catch (error) {
      if (isHuxinError(error, 'quarantined') || isHuxinError(error, 'lane_fork')) return
      if (!concernsOneBatch(error)) throw error
      await this.#leave(delivery, source, error)
    }
  }

  /** A batch that was left, asked for again. */
  async #takeLeft(
    delivery: Delivery,
    { asItIs, signal }: { readonly asItIs: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const log = this.#log
    const leaf = leafHash(delivery.entry)
    if (log === '' || !(await this.#follower.compare(log, delivery.index, leaf, signal))) return
    const body = delivery.incomplete ? await this.#wholeBody(delivery, signal) : delivery.body
    await this.#options.door.accept({
      ...claimsOf({ ...delivery, body }, { kind: 'parent', log, index: delivery.index, leaf }),
      asItIs,
    })
  }

  async #leave(
    { index, entry }: Delivery,
    source: Extract<EntrySource, { kind: 'parent' }>,
    error: HuxinError,
  ): Promise<void> {
    const { context, parent } = this.#options
    try {
      await this.aside.leave(parseHeaderNote(parseEntry(entry).header).header, source, error)
    } catch (unread) {
      if (!isHuxinError(unread) || unread.kind !== 'invalid') throw unread
      // Its leaf hash is in the parent's signed tree: it will never be another.
      context.alarms.raise(
        'unreadable',
        parent,
        text`entry ${index} of the log ${source.log} is none that can be read (${unread}); it is passed over`,
      )
    }
  }

  /** What the parent has no more may be whole further up. */
  async #wholeBody({ body, entry }: Delivery, signal: AbortSignal): Promise<Uint8Array> {
    const { context, calls, recovering } = this.#options
    if (recovering()) return body
    const batch = parseHeaderNote(parseEntry(entry).header)
    if (await context.ledger().known(batch.id)) return body
    const { origin, epoch, batchClass, lanes } = batch.header
    for (const { target, number } of lanes) {
      const { package: found } = await calls.readLane(
        { lane: laneKey(origin, epoch, target, batchClass), number },
        signal,
      )
      if (
        found &&
        found.body.length > 0 &&
        !isDropped(found.body) &&
        equalBytes(parseHeaderNote(found.header).id, batch.id)
      )
        return found.body
    }
    return body
  }

  async #load(): Promise<void> {
    const { log } = this.#follower
    const { keys, context } = this.#options
    const stored = await keys.inherited(log, async (name) =>
      openChecked(this.#key(name), await context.store.get(this.#key(name))),
    )
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
    await this.#options.context.store.write([
      { key: this.#key(this.#log), value: checkedValue(this.#key(this.#log), be64(next)) },
    ])
  }

  /** What was left and could not be kept is read again as soon as there is room. */
  async #goBack(): Promise<boolean> {
    const from = this.aside.readAgain
    if (from === undefined || this.#log === '') return false
    const goesBack = from < this.#cursor
    const key = this.#key(this.#log)
    await this.aside.beginAgain(goesBack ? [{ key, value: checkedValue(key, be64(from)) }] : [])
    if (goesBack) this.#cursor = from
    return goesBack
  }

  #key(log: string): Uint8Array {
    return pullRows.key(`${log}/${this.batchClass}`)
  }
}

/** A page of the parent's log, on its way. */
interface Page {
  readonly start: bigint
  readonly askedMs: number
  readonly answer: Promise<ReadBodiesResponse>
}

/** @throws HuxinError entry_malformed | root_mismatch */
function claimsOf(delivery: Delivery, source: EntrySource): SenderClaims {
  const entry = parseEntry(delivery.entry)
  checkVerdict(entry.verdict, delivery)
  return {
    header: entry.header,
    body: delivery.body,
    ...(delivery.refusal.length > 0 ? { refusal: delivery.refusal } : {}),
    judged: formatJudged(entry.judged),
    loggedMs: entry.timeMs,
    rules: entry.rules,
    incomplete: delivery.incomplete,
    ...(delivery.receipt ? { receipt: delivery.receipt } : {}),
    source,
  }
}

/** The entry, which the spine holds, commits to the verdict and to its reasons; what comes beside it must be them. */
function checkVerdict(verdict: Verdict, { index, refusal }: Delivery): void {
  const same = verdict.accepted
    ? refusal.length === 0
    : equalBytes(createHash('sha256').update(refusal).digest(), verdict.reasons)
  if (!same)
    throw new HuxinError(
      'root_mismatch',
      text`the parent delivered entry ${index} with another verdict or other reasons than its log has`,
    )
}
