/**
 * Gives back to a root what it lost: what this node has of the root's log before, which it verified when it came, and the
 * statements and amendments that it handed up itself, which decide how everything else is taken. Other batches of this
 * branch go up again by the pushers, as to any parent with a new log.
 *
 * Ids are offered first, so that a batch which another child gave back already costs 32 bytes.
 */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { parseBody } from '../batch/body.ts'
import { formatJudged } from '../batch/entry.ts'
import { witnessState } from '../witness/cosigning.ts'
import { earliestReceipt, receiptsOf, type StoredReceipt } from '../witness/receipts.ts'
import type { LoggedEntry } from '../batch/logged.ts'
import { isDropped } from '../exchange/serve.ts'
import { readSpineTile } from '../witness/spine.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { BeginningProver } from '../merkle/beginning.ts'
import { type BatchClass, batchClasses } from '../topology/lane.ts'
import type { LinkOptions } from './link.ts'

/** What the root says of its loss, and the log that it has now. */
export interface LostLog {
  readonly log: string
  readonly size: bigint
  readonly now: string
}

interface Parcel {
  readonly logged: LoggedEntry
  readonly body: Uint8Array
  readonly receipt: StoredReceipt | undefined
}

/** Entries looked at in one go; no more ids are offered at once. */
const SCAN_ROWS = 256
/** Codes after which the whole is tried again: nothing was said of the batch. */
const LATER: readonly string[] = [
  'not_ready',
  'unconfirmed',
  'overloaded',
  'store_failed',
  'clock_wrong',
]

export class Giver {
  readonly #options: LinkOptions
  #giving: Promise<void> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** Gives back everything, class by class. Concurrent calls are one. @throws HuxinError not_ready, and whatever a call throws */
  give(lost: LostLog, signal: AbortSignal): Promise<void> {
    this.#giving ??= this.#give(lost, signal).finally(() => {
      this.#giving = undefined
    })
    return this.#giving
  }

  async #give(lost: LostLog, signal: AbortSignal): Promise<void> {
    const { context, calls } = this.#options
    const beginning = await this.#beginning(lost)
    // First: what is left there may not be of the log that was seen here.
    if (beginning.length > 0) await calls.giveBack({ batchClass: 'control', beginning }, signal)
    const end = context.log().signed.size
    for (const batchClass of batchClasses) {
      for (let start = 0n; start < end && !signal.aborted;) {
        const page = await context.recent.readClass(batchClass, { start, end, limit: SCAN_ROWS })
        start = page.next
        await this.#offer(
          batchClass,
          page.entries.filter((logged) => this.#isLost(logged, lost)),
          signal,
        )
      }
    }
    if (!signal.aborted) await calls.giveBack({ batchClass: 'bulk', end: true }, signal)
  }

  /** With which tree of the entries that are left the old log begins, from its spine. */
  async #beginning({ log, size }: LostLog): Promise<Uint8Array[]> {
    const { context } = this.#options
    const seen = await witnessState(context, log)
    if (!seen || size === 0n || seen.size <= size) return []
    const prover = new BeginningProver(size, seen.size)
    while (prover.size < seen.size) {
      const tile = await readSpineTile(context.store, log, prover.size / 256n)
      if (!tile) return []
      const wanted = Number(seen.size - prover.size) * 32
      prover.add(tile.subarray(0, wanted < tile.length ? wanted : tile.length))
      if (prover.size % 256n !== 0n && prover.size < seen.size) return []
    }
    return prover.beginning()
  }

  /** Whether the root had it and may have lost it. */
  #isLost(
    { entry: { source, verdict }, batch: { header } }: LoggedEntry,
    { log, size, now }: LostLog,
  ): boolean {
    const { context, parent, keys } = this.#options
    if (!verdict.accepted) return false
    if (source.kind === 'fetched') return source.node === parent
    if (source.kind !== 'parent')
      return (
        ['control', 'amendment'].includes(header.batchClass) &&
        context.ledger().goesUp(header, source)
      )
    if (!source.log.startsWith(`${parent}/`) || source.log === now) return false
    // A log that goes on from a frozen one has its entries at the same places.
    return (
      source.index >= size ||
      (source.log !== log && !keys.predecessors(log).some((before) => before.log === source.log))
    )
  }

  async #offer(
    batchClass: BatchClass,
    lost: readonly LoggedEntry[],
    signal: AbortSignal,
  ): Promise<void> {
    if (lost.length === 0) return
    const { wanted } = await this.#options.calls.giveBack(
      { batchClass, offered: lost.map(({ batch }) => batch.id) },
      signal,
    )
    let parcels: Parcel[] = []
    let bytes = 0
    for (const at of wanted) {
      const logged = lost[at]
      const parcel = logged && (await this.#parcel(logged))
      if (!parcel) continue
      const size =
        parcel.body.length + parcel.logged.batch.note.length + (parcel.receipt?.proof.length ?? 0)
      if (
        parcels.length > 0 &&
        (bytes + size > limits.pageBytes || parcels.length >= limits.submitBatchesMax)
      ) {
        await this.#send(batchClass, parcels, signal)
        parcels = []
        bytes = 0
      }
      parcels.push(parcel)
      bytes += size
    }
    if (parcels.length > 0) await this.#send(batchClass, parcels, signal)
  }

  /** A batch with its records; undefined when they are here no more and were not erased by right. */
  async #parcel(logged: LoggedEntry): Promise<Parcel | undefined> {
    const { context, parent } = this.#options
    const { id, header } = logged.batch
    const body = await context.recent.body(logged.index)
    if (isDropped(body)) {
      const erased = (await context.ledger().amendments(id, header.origin)).filter(
        ({ action }) => action === AmendmentAction.ERASE,
      )
      if (new Set(erased.map(({ position }) => position)).size < parseBody(body).count)
        return undefined
    }
    if (!context.ledger().federation.isWithin(header.origin, context.self))
      return { logged, body, receipt: undefined }
    const given = (await receiptsOf(context, id)).find(({ node }) => node === parent)
    return {
      logged,
      body,
      receipt: given ? given.receipt : await earliestReceipt(context, logged, parent),
    }
  }

  /** What is not taken has a reason that sending it again does not mend; others may give it back too. */
  async #send(
    batchClass: BatchClass,
    parcels: readonly Parcel[],
    signal: AbortSignal,
  ): Promise<void> {
    const { errorCodes } = await this.#options.calls.giveBack(
      {
        batchClass,
        packages: parcels.map(({ logged: { entry, batch }, body, receipt }) => ({
          header: batch.note,
          body,
          judged: formatJudged(entry.judged),
          ...(receipt ? { receipt } : {}),
        })),
      },
      signal,
    )
    const later = errorCodes.find((code) => LATER.includes(code))
    if (later !== undefined)
      throw new HuxinError(
        'not_ready',
        text`the parent takes back what it lost and answers ${later}: it is tried again`,
      )
  }
}
