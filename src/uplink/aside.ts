/**
 * Lanes of one class whose next batch cannot be taken yet: its member, item, receipt or records have not come, a number
 * before it is missing, or what the parent delivered is not what its log has. Such a batch is left where it is and its lanes
 * wait; everything else of the class goes on. It gets no verdict here, which would be another than elsewhere. It is asked for again, soon after what it may wait for has come, and an alarm
 * says what is missing and what helps. What waits is not signed for: who holds the records keeps them.
 */
import { be64, concat, fromBe64 } from '../base/bytes.ts'
import { type HuxinError, isHuxinError } from '../base/errors.ts'
import { formatTime } from '../base/clock.ts'
import { type Said, type Text, text } from '../base/text.ts'
import { type EntrySource, parseEntry } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { provenReceipts } from '../account/reconcile.ts'
import type { Delivery, Package, Trace } from '../gen/huxin/v1/exchange_service_pb.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { prefixRange } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import { type BatchClass, laneKey, parseLaneKey } from '../topology/lane.ts'
import type { AsideRoom, LinkOptions } from './link.ts'

/** Class, lane → index in the parent's log and number of what was left. */
export const asideRows = defineRows({
  table: 'meta',
  name: 'aside',
  keys: textKeys,
  check: hasCheckValue(16),
})
/** Class → index in the parent's log from which on more was left than is kept by lane. */
export const asideRestRows = defineRows({
  table: 'meta',
  name: 'aside-rest',
  keys: textKeys,
  check: hasCheckValue(8),
})

/** Milliseconds that what is missing may take before anybody is told. */
export const PATIENCE_MS = 10_000
/** Milliseconds between two tries, at first and at most. */
const AGAIN_MS_MIN = 50
const AGAIN_MS_MAX = 600_000
/** Milliseconds between two tries when what may be wanted has come. */
const NEWS_MS = 500
/** Lanes tried in one go, and batches taken of one lane in one go. */
const LANES_AT_ONCE = 64
const BATCHES_AT_ONCE = 256
const ROOM: AsideRoom = { all: 10_000, each: 1_024, few: 16 }
/** Lanes that wait, up to which each missing number has an alarm of its own. */
const GAP_ALARMS_MAX = 64

/** What may come by itself; whatever else is wrong is the sender's doing. */
const awaited: readonly string[] = [
  'member_unknown',
  'item_unknown',
  'receipt_wanted',
  'body_incomplete',
  'lane_gap',
]

/** True for what is wrong with one batch, and not with this node, the link or the parent's log. */
export function concernsOneBatch(error: unknown): error is HuxinError {
  return (
    isHuxinError(error) &&
    (error.kind === 'invalid' ||
      error.kind === 'refused' ||
      error.kind === 'denied' ||
      awaited.includes(error.code))
  )
}

interface Waiting {
  /** Where in the parent's log the first batch stands that was left. */
  readonly index: bigint
  /** Largest number that is known to be there. */
  upTo: bigint
  code: string
  said: Said
  readonly sinceMs: number
  triedMs: number
  dueMs: number
  delayMs: number
}

/** Passes a delivery of the parent through the door, as a page of its log would. @throws HuxinError as the door */
export type Take = (
  delivery: Delivery,
  more: { readonly asItIs: boolean; readonly signal: AbortSignal },
) => Promise<void>

export class Aside {
  readonly #options: LinkOptions
  readonly #batchClass: BatchClass
  readonly #take: Take
  readonly #lanes = new Map<string, Waiting>()
  /** Lanes of each origin. */
  readonly #counts = new Map<string, number>()
  /** From where on the parent's log has batches that were left and whose lanes are not kept, and the origins that have no room. */
  #rest: bigint | undefined
  readonly #crowded = new Set<string>()
  /** Origins for which an alarm stands. */
  #said = new Set<string>()
  #loading: Promise<void> | undefined

  constructor(options: LinkOptions, batchClass: BatchClass, take: Take) {
    this.#options = options
    this.#batchClass = batchClass
    this.#take = take
  }

  /** The first index of the parent's log whose batch was left; undefined when none is. */
  get first(): bigint | undefined {
    let first = this.#rest
    for (const { index } of this.#lanes.values())
      if (first === undefined || index < first) first = index
    return first
  }

  /** Reads what waited when the node stopped. */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  async #load(): Promise<void> {
    const { context } = this.#options
    const prefix = this.#key('')
    for (const [key, stored] of await context.store.range(prefixRange(prefix))) {
      const value = openChecked(key, stored)
      if (value)
        this.#keep(
          Buffer.from(key.subarray(prefix.length)).toString(),
          this.#waiting(
            fromBe64(value),
            fromBe64(value, 8),
            'lane_gap',
            text`it was left before the node was started`,
          ),
        )
    }
    const rest = openChecked(this.#restKey, await context.store.get(this.#restKey))
    if (rest) this.#rest = fromBe64(rest)
  }

  /** True while no lane waits. */
  get isEmpty(): boolean {
    return this.#lanes.size === 0
  }

  /** Leaves a batch that did not pass the door; its lanes wait. */
  async leave(
    header: BatchHeader,
    source: Extract<EntrySource, { kind: 'parent' }>,
    error: HuxinError,
  ): Promise<void> {
    const { context } = this.#options
    const ops: Op[] = []
    for (const { key: lane, number } of context.ledger().passingLanes(header, source)) {
      const before = this.#lanes.get(lane)
      if (before) {
        if (number > before.upTo) before.upTo = number
        continue
      }
      if (!this.#hasRoom(header.origin)) {
        this.#crowded.add(header.origin)
        if (this.#rest !== undefined && this.#rest <= source.index) continue
        this.#rest = source.index
        ops.push({ key: this.#restKey, value: checkedValue(this.#restKey, be64(source.index)) })
        continue
      }
      this.#keep(lane, this.#waiting(source.index, number, error.code, error.text))
      const key = this.#key(lane)
      ops.push({ key, value: checkedValue(key, concat(be64(source.index), be64(number))) })
    }
    if (ops.length === 0) return
    await context.store.write(ops)
    context.changes.announce([this.#topic])
  }

  /** From where on the parent's log is to be read again, because there is room for what was left without being kept. */
  get readAgain(): bigint | undefined {
    const { all, each } = this.#room
    return this.#lanes.size > all / 2 ||
      [...this.#crowded].some((origin) => this.#countOf(origin) > each / 2)
      ? undefined
      : this.#rest
  }

  /** It is read again from there, as the rows say that are written with it. */
  async beginAgain(rows: readonly Op[]): Promise<void> {
    await this.#options.context.store.write([...rows, { key: this.#restKey, value: undefined }])
    this.#rest = undefined
    this.#crowded.clear()
  }

  /** No origin takes the room of others. */
  #hasRoom(origin: string): boolean {
    const { all, each, few } = this.#room
    return this.#countOf(origin) < few || (this.#countOf(origin) < each && this.#lanes.size < all)
  }

  #countOf(origin: string): number {
    return this.#counts.get(origin) ?? 0
  }

  #keep(lane: string, waiting: Waiting): void {
    this.#lanes.set(lane, waiting)
    this.#count(lane, 1)
  }

  #count(lane: string, more: number): void {
    const origin = parseLaneKey(lane)?.origin ?? lane
    const count = this.#countOf(origin) + more
    if (count > 0) this.#counts.set(origin, count)
    else this.#counts.delete(origin)
  }

  /** A batch passed the door: its lanes may wait no more. */
  async passed({ origin, epoch, batchClass, lanes }: BatchHeader): Promise<void> {
    for (const { target, number } of lanes) {
      const lane = laneKey(origin, epoch, target, batchClass)
      const waiting = this.#lanes.get(lane)
      if (waiting && number >= waiting.upTo) await this.#close(lane)
    }
  }

  /** The parent answers anew: what it did not have it may have now. */
  hurry(): void {
    if (this.isEmpty) return
    for (const waiting of this.#lanes.values())
      waiting.dueMs = Math.min(waiting.dueMs, waiting.triedMs + NEWS_MS)
    this.#options.context.changes.announce([this.#topic])
  }

  /** Asks again until stopped. */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { context, clock } = this.#options
    await this.load()
    const news = (): number => context.changes.count('control') + context.changes.count('amendment')
    while (!signal.aborted) {
      const before = news()
      const now = clock.monotonicMs()
      const due = [...this.#lanes]
        .filter(([, { dueMs }]) => dueMs <= now)
        .sort(([, a], [, b]) => (a.index < b.index ? -1 : 1))
        .slice(0, LANES_AT_ONCE)
      for (const [lane, waiting] of due) await this.#again(lane, waiting, signal)
      if (signal.aborted) return
      this.#say()
      progress()
      await this.#wait(before === news(), signal)
      if (before === news()) continue
      this.hurry()
    }
  }

  async #wait(nothingCame: boolean, signal: AbortSignal): Promise<void> {
    if (!nothingCame) return
    const { context, clock } = this.#options
    const next = Math.min(
      ...[...this.#lanes.values()].map(({ dueMs }) => dueMs),
      clock.monotonicMs() + AGAIN_MS_MAX,
    )
    const topics = this.#lanes.size > 0 ? [this.#topic, 'control', 'amendment'] : [this.#topic]
    await context.changes.next(topics, Math.max(1, next - clock.monotonicMs()), signal)
  }

  /** Takes what follows in a lane, as far as it goes. */
  async #again(lane: string, waiting: Waiting, signal: AbortSignal): Promise<void> {
    const { context, door, calls, clock, parent } = this.#options
    for (
      let taken = 0;
      taken < BATCHES_AT_ONCE && this.#lanes.has(lane) && !signal.aborted;
      taken++
    ) {
      waiting.triedMs = clock.monotonicMs()
      const standing = await context.ledger().lanes.read(lane)
      const number = standing ? standing.number + 1n : 0n
      const { traces, package: pack } = await calls.readLane({ lane, number }, signal)
      const [own] = traces
      // What the parent has logged comes as its log has it.
      const delivery =
        own?.held && own.node === parent
          ? await this.#delivery(own.index, { lane, number }, signal)
          : undefined
      if (!delivery && !pack) {
        if (standing && standing.number >= waiting.upTo) return this.#close(lane)
        return this.#missing(waiting, { lane, number, traces })
      }
      const asItIs =
        waiting.code === 'body_incomplete' &&
        clock.monotonicMs() - waiting.sinceMs >= this.#patienceMs
      try {
        if (delivery) await this.#take(delivery, { asItIs, signal })
        else
          await door.accept({
            ...fetched(pack!),
            asItIs,
            source: { kind: 'fetched', node: parent },
          })
      } catch (error) {
        if (!concernsOneBatch(error)) throw error
        return this.#later(waiting, { code: error.code, said: error.text })
      }
      context.alarms.clear('gap', lane)
      waiting.delayMs = AGAIN_MS_MIN
    }
  }

  /** The parent's entry at an index, when it is the batch of that number. */
  async #delivery(
    index: bigint,
    { lane, number }: { readonly lane: string; readonly number: bigint },
    signal: AbortSignal,
  ): Promise<Delivery | undefined> {
    const {
      deliveries: [delivery],
    } = await this.#options.calls.readBodies(
      {
        batchClass: this.#batchClass,
        start: index,
        bytesMax: 1,
        waitMs: 0,
        includeOwn: this.#options.recovering(),
      },
      signal,
    )
    if (delivery?.index !== index) return undefined
    const { header } = parseHeaderNote(parseEntry(delivery.entry).header)
    const place = header.lanes.find(
      ({ target }) => laneKey(header.origin, header.epoch, target, header.batchClass) === lane,
    )
    return place?.number === number ? delivery : undefined
  }

  #missing(
    waiting: Waiting,
    {
      lane,
      number,
      traces,
    }: { readonly lane: string; readonly number: bigint; readonly traces: readonly Trace[] },
  ): void {
    const { context } = this.#options
    const had = traces
      .filter(({ held }) => held)
      .map((trace) =>
        provenReceipts(context, trace, this.#batchClass).reduce(
          (said: Said, { from }) => text`${said}, whose next hop ${from} signed for it`,
          trace.node,
        ),
      )
    if (this.#lanes.size <= GAP_ALARMS_MAX)
      context.alarms.raise(
        'gap',
        lane,
        text`number ${number} is missing; it was last held by ${had.length === 0 ? text`nobody who answers` : had}`,
      )
    this.#later(waiting, {
      code: 'lane_gap',
      said: text`number ${number} is missing, and nobody on the way gives it`,
    })
  }

  #later(waiting: Waiting, { code, said }: { readonly code: string; readonly said: Said }): void {
    waiting.code = code
    waiting.said = said
    waiting.dueMs = this.#options.clock.monotonicMs() + waiting.delayMs
    waiting.delayMs = Math.min(2 * waiting.delayMs, AGAIN_MS_MAX)
  }

  async #close(lane: string): Promise<void> {
    const { context } = this.#options
    await context.store.write([{ key: this.#key(lane), value: undefined }])
    if (this.#lanes.delete(lane)) this.#count(lane, -1)
    context.alarms.clear('gap', lane)
    context.changes.announce(['pulled', this.#topic])
  }

  /** One alarm for each origin, as soon as somebody is at fault, or what is missing had its time. */
  #say(): void {
    const { context, clock } = this.#options
    const origins = new Map<string, { lane: string; waiting: Waiting; count: number }>()
    for (const [lane, waiting] of this.#lanes) {
      const origin = parseLaneKey(lane)?.origin ?? lane
      if (waiting.code === 'lane_gap' && context.alarms.has('gap', lane)) continue
      const before = origins.get(origin)
      origins.set(origin, {
        ...(before && before.waiting.index <= waiting.index ? before : { lane, waiting }),
        count: (before?.count ?? 0) + 1,
      })
    }
    const standing = new Set<string>()
    for (const [origin, { lane, waiting, count }] of origins) {
      if (
        awaited.includes(waiting.code) &&
        clock.monotonicMs() - waiting.sinceMs < this.#patienceMs
      )
        continue
      standing.add(origin)
      context.alarms.raise(
        'waiting',
        `${origin} ${this.#batchClass}`,
        this.#text(lane, waiting, count),
      )
    }
    for (const origin of this.#said)
      if (!standing.has(origin)) context.alarms.clear('waiting', `${origin} ${this.#batchClass}`)
    this.#said = standing
  }

  #text(lane: string, { index, code, said, sinceMs }: Waiting, count: number): Text {
    const { parent, clock } = this.#options
    const since = formatTime(clock.nowMs() - (clock.monotonicMs() - sinceMs))
    return text`lane ${lane}${count > 1 ? text` and ${count - 1} more of that origin` : ''} waits since ${since} for a batch that cannot be taken here, entry ${index} of ${parent} or one before it: ${code}: ${
      said
    }. Everything else goes on, and it is asked for again by itself; ${remedies[code] ?? text`${parent} gives what does not belong to its log: keep this message and ask its operator`}`
  }

  #waiting(index: bigint, upTo: bigint, code: string, said: Said): Waiting {
    const now = this.#options.clock.monotonicMs()
    return {
      index,
      upTo,
      code,
      said,
      sinceMs: now,
      triedMs: 0,
      dueMs: now + AGAIN_MS_MIN,
      delayMs: AGAIN_MS_MIN,
    }
  }

  get #patienceMs(): number {
    return this.#options.patienceMs ?? PATIENCE_MS
  }

  get #topic(): string {
    return `aside ${this.#batchClass}`
  }

  get #room(): AsideRoom {
    return this.#options.asideRoom ?? ROOM
  }

  get #restKey(): Uint8Array {
    return asideRestRows.key(this.#batchClass)
  }

  #key(lane: string): Uint8Array {
    return asideRows.key(`${this.#batchClass}/${lane}`)
  }
}

function fetched({ header, body, refusal, judged, receipt }: Package) {
  return {
    header,
    body,
    judged,
    ...(refusal.length > 0 ? { refusal } : {}),
    ...(receipt ? { receipt } : {}),
  }
}

const remedies: Readonly<Record<string, Text>> = {
  member_unknown: text`if it stays, the nodes on the way are asked whether they have the statement of that member (huxin member list), which the node above it sent to everybody in its control lane (huxin trace)`,
  item_unknown: text`if it stays, who publishes that item or scale does it again, and the nodes on the way are asked whether they have it (huxin catalog list)`,
  receipt_wanted: text`if it stays, the origin publishes the records again`,
  body_incomplete: text`if it stays, the node that lost the records repairs itself (huxin fsck --repair), or the origin publishes them again and erases this batch`,
  lane_gap: text`if it stays, the node that had it last is asked (huxin trace), or the origin publishes the records again`,
}
