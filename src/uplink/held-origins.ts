/**
 * Origins of one class of whose batches the parent does not take the next one: it does not know a member or an item of it yet,
 * a quota is used up, or something is wrong with it. What others send goes on; what such an origin sent is offered again
 * from there, with growing pauses, and an alarm says why.
 */
import { be64, fromBe64 } from '../base/bytes.ts'
import { errorTable, isErrorCode } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import type { Outcome } from '../gen/huxin/v1/exchange_service_pb.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { prefixRange } from '../store/keys.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import type { BatchClass } from '../topology/lane.ts'
import { PATIENCE_MS } from './aside.ts'
import type { LinkOptions } from './link.ts'

/** Class, log, origin → index from which on its batches wait here. */
export const heldRows = defineRows({
  table: 'meta',
  name: 'held',
  keys: textKeys,
  check: hasCheckValue(8),
})

const AGAIN_MS_MIN = 50
const AGAIN_MS_MAX = 60_000

/** What may come by itself at the parent. */
const awaited: readonly string[] = ['member_unknown', 'item_unknown', 'body_incomplete', 'lane_gap']
/** Codes that say something of the parent as a whole, although they come with one batch. */
const ofTheParent: readonly string[] = [
  'log_frozen',
  'clock_wrong',
  'not_ready',
  'unconfirmed',
  'overloaded',
  'parent_unreachable',
  'peer_unreachable',
  'deadline_exceeded',
  'cancelled',
]

/** True when the parent did not take one batch, and takes others. */
export function isOfOneOrigin({ errorCode }: Outcome): boolean {
  return (
    isErrorCode(errorCode) &&
    errorTable[errorCode].kind !== 'broken' &&
    !ofTheParent.includes(errorCode)
  )
}

/** Where in this log an origin waits. */
export interface Held {
  readonly index: bigint
  code: string
  message: Said
  readonly sinceMs: number
  dueMs: number
  delayMs: number
}

export class HeldOrigins {
  readonly #options: LinkOptions
  readonly #batchClass: BatchClass
  #log = ''
  #held = new Map<string, Held>()

  constructor(options: LinkOptions, batchClass: BatchClass) {
    this.#options = options
    this.#batchClass = batchClass
  }

  has(origin: string): boolean {
    return this.#held.has(origin)
  }

  /** Reads who waits before a log of the parent. */
  async load(log: string): Promise<void> {
    const rows = await this.#options.keys.inherited(log, async (name) => {
      const prefix = this.#key(name, '')
      const found = await this.#options.context.store.range(prefixRange(prefix))
      return found.length > 0
        ? found.map(([key, value]) => ({
            origin: Buffer.from(key.subarray(prefix.length)).toString(),
            value: openChecked(key, value),
          }))
        : undefined
    })
    for (const origin of this.#held.keys()) this.#clear(origin)
    this.#log = log
    this.#held = new Map()
    for (const { origin, value } of rows ?? [])
      if (value)
        this.#held.set(
          origin,
          this.#from(fromBe64(value), {
            code: 'not_ready',
            message: text`it was not taken before this node was started`,
          }),
        )
  }

  /** Holds an origin back from an index of this log on. */
  async hold(
    origin: string,
    index: bigint,
    { errorCode: code, errorMessage: message }: Pick<Outcome, 'errorCode' | 'errorMessage'>,
  ): Promise<void> {
    const before = this.#held.get(origin)
    const delayMs =
      before && before.index === index ? Math.min(2 * before.delayMs, AGAIN_MS_MAX) : AGAIN_MS_MIN
    const held = {
      ...this.#from(index, { code, message }),
      delayMs,
      sinceMs: before?.sinceMs ?? this.#options.clock.monotonicMs(),
    }
    this.#held.set(origin, { ...held, dueMs: this.#options.clock.monotonicMs() + delayMs })
    if (before?.index !== index) await this.#write(origin, index)
    this.#say(origin)
  }

  /** What an origin sent was taken up to an index; the rest may follow at once. */
  async advance(origin: string, index: bigint): Promise<void> {
    const before = this.#held.get(origin)
    if (!before) return
    this.#held.set(origin, { ...before, index, delayMs: AGAIN_MS_MIN, dueMs: 0 })
    await this.#write(origin, index)
  }

  /** An origin waits no more. */
  async release(origin: string): Promise<void> {
    this.#held.delete(origin)
    await this.#options.context.store.write([
      { key: this.#key(this.#log, origin), value: undefined },
    ])
    this.#clear(origin)
  }

  /** The parent answers anew: all of them are offered again. @returns whether there are any */
  hurry(): boolean {
    for (const held of this.#held.values()) held.dueMs = 0
    return this.#held.size > 0
  }

  /** The origin to offer again now. */
  due(): { readonly origin: string; readonly held: Held } | undefined {
    const now = this.#options.clock.monotonicMs()
    let first: { readonly origin: string; readonly held: Held } | undefined
    for (const [origin, held] of this.#held)
      if (held.dueMs <= now && (!first || held.dueMs < first.held.dueMs)) first = { origin, held }
    return first
  }

  /** Milliseconds until one is due, at most `max`. */
  untilDue(max: number): number {
    const now = this.#options.clock.monotonicMs()
    let least = max
    for (const { dueMs } of this.#held.values()) least = Math.min(least, Math.max(1, dueMs - now))
    return least
  }

  #say(origin: string): void {
    const { context, clock, patienceMs = PATIENCE_MS } = this.#options
    const { code, message, sinceMs } = this.#held.get(origin)!
    if (awaited.includes(code) && clock.monotonicMs() - sinceMs < patienceMs) return
    context.alarms.raise(
      'held',
      `${this.#batchClass} ${origin}`,
      text`what ${origin} sends waits, because its next batch was not taken by the parent: ${code}: ${message}; it is offered again by itself, and what others send goes on`,
    )
  }

  #clear(origin: string): void {
    this.#options.context.alarms.clear('held', `${this.#batchClass} ${origin}`)
  }

  #from(index: bigint, { code, message }: { readonly code: string; readonly message: Said }): Held {
    const now = this.#options.clock.monotonicMs()
    return { index, code, message, sinceMs: now, dueMs: now + AGAIN_MS_MIN, delayMs: AGAIN_MS_MIN }
  }

  async #write(origin: string, index: bigint): Promise<void> {
    const key = this.#key(this.#log, origin)
    await this.#options.context.store.write([{ key, value: checkedValue(key, be64(index)) }])
  }

  #key(log: string, origin: string): Uint8Array {
    return heldRows.key(`${this.#batchClass}/${log}/${origin}`)
  }
}
