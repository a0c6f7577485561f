/**
 * Room `uplink`: the one connection that a node dials, to its parent. Children dial, parents never do,
 * so that a county needs no inbound port.
 *
 * Over it run independent loops, each a cursor over a sequence, none of which waits for another:
 * - recall: what the parent last saw of us; nothing is signed before it,
 * - push: our log upwards, one loop for each class, several calls in flight, answered in order,
 * - spine: the leaf hashes of the parent's log, verified by extending one frontier,
 * - pull: the batches we are entitled to, one loop for each class, each entry compared with the spine,
 * - witness: cosignatures and delivery receipts, both ways.
 *
 * A class has a loop of its own so that an amendment never waits behind a bulk load. All state is in
 * the store or can be read again from the parent; after any break every loop goes on from its cursor.
 * The parent is watched, not trusted: what it sends is verified here before it passes the door.
 */
import { setMaxListeners } from 'node:events'
import { formatTime, sleep } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { batchClasses } from '../topology/lane.ts'
import { aheadOp } from '../witness/ahead.ts'
import { compareDivisionTable } from '../members/division-table.ts'
import { divisionsVersion } from '../record/divisions.ts'
import { newestSeen } from '../witness/cosigning.ts'
import type { LostLog } from '../gen/huxin/v1/exchange_service_pb.ts'
import { Follower } from './follower.ts'
import { Giver } from './giver.ts'
import type { LinkOptions, UplinkOptions } from './link.ts'
import { ParentKeys } from './parent-keys.ts'
import { Puller } from './puller.ts'
import { Pusher } from './pusher.ts'
import { Taken } from './taken.ts'
import { WitnessLoop } from './witness-loop.ts'

export type LinkState = 'connecting' | 'connected' | 'away' | 'suspended' | 'stopped'

/** That this node is not active, by the word of its parent. */
export interface Suspension {
  readonly status: string
  /** Why, on which document, who decided; '' where the parent does not say. */
  readonly reason: string
  readonly document: string
  readonly actor: string
  /** When it was said first, milliseconds since 1970. */
  readonly sinceMs: number
}

export class Uplink {
  readonly #options: LinkOptions
  readonly #stop = new AbortController()
  readonly #follower: Follower
  readonly #pullers: readonly Puller[]
  readonly #pushers: readonly Pusher[]
  readonly #witness: WitnessLoop
  readonly #giver: Giver
  #loops: Promise<unknown> | undefined
  #state: LinkState = 'connecting'
  /** Why the parent cannot be reached, as it was said last; '' while it can. */
  #awayReason = ''
  #awaySince: { readonly ms: number; readonly monotonicMs: number } | undefined
  #suspension: Suspension | undefined
  #lastContactMs = 0
  readonly #taken: Taken
  #clockOffsetMs = 0

  constructor(options: UplinkOptions) {
    const link = {
      ...options,
      keys: new ParentKeys({
        parent: options.parent,
        ledger: options.context.ledger,
        trust: options.trust,
      }),
    }
    this.#options = link
    setMaxListeners(0, this.#stop.signal)
    this.#follower = new Follower(link, () =>
      this.#pullers.reduce(
        (least, { cursor }) => (cursor < least ? cursor : least),
        this.#follower.verified.size,
      ),
    )
    const control = new Puller(link, 'control', { follower: this.#follower, control: undefined })
    this.#pullers = batchClasses.map((batchClass) =>
      batchClass === 'control'
        ? control
        : new Puller(link, batchClass, { follower: this.#follower, control }),
    )
    this.#pushers = batchClasses.map((batchClass) => new Pusher(link, batchClass, this.#follower))
    this.#witness = new WitnessLoop(link, this.#follower, this.#pullers)
    this.#giver = new Giver(link)
    this.#taken = new Taken(this.#follower, this.#pullers)
  }

  get state(): LinkState {
    return this.#state
  }

  /** Set while the parent says that this node is not active. */
  get suspension(): Suspension | undefined {
    return this.#suspension
  }

  /** Up to when everything that was said above of members and records is taken here; undefined until it is for the first time. */
  confirmedMs(): number | undefined {
    return this.#taken.ms()
  }

  get lastContactMs(): number {
    return this.#lastContactMs
  }

  /** The parent's clock minus ours. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs
  }

  get follower(): Follower {
    return this.#follower
  }

  /** Batches that still have to go up, as far as is known. */
  async waiting(): Promise<number> {
    const counts = await Promise.all(this.#pushers.map((pusher) => pusher.waiting()))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Whether the parent answered for everything below an index of this log; wakes the classes that have not looked so far. */
  handedUp(index: bigint): boolean {
    const behind = this.#pushers.filter((pusher) => !pusher.passed(index))
    for (const pusher of behind) pusher.wake()
    return behind.length === 0
  }

  /** What the nodes above know of a batch of a lane, nearest first. */
  async traceAbove(
    lane: string,
    number: bigint,
  ): Promise<
    readonly { node: string; held: boolean; index: bigint; receiptNotes: Uint8Array[] }[]
  > {
    const { traces } = await this.#options.calls.readLane({ lane, number }, this.#stop.signal)
    return traces
  }

  /** A batch of a lane, as the parent has it. */
  async readPackage(
    lane: string,
    number: bigint,
  ): Promise<{ readonly body: Uint8Array; readonly refusal: Uint8Array } | undefined> {
    return (await this.#options.calls.readLane({ lane, number }, this.#stop.signal)).package
  }

  start(): void {
    this.#loops ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#stop.abort()
    await this.#loops
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    await this.#loop('recall', () => this.#recall(), signal)
    if (signal.aborted) return
    await Promise.all([
      this.#loop('spine', (progress) => this.#follower.run(signal, progress), signal),
      this.#loop('witness', (progress) => this.#witness.run(signal, progress), signal),
      ...this.#pullers.map((puller) =>
        this.#loop(`pull ${puller.batchClass}`, (progress) => puller.run(signal, progress), signal),
      ),
      ...this.#pullers.map((puller) =>
        this.#loop(
          `left ${puller.batchClass}`,
          (progress) => puller.aside.run(signal, progress),
          signal,
        ),
      ),
      ...this.#pushers.map((pusher) =>
        this.#loop(`push ${pusher.batchClass}`, (progress) => pusher.run(signal, progress), signal),
      ),
      this.#loop('recall', (progress) => this.#recallAgain(signal, progress), signal),
      this.#loop('recovery', () => this.#catchUp(signal), signal),
    ])
  }

  /**
   * Runs a loop until it ends, and again after each failure, with capped exponential backoff and jitter.
   * The loop says when it gets on: then its trouble is over.
   */
  async #loop(
    name: string,
    run: (progress: () => void) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, context, retryMsMax, random } = this.#options
    let delayMs = RETRY_MS_MIN
    const progress = (): void => {
      if (delayMs === RETRY_MS_MIN) return
      delayMs = RETRY_MS_MIN
      context.alarms.clear('link', name)
    }
    while (!signal.aborted) {
      // A loop may wait long for news: one that has gone well for a while is well too.
      const cancel = clock.after(STEADY_MS, progress)
      try {
        await run(progress).finally(cancel)
        progress()
        return
      } catch (error) {
        if (signal.aborted) return
        const stop = isHuxinError(error) && error.retry === 'stop'
        this.#trouble(name, error)
        if (isUnreachable(error)) this.#away(name, error)
        delayMs = stop ? retryMsMax : Math.min(delayMs * 2, retryMsMax)
        await sleep(clock, delayMs * (0.5 + random() / 2), signal)
        // Whatever it was, the parent may be another since: come back with a new epoch, or with an older copy.
        if (name !== 'recall') await this.#loop('recall', () => this.#recall(), signal)
      }
    }
  }

  #trouble(name: string, error: unknown): void {
    const { alarms } = this.#options.context
    if (isHuxinError(error, 'member_suspended')) this.#suspended(error)
    // One alarm says it for all loops.
    if (isUnreachable(error) || isHuxinError(error, 'member_suspended'))
      return alarms.clear('link', name)
    alarms.raise('link', name, textOf(error))
  }

  #suspended({ details }: HuxinError): void {
    const { context, clock, parent } = this.#options
    const { status = 'suspended', reason = '', document = '', actor = '' } = details
    this.#state = 'suspended'
    this.#suspension = {
      status,
      reason,
      document,
      actor,
      sinceMs: this.#suspension?.sinceMs ?? clock.nowMs(),
    }
    const why = reason === '' ? '' : text`: ${reason} (${document})`
    context.alarms.raise(
      'suspended',
      '',
      status === 'retired'
        ? text`${parent} has retired this node${why}`
        : text`${parent} has suspended this node${why}`,
    )
  }

  async #recall(): Promise<void> {
    const { calls, context, clock, keys, onRecall, parent } = this.#options
    const parentCheckpoint = await newestSeen(context, parent)
    const before = clock.nowMs()
    const parentStatements = context.ledger().federation.history(parent).slice(-STATEMENTS_SHOWN)
    const answer = await calls.recall(
      {
        protocol: PROTOCOL,
        logOrigin: context.log().origin,
        parentCheckpoint,
        parentStatements,
        clockMs: BigInt(Math.round(before)),
        givesBack: true,
        divisionsVersion,
      },
      this.#stop.signal,
    )
    const now = clock.nowMs()
    if (Math.floor(answer.protocol / 1000) !== Math.floor(PROTOCOL / 1000)) {
      throw new HuxinError(
        'argument_invalid',
        text`the parent speaks protocol ${answer.protocol}, this node ${PROTOCOL}: the first digits must agree; upgrade one of them`,
      )
    }
    if (answer.lost) await this.#giveBack(answer.lost, answer.logOrigin)
    this.#clockOffsetMs = Number(answer.timeMs) - Math.round((before + now) / 2)
    const { protocol, lastCheckpoint, epoch, statements: unverifiedStatements } = answer
    await onRecall({
      protocol,
      parentLog: answer.logOrigin,
      parentTimeMs: Number(answer.timeMs),
      lastCheckpoint,
      epoch,
      unverifiedStatements,
    })
    const ahead = keys.learn(answer.statements, answer.logOrigin)
    if (ahead.length > 0) await context.store.write([aheadOp(parent, ahead)])
    compareDivisionTable(context, parent, answer.divisionsVersion)
    for (const pusher of this.#pushers) pusher.recalled()
    for (const { aside } of this.#pullers) aside.hurry()
    if (this.#follower.follow(answer.logOrigin)) for (const pusher of this.#pushers) pusher.wake()
    this.#contact()
  }

  /** The parent is a root that lost its log; while the next one has not begun it answers nothing else. @throws HuxinError not_ready */
  async #giveBack({ log, size, waiting }: LostLog, now: string): Promise<void> {
    await this.#giver.give({ log, size, now }, this.#stop.signal)
    if (waiting)
      throw new HuxinError(
        'not_ready',
        text`${this.#options.parent} lost ${log} from entry ${size} on and has what this node gave back of it; it waits for others`,
      )
  }

  /** Compares clocks and logs with the parent every minute while the link stands. */
  async #recallAgain(signal: AbortSignal, progress: () => void): Promise<void> {
    while (!signal.aborted) {
      await this.#pause(signal)
      if (signal.aborted) return
      await this.#recall()
      progress()
    }
  }

  /** A minute; while the clock is said to be wrong the parent is asked every few seconds. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, context, recallMs = RECALL_MS } = this.#options
    const pieceMs = Math.min(RECALL_SOON_MS, recallMs)
    for (let pausedMs = 0; pausedMs < recallMs && !signal.aborted; pausedMs += pieceMs) {
      await sleep(clock, pieceMs, signal)
      if (context.alarms.has('clock')) return
    }
  }

  #away(name: string, error: HuxinError): void {
    const { clock, context, parent, awayMs = AWAY_ALARM_MS } = this.#options
    this.#state = 'away'
    this.#awaySince ??= { ms: clock.nowMs(), monotonicMs: clock.monotonicMs() }
    if (clock.monotonicMs() - this.#awaySince.monotonicMs >= awayMs) {
      context.alarms.raise(
        'away',
        '',
        text`${parent} has not been reached since ${formatTime(this.#awaySince.ms)}: ${error}`,
      )
    }
    if (name !== 'recall' || error.message === this.#awayReason) return
    this.#awayReason = error.message
    this.#options.onAway(error)
  }

  /** While lost batches are taken back: waits until every class was read as far as the parent's log goes now. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const { recovering, clock, onCaughtUp } = this.#options
    let [log, end] = ['', 0n]
    while (!signal.aborted && recovering()) {
      if (end === 0n || log !== this.#follower.log)
        [log, end] = [this.#follower.log, this.#follower.verified.size]
      if (end > 0n && this.#pullers.every(({ cursor }) => cursor >= end)) return onCaughtUp()
      await sleep(clock, RECOVERY_POLL_MS, signal)
    }
  }

  #contact(): void {
    this.#state = 'connected'
    this.#awayReason = ''
    this.#awaySince = undefined
    this.#suspension = undefined
    this.#options.context.alarms.clear('away')
    this.#options.context.alarms.clear('suspended')
    this.#lastContactMs = this.#options.clock.nowMs()
  }
}

/** Milliseconds, before jitter, that the first wait after a failure doubles. */
export const RECALL_MS = 60_000
const RECALL_SOON_MS = 5_000
const RETRY_MS_MIN = 50
/** Milliseconds after which a parent that is away is an alarm. A restart takes less. */
const AWAY_ALARM_MS = 60_000
/** Milliseconds without a failure after which a loop is well again. */
const STEADY_MS = 2_000
/** Milliseconds between two looks at what was taken back. */
const RECOVERY_POLL_MS = 200

/** Statements of the parent, the newest, that are shown to it. */
const STATEMENTS_SHOWN = 64

/** Protocol spoken, major * 1000 + minor. */
export const PROTOCOL = 1_000

function isUnreachable(error: unknown): error is HuxinError {
  return (
    isHuxinError(error, 'peer_unreachable') ||
    isHuxinError(error, 'deadline_exceeded') ||
    isHuxinError(error, 'parent_unreachable')
  )
}
