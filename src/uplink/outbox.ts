/** What goes up: the batches of one class of this node's log with targets outside this subtree, a call at a time. */
import { limits } from '../base/limits.ts'
import type { Entry } from '../batch/entry.ts'
import type { SealedHeader } from '../batch/seal.ts'
import { lapse } from '../witness/first-receipt.ts'
import type { LoggedEntry } from '../batch/logged.ts'
import { earliestReceipt, receiptsOf, type StoredReceipt } from '../witness/receipts.ts'
import { isDropped } from '../exchange/serve.ts'
import type { BatchClass } from '../topology/lane.ts'
import type { HeldOrigins } from './held-origins.ts'
import type { LinkOptions } from './link.ts'

/** Entries looked at in one go, at first and at most: a few fill a call when they are large. */
const SCAN_ROWS_MIN = 8
const SCAN_ROWS_MAX = 256
export interface Outgoing {
  readonly index: bigint
  readonly entry: Entry
  readonly batch: SealedHeader
  readonly body: Uint8Array
  readonly refusal: Uint8Array
  /** Shows since when it is logged, where the parent wants to know. */
  readonly receipt: StoredReceipt | undefined
}

export interface Page {
  readonly batches: readonly Outgoing[]
  /** Where the log was read up to. */
  readonly next: bigint
}

export class Outbox {
  /** The parent's log by which the cursor counts. */
  log = ''
  /** The parent wants receipts where none seem to be due: what has ended is known there first. */
  showing = false
  /** Entries below this one were handed to an earlier log of the parent, which it lost. */
  again = 0n
  readonly #options: LinkOptions
  readonly #batchClass: BatchClass
  readonly #held: HeldOrigins

  constructor(options: LinkOptions, batchClass: BatchClass, held: HeldOrigins) {
    this.#options = options
    this.#batchClass = batchClass
    this.#held = held
  }

  /** Reads the next batches that go up, up to the size of one call. */
  async read(start: bigint): Promise<Page> {
    const { context } = this.#options
    const end = context.log().signed.size
    const batches: Outgoing[] = []
    let bytes = 0
    let next = start
    for (let limit = SCAN_ROWS_MIN; next < end; limit = Math.min(2 * limit, SCAN_ROWS_MAX)) {
      const page = await context.recent.readClass(this.#batchClass, { start: next, end, limit })
      for (const logged of page.entries) {
        const { index } = logged
        const outgoing = this.#held.has(logged.batch.header.origin)
          ? undefined
          : await this.#outgoing(logged)
        if (outgoing) {
          const size =
            outgoing.body.length +
            outgoing.batch.note.length +
            outgoing.refusal.length +
            (outgoing.receipt?.proof.length ?? 0)
          if (
            batches.length > 0 &&
            (bytes + size > limits.pageBytes || batches.length >= limits.submitBatchesMax)
          )
            return { batches, next }
          batches.push(outgoing)
          bytes += size
        }
        next = index + 1n
      }
      next = page.next
      if (batches.length > 0 && bytes > limits.pageBytes / 2) return { batches, next }
    }
    return { batches, next }
  }

  /** The next batches of one origin. */
  async readOrigin(
    origin: string,
    { start, end }: { readonly start: bigint; readonly end: bigint },
  ): Promise<Page> {
    const { context } = this.#options
    const batches: Outgoing[] = []
    let bytes = 0
    let next = start
    while (next < end) {
      const page = await context.recent.readRoutes(this.#batchClass, {
        start: next,
        end,
        limit: SCAN_ROWS_MAX,
      })
      for (const { index, route } of page.rows) {
        const outgoing =
          route.origin === origin
            ? await this.#outgoing(await context.recent.logged(index))
            : undefined
        if (outgoing) {
          bytes += outgoing.body.length + outgoing.batch.note.length + outgoing.refusal.length
          if (
            batches.length > 0 &&
            (bytes > limits.pageBytes || batches.length >= limits.submitBatchesMax)
          )
            return { batches, next }
          batches.push(outgoing)
        }
        next = index + 1n
      }
      next = page.next
    }
    return { batches, next }
  }

  async #outgoing(logged: LoggedEntry): Promise<Outgoing | undefined> {
    const { index, entry, batch } = logged
    const { context } = this.#options
    if (
      entry.source.kind === 'fetched' ||
      (entry.source.kind === 'parent' && entry.source.log === this.log)
    )
      return undefined
    if (!context.ledger().goesUp(batch.header, entry.source)) return undefined
    const stored = await context.recent.body(index)
    const none = new Uint8Array()
    const receipt = await this.#receipt(logged, entry.verdict.accepted && isDropped(stored))
    return entry.verdict.accepted
      ? { index, entry, batch, body: stored, refusal: none, receipt }
      : { index, entry, batch, body: none, refusal: stored, receipt }
  }

  /** What the parent itself signed before its log was lost keeps time and verdict, and counts without records; else the earliest word of anybody. */
  async #receipt(logged: LoggedEntry, dropped: boolean): Promise<StoredReceipt | undefined> {
    const { context, parent, clock } = this.#options
    const { id, header } = logged.batch
    const given =
      dropped || logged.index < this.again
        ? (await receiptsOf(context, id)).find(({ node }) => node === parent)
        : undefined
    if (given) return given.receipt
    return dropped || this.showing || lapse(context.ledger(), header, clock.nowMs())
      ? earliestReceipt(context, logged, parent)
      : undefined
  }
}
