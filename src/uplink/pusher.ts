/** Pushes one class of this node's log to the parent: batches with targets outside this subtree. */
import { sleep } from '../base/clock.ts'
import { be64, equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { type Entry, formatJudged } from '../batch/entry.ts'
import type { BatchClass } from '../topology/lane.ts'
import type { SealedHeader } from '../batch/seal.ts'
import type { LoggedEntry } from '../exchange/recent.ts'
import { lapse } from '../exchange/first-receipt.ts'
import { keepReceipts } from '../exchange/links.ts'
import { earliestReceipt, receiptsOf, type StoredReceipt } from '../exchange/receipts.ts'
import { isDropped } from '../exchange/serve.ts'
import type { Outcome, SubmitResponse } from '../gen/huxin/v1/exchange_service_pb.ts'
import { parseVkey } from '../note/key.ts'
import { verifyTlogProof } from '../note/tlog-proof.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { classKey, keyText, prefixRange, tables, textKey } from '../store/keys.ts'
import type { Follower } from './follower.ts'
import type { LinkOptions } from './link.ts'

/** Calls under way at once, which the parent answers in order: while it writes what one brought it reads the next. */
const IN_FLIGHT = 8
/** Entries looked at in one go, at first and at most: a few fill a call when they are large. */
const SCAN_ROWS_MIN = 8
const SCAN_ROWS_MAX = 256
/** Milliseconds in which the receipts of several calls gather. */
const KEEP_MS = 40

interface Outgoing {
  readonly index: bigint
  readonly entry: Entry
  readonly batch: SealedHeader
  readonly body: Uint8Array
  readonly refusal: Uint8Array
  /** Shows since when it is logged, where the parent wants to know. */
  readonly receipt: StoredReceipt | undefined
}

interface Page {
  readonly batches: readonly Outgoing[]
  /** Where the log was read up to. */
  readonly next: bigint
}

export class Pusher {
  readonly batchClass: BatchClass
  readonly #options: LinkOptions
  readonly #follower: Follower
  /** The parent's log by which the cursor counts: what a parent lost with its log is pushed to it again. */
  #log: string | undefined
  #cursor = 0n
  /** Entries below this one were handed to an earlier log of the parent, which it lost. */
  #again = 0n
  /** First entry whose refusal could not be logged, because the log is frozen: from there on its successor asks again. */
  #held: bigint | undefined
  /** Receipts that are verified and not written. */
  #unkept: StoredReceipt[] = []
  #keeping: Promise<void> | undefined
  #failure: unknown
  /** The parent wants receipts where none seem to be due: what has ended is known there first. */
  #showing = false
  /** Announced when a call of this loop was answered. */
  readonly #topic: string

  constructor(options: LinkOptions, batchClass: BatchClass, follower: Follower) {
    this.#options = options
    this.#follower = follower
    this.batchClass = batchClass
    this.#topic = `pushed ${batchClass}`
  }

  /** How many entries of this class lie after the cursor, counted up to 10,000. */
  async waiting(): Promise<number> {
    if (this.#log === undefined) return 0
    const { context } = this.#options
    const rows = await context.store.range({ gte: classKey(this.batchClass, this.#cursor), lt: classKey(this.batchClass, context.log().size), limit: 10_000 })
    return rows.length
  }

  /** Whether the parent answered for everything of this class below an index. */
  passed(index: bigint): boolean {
    return this.#log !== undefined && this.#log === this.#follower.log && this.#cursor >= index
  }

  /** Looks again at once whether the parent has another log. */
  wake(): void {
    this.#options.context.changes.announce([this.#topic])
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    await this.#load()
    this.#unkept = []
    this.#failure = undefined
    try {
      await this.#push(signal, progress)
    } finally {
      await this.#keeping
    }
  }

  async #push(signal: AbortSignal, progress: () => void): Promise<void> {
    const { context } = this.#options
    let read = this.#cursor
    let inFlight: { page: Page; answer: Promise<SubmitResponse>; done: boolean }[] = []
    let series = this.#newSeries()
    while (!signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#log !== this.#follower.log) {
        // The cursor that is being kept is that of the log before.
        await this.#keeping
        await this.#load()
        read = this.#cursor
        inFlight = []
        series = this.#newSeries()
      }
      while (inFlight.length < IN_FLIGHT && context.log().signed.size > read) {
        const page = await this.#read(read)
        read = page.next
        if (page.batches.length === 0) {
          if (inFlight.length > 0) continue
          this.#cursor = page.next
          this.#keep(signal)
          continue
        }
        const flight = { page, answer: this.#submit(page.batches, series, signal), done: false }
        void flight.answer.catch(() => undefined).then(() => {
          flight.done = true
          context.changes.announce([this.#topic])
        })
        inFlight.push(flight)
      }
      if (inFlight.length === 0) {
        this.#showing = false
        progress()
      }
      const oldest = inFlight[0]
      if (!oldest?.done) {
        await this.#wait(read, inFlight.length, signal)
        continue
      }
      inFlight.shift()
      if (await this.#settle(oldest.page, await oldest.answer, signal)) {
        inFlight = []
        read = this.#cursor
        series = this.#newSeries()
      } else if (inFlight.length === 0 && read > this.#cursor) {
        // What was read past while the call was under way had nothing to send.
        this.#cursor = read
        this.#keep(signal)
      }
      progress()
    }
  }

  /** Until an answer comes, or the log grows and another call may go out beside those under way. */
  async #wait(read: bigint, inFlight: number, signal: AbortSignal): Promise<void> {
    const { changes, log } = this.#options.context
    if (inFlight >= IN_FLIGHT) return changes.next([this.#topic], limits.pollWaitMsMax, signal)
    if (log().signed.size > read) return
    await changes.next([this.#topic, this.batchClass], limits.pollWaitMsMax, signal)
  }

  /** The calls that follow, under a new name: those of before may still be on their way. */
  #newSeries(): { readonly name: string; next: number } {
    return { name: hex(this.#options.context.random.fill(new Uint8Array(12))), next: 0 }
  }

  #submit(batches: readonly Outgoing[], series: { readonly name: string; next: number }, signal: AbortSignal): Promise<SubmitResponse> {
    const { context, calls } = this.#options
    context.indexer.defer()
    return calls.submit({
      series: series.name,
      number: series.next++,
      packages: batches.map(({ entry, batch, body, refusal, receipt }) => ({
        header: batch.note,
        body,
        refusal,
        judged: batch.header.origin === context.self ? '' : formatJudged(entry.judged),
        ...(receipt ? { receipt } : {}),
      })),
    }, signal)
  }

  /** Reads the next batches that go up, up to the size of one call. */
  async #read(start: bigint): Promise<Page> {
    const { context } = this.#options
    const end = context.log().signed.size
    const batches: Outgoing[] = []
    let bytes = 0
    let next = start
    for (let limit = SCAN_ROWS_MIN; next < end; limit = Math.min(2 * limit, SCAN_ROWS_MAX)) {
      const page = await context.recent.readClass(this.batchClass, { start: next, end, limit })
      for (const logged of page.entries) {
        const { index } = logged
        const outgoing = await this.#outgoing(logged)
        if (outgoing) {
          const size = outgoing.body.length + outgoing.batch.note.length + outgoing.refusal.length + (outgoing.receipt?.proof.length ?? 0)
          if (batches.length > 0 && (bytes + size > limits.pageBytes || batches.length >= limits.submitBatchesMax)) return { batches, next }
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

  async #outgoing(logged: LoggedEntry): Promise<Outgoing | undefined> {
    const { index, entry, batch } = logged
    const { context } = this.#options
    if (entry.source.kind === 'fetched' || (entry.source.kind === 'parent' && entry.source.log === this.#log)) return undefined
    if (!context.ledger().goesUp(batch.header, entry.source)) return undefined
    const stored = await context.recent.body(index)
    const none = new Uint8Array()
    const receipt = await this.#receipt(logged, entry.verdict.accepted && isDropped(stored))
    return entry.verdict.accepted ? { index, entry, batch, body: stored, refusal: none, receipt } : { index, entry, batch, body: none, refusal: stored, receipt }
  }

  /** What the parent itself signed before its log was lost keeps time and verdict, and counts without records; else the earliest word of anybody. */
  async #receipt(logged: LoggedEntry, dropped: boolean): Promise<StoredReceipt | undefined> {
    const { context, parent, clock } = this.#options
    const { id, header } = logged.batch
    const given = dropped || logged.index < this.#again ? (await receiptsOf(context, id)).find(({ node }) => node === parent) : undefined
    if (given) return given.receipt
    return dropped || this.#showing || lapse(context.ledger(), header, clock.nowMs()) ? earliestReceipt(context, logged, parent) : undefined
  }

  /** Keeps the receipts of a call. @returns true when the rest must be sent again from the cursor */
  async #settle(page: Page, answer: SubmitResponse, signal: AbortSignal): Promise<boolean> {
    if (answer.outcomes.length !== page.batches.length) throw new HuxinError('argument_invalid', `the parent answered ${answer.outcomes.length} of ${page.batches.length} batches`)
    const receipts: StoredReceipt[] = []
    let failed: { outgoing: Outgoing; outcome: Outcome } | undefined
    for (const [i, outgoing] of page.batches.entries()) {
      const outcome = answer.outcomes[i]!
      if (!outcome.receipt) {
        failed = { outgoing, outcome }
        break
      }
      receipts.push(this.#verified(outgoing, outcome))
      if (outcome.refusal.length > 0) await this.#returned(outgoing, outcome)
    }
    const next = failed ? failed.outgoing.index : page.next
    const { context } = this.#options
    this.#cursor = next
    this.#unkept.push(...receipts)
    this.#keep(signal)
    if (!failed) {
      context.alarms.clear(`push ${this.batchClass}`)
      return false
    }
    return this.#refuseOrRetry(failed.outgoing, failed.outcome)
  }

  /**
   * Receipts and cursor go together, those of several calls in one write: losing both costs sending
   * again, which gives the same receipts.
   */
  #keep(signal: AbortSignal): void {
    this.#keeping ??= this.#keepSoon(signal).finally(() => {
      this.#keeping = undefined
    })
  }

  async #keepSoon(signal: AbortSignal): Promise<void> {
    const { context, clock, parent } = this.#options
    await sleep(clock, KEEP_MS, signal)
    const receipts = this.#unkept
    this.#unkept = []
    try {
      await keepReceipts(context, [{ node: parent, receipts }], [this.#cursorOp(this.#cursor)])
      context.changes.announce(['receipts'])
    } catch (error) {
      this.#failure = error
      context.changes.announce([this.#topic])
    }
  }

  async #refuseOrRetry(outgoing: Outgoing, outcome: Outcome): Promise<boolean> {
    const text = `batch ${outgoing.batch.idText} of ${outgoing.batch.header.origin} was not taken by the parent: ${outcome.errorCode}: ${outcome.errorMessage}`
    if (outcome.errorCode === 'receipt_wanted' && !this.#showing) {
      this.#showing = true
      return true
    }
    if (outcome.errorCode === 'lane_gap') await this.#rewindFor(outcome)
    else this.#options.context.alarms.raise(`push ${this.batchClass}`, text)
    const { header } = outgoing.batch
    const ended = outcome.errorCode === 'receipt_wanted' && (header.origin !== this.#options.context.self || header.epoch !== this.#options.context.epoch)
    if (ended || (['quarantined', 'lane_fork', 'member_suspended'].includes(outcome.errorCode) && header.origin !== this.#options.context.self)) {
      // One origin's trouble does not stop the others: it is skipped, and said.
      await this.#advance(outgoing.index + 1n)
      return true
    }
    throw new HuxinError(outcome.errorCode === 'lane_gap' ? 'lane_gap' : 'parent_unreachable', text)
  }

  /** The parent lacks earlier batches of the lane: go back to where its head says. */
  async #rewindFor(outcome: Outcome): Promise<void> {
    const { context } = this.#options
    for (const head of outcome.laneHeads) {
      const known = head.batchId.length === 32 ? await context.ledger().known(head.batchId) : undefined
      const back = known?.indexes[0] ?? 0n
      if (back < this.#cursor) await this.#advance(back)
    }
  }

  /** @throws HuxinError proof_invalid | signature_invalid */
  #verified(outgoing: Outgoing, outcome: Outcome): StoredReceipt {
    const receipt = outcome.receipt!
    const log = this.#log ?? ''
    if (!equalBytes(receipt.batchId, outgoing.batch.id)) throw new HuxinError('proof_invalid', 'the parent gave the receipt of another batch')
    verifyTlogProof({
      proofBytes: receipt.proof,
      leaf: Buffer.concat([receipt.entryPrefix, outgoing.batch.note]),
      origin: log,
      logVerifier: parseVkey(this.#options.keys.noteVkey(log) ?? ''),
    })
    return { batchId: receipt.batchId, entryPrefix: receipt.entryPrefix, proof: receipt.proof }
  }

  /** The parent refused a batch that stands accepted here: the refusal is logged and goes on down. */
  async #returned(outgoing: Outgoing, outcome: Outcome): Promise<void> {
    const { context, parent } = this.#options
    if (!outgoing.entry.verdict.accepted) return
    try {
      await context.door.accept({
        header: outgoing.batch.note, body: new Uint8Array(), refusal: outcome.refusal, judged: formatJudged(outgoing.entry.judged), source: { kind: 'fetched', node: parent },
      })
    } catch (error) {
      if (isHuxinError(error, 'log_frozen')) {
        this.#held ??= outgoing.index
        return
      }
      throw new HuxinError('internal', `the refusal of batch ${outgoing.batch.idText} was not logged: ${messageOf(error)}`, { cause: error })
    }
  }

  async #load(): Promise<void> {
    const { log } = this.#follower
    const { keys, context } = this.#options
    const stored = await keys.inherited(log, async (name) => openChecked(this.#key(name), await context.store.get(this.#key(name))))
    this.#log = log
    this.#held = undefined
    this.#cursor = stored ? fromBe64(stored) : 0n
    this.#again = await this.#handedBefore()
  }

  async #handedBefore(): Promise<bigint> {
    const { context, parent } = this.#options
    const rows = await context.store.range(prefixRange(textKey(tables.meta, `push/${parent}/`)))
    const own = keyText(this.#key(this.#log ?? ''))
    const cursors = rows.filter(([key]) => keyText(key) !== own && keyText(key).endsWith(`/${this.batchClass}`)).map(([key, value]) => openChecked(key, value))
    return cursors.reduce((most, cursor) => (cursor && fromBe64(cursor) > most ? fromBe64(cursor) : most), 0n)
  }

  async #advance(next: bigint): Promise<void> {
    this.#cursor = next
    await this.#options.context.store.write([this.#cursorOp(next)])
  }

  #cursorOp(next: bigint): { key: Uint8Array; value: Uint8Array } {
    const key = this.#key(this.#log ?? '')
    return { key, value: checkedValue(key, be64(this.#held !== undefined && this.#held < next ? this.#held : next)) }
  }

  #key(log: string): Uint8Array {
    return textKey(tables.meta, `push/${log}/${this.batchClass}`)
  }
}
