/** Pushes one class of this node's log to the parent: batches with targets outside this subtree. */
import { sleep } from '../base/clock.ts'
import { be64, equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { type Text, text, textOf } from '../base/text.ts'
import { formatJudged } from '../batch/entry.ts'
import type { BatchClass } from '../topology/lane.ts'
import { keepReceipts } from '../witness/kept-receipts.ts'
import type { StoredReceipt } from '../witness/receipts.ts'
import type { Outcome, SubmitResponse } from '../gen/huxin/v1/exchange_service_pb.ts'
import { parseVkey } from '../note/key.ts'
import { verifyTlogProof } from '../note/tlog-proof.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { classKey, keyText, prefixRange } from '../store/keys.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import type { Follower } from './follower.ts'
import { type Held, HeldOrigins, isOfOneOrigin } from './held-origins.ts'
import type { LinkOptions } from './link.ts'
import { Outbox, type Outgoing, type Page } from './outbox.ts'

/** The parent's log, class → index in this log that is handed up next. */
export const pushRows = defineRows({
  table: 'meta',
  name: 'push',
  keys: textKeys,
  check: hasCheckValue(8),
})

/** Calls under way at once, which the parent answers in order: while it writes what one brought it reads the next. */
const IN_FLIGHT = 8
/** Milliseconds in which the receipts of several calls gather. */
const KEEP_MS = 40

interface Failed {
  readonly outgoing: Outgoing
  readonly outcome: Outcome
}

export class Pusher {
  readonly batchClass: BatchClass
  readonly #options: LinkOptions
  readonly #follower: Follower
  /** The parent's log by which the cursor counts: what a parent lost with its log is pushed to it again. */
  #log: string | undefined
  #cursor = 0n
  /** First entry whose refusal could not be logged, because the log is frozen: from there on its successor asks again. */
  #unlogged: bigint | undefined
  /** Receipts that are verified and not written. */
  #unkept: StoredReceipt[] = []
  #keeping: Promise<void> | undefined
  #failure: unknown
  /** Announced when a call of this loop was answered. */
  readonly #topic: string
  readonly #held: HeldOrigins
  readonly #outbox: Outbox
  #anew = false
  /** The batch that the parent said last comes too early in its lane. */
  #early = ''

  constructor(options: LinkOptions, batchClass: BatchClass, follower: Follower) {
    this.#options = options
    this.#follower = follower
    this.batchClass = batchClass
    this.#topic = `pushed ${batchClass}`
    this.#held = new HeldOrigins(options, batchClass)
    this.#outbox = new Outbox(options, batchClass, this.#held)
  }

  /** How many entries of this class lie after the cursor, counted up to 10,000. Before the parent has answered: after the last one that is stored. */
  async waiting(): Promise<number> {
    const { context } = this.#options
    const cursor = this.#log === undefined ? await this.#handedBefore() : this.#cursor
    const rows = await context.store.range({
      gte: classKey(this.batchClass, cursor),
      lt: classKey(this.batchClass, context.log().size),
      limit: 10_000,
    })
    return rows.length
  }

  /** Whether the parent answered for everything of this class below an index. */
  passed(index: bigint): boolean {
    return (
      this.#log !== undefined &&
      this.#log === this.#follower.log &&
      this.#cursor >= index &&
      !this.#held.has(this.#options.context.self)
    )
  }

  /** The parent may have been started anew: it knows nothing of the calls before. */
  recalled(): void {
    this.#anew = true
    if (this.#held.hurry()) this.wake()
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
      while (this.#keeping) await this.#keeping
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
        while (this.#keeping) await this.#keeping
        await this.#load()
        read = this.#cursor
        inFlight = []
        series = this.#newSeries()
      }
      if (this.#anew && inFlight.length === 0) {
        this.#anew = false
        series = this.#newSeries()
      }
      const due = this.#held.due()
      if (due && inFlight.length === 0) {
        await this.#offer(due, read, signal)
        progress()
        continue
      }
      // One that waits is offered between calls, so that it does not get mixed up with them.
      while (!due && inFlight.length < IN_FLIGHT && context.log().signed.size > read) {
        const page = await this.#outbox.read(read)
        read = page.next
        if (page.batches.length === 0) {
          if (inFlight.length > 0) continue
          this.#cursor = page.next
          this.#keep(signal)
          continue
        }
        const flight = { page, answer: this.#submit(page.batches, series, signal), done: false }
        void flight.answer
          .catch(() => undefined)
          .then(() => {
            flight.done = true
            context.changes.announce([this.#topic])
          })
        inFlight.push(flight)
      }
      if (inFlight.length === 0) {
        this.#outbox.showing = false
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
    const waitMs = this.#held.untilDue(limits.pollWaitMsMax)
    if (inFlight >= IN_FLIGHT || (inFlight > 0 && this.#held.due()))
      return changes.next([this.#topic], limits.pollWaitMsMax, signal)
    if (log().signed.size > read) return
    await changes.next([this.#topic, this.batchClass], waitMs, signal)
  }

  /** The calls that follow, under a new name: those of before may still be on their way. */
  #newSeries(): { readonly name: string; next: number } {
    return { name: hex(this.#options.context.random.fill(new Uint8Array(12))), next: 0 }
  }

  #submit(
    batches: readonly Outgoing[],
    series: { readonly name: string; next: number },
    signal: AbortSignal,
  ): Promise<SubmitResponse> {
    const { context, calls } = this.#options
    context.indexer.defer()
    return calls.submit(
      {
        series: series.name,
        number: series.next++,
        packages: batches.map(({ entry, batch, body, refusal, receipt }) => ({
          header: batch.note,
          body,
          refusal,
          judged: batch.header.origin === context.self ? '' : formatJudged(entry.judged),
          ...(receipt ? { receipt } : {}),
        })),
      },
      signal,
    )
  }

  /** Offers again what waits of one origin, a call at a time, up to where the others are. */
  async #offer(
    { origin, held }: { readonly origin: string; readonly held: Held },
    end: bigint,
    signal: AbortSignal,
  ): Promise<void> {
    const page = await this.#outbox.readOrigin(origin, { start: held.index, end })
    if (page.batches.length === 0 && page.next >= end) return this.#held.release(origin)
    if (page.batches.length > 0) {
      const failed = await this.#receive(
        page,
        await this.#submit(page.batches, this.#newSeries(), signal),
        signal,
      )
      if (failed) return this.#notTaken(failed)
    }
    await this.#held.advance(origin, page.next)
  }

  /** Keeps the receipts of a call. @returns true when the rest must be sent again from the cursor */
  async #settle(page: Page, answer: SubmitResponse, signal: AbortSignal): Promise<boolean> {
    const failed = await this.#receive(page, answer, signal, (next) => {
      this.#cursor = next
    })
    return failed ? this.#refuseOrRetry(failed.outgoing, failed.outcome) : false
  }

  /** Keeps the receipts of a call, up to the first batch that was not taken. */
  async #receive(
    page: Page,
    answer: SubmitResponse,
    signal: AbortSignal,
    advance: (next: bigint) => void = () => undefined,
  ): Promise<Failed | undefined> {
    if (answer.outcomes.length !== page.batches.length)
      throw new HuxinError(
        'argument_invalid',
        text`the parent answered ${answer.outcomes.length} of ${page.batches.length} batches`,
      )
    const receipts: StoredReceipt[] = []
    let failed: Failed | undefined
    for (const [i, outgoing] of page.batches.entries()) {
      const outcome = answer.outcomes[i]!
      if (!outcome.receipt) {
        failed = { outgoing, outcome }
        break
      }
      receipts.push(this.#verified(outgoing, outcome))
      if (outcome.refusal.length > 0) await this.#returned(outgoing, outcome)
    }
    advance(failed ? failed.outgoing.index : page.next)
    // The parent takes what comes, also what an origin that waited was offered again.
    if (!failed) this.#options.context.alarms.clear('push', this.batchClass)
    this.#unkept.push(...receipts)
    this.#keep(signal)
    return failed
  }

  /**
   * Receipts and cursor go together, those of several calls in one write: losing both costs sending
   * again, which gives the same receipts.
   */
  #keep(signal: AbortSignal): void {
    this.#keeping ??= this.#keepSoon(signal).finally(() => {
      this.#keeping = undefined
      // What came while the last ones were written: perhaps nothing comes after it that would take it along.
      if (this.#unkept.length > 0 && !signal.aborted) this.#keep(signal)
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

  /** A batch was not taken: its origin waits, or everybody. @returns true when the rest is sent again from the cursor */
  async #refuseOrRetry(outgoing: Outgoing, outcome: Outcome): Promise<boolean> {
    const { context } = this.#options
    const { idText } = outgoing.batch
    if (outcome.errorCode === 'receipt_wanted' && !this.#outbox.showing) {
      this.#outbox.showing = true
      return true
    }
    if (this.#isPassedOver(outgoing, outcome)) {
      await this.#advance(outgoing.index + 1n)
      return true
    }
    const said = notTaken(outgoing, outcome)
    if (outcome.errorCode === 'lane_gap' && this.#early !== idText) {
      this.#early = idText
      const back = await this.#backFor(outcome)
      if (back < this.#cursor) await this.#advance(back)
      throw new HuxinError('lane_gap', said)
    }
    if (isOfOneOrigin(outcome)) {
      await this.#notTaken({ outgoing, outcome })
      return true
    }
    context.alarms.raise('push', this.batchClass, said)
    throw new HuxinError('parent_unreachable', said)
  }

  /** One origin's trouble does not stop the others: what will not be taken is left out, and said where somebody must know. */
  #isPassedOver(outgoing: Outgoing, outcome: Outcome): boolean {
    const { context } = this.#options
    const { header } = outgoing.batch
    const { errorCode } = outcome
    const own = header.origin === context.self
    const over =
      errorCode === 'not_addressed' ||
      (errorCode === 'receipt_wanted' && (!own || header.epoch !== context.epoch)) ||
      (!own && ['quarantined', 'lane_fork', 'member_suspended'].includes(errorCode))
    if (over && errorCode !== 'not_addressed')
      context.alarms.raise('push', this.batchClass, notTaken(outgoing, outcome))
    return over
  }

  /** Its origin waits from here on, or from where the parent says that its lane stands. */
  async #notTaken({ outgoing, outcome }: Failed): Promise<void> {
    const { origin } = outgoing.batch.header
    if (this.#isPassedOver(outgoing, outcome))
      return this.#held.advance(origin, outgoing.index + 1n)
    if (!isOfOneOrigin(outcome))
      throw new HuxinError('parent_unreachable', notTaken(outgoing, outcome))
    const back = outcome.errorCode === 'lane_gap' ? await this.#backFor(outcome) : outgoing.index
    await this.#held.hold(origin, back < outgoing.index ? back : outgoing.index, outcome)
  }

  /** The parent lacks earlier batches of the lane: where in this log its head stands. */
  async #backFor({ laneHeads }: Outcome): Promise<bigint> {
    let least: bigint | undefined
    for (const head of laneHeads) {
      const known =
        head.batchId.length === 32
          ? await this.#options.context.ledger().known(head.batchId)
          : undefined
      const back = known?.indexes[0] ?? 0n
      if (least === undefined || back < least) least = back
    }
    return least ?? this.#cursor
  }

  /** @throws HuxinError proof_invalid | signature_invalid */
  #verified(outgoing: Outgoing, outcome: Outcome): StoredReceipt {
    const receipt = outcome.receipt!
    const log = this.#log ?? ''
    if (!equalBytes(receipt.batchId, outgoing.batch.id))
      throw new HuxinError('proof_invalid', text`the parent gave the receipt of another batch`)
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
    const { door, parent } = this.#options
    if (!outgoing.entry.verdict.accepted) return
    try {
      await door.accept({
        header: outgoing.batch.note,
        body: new Uint8Array(),
        refusal: outcome.refusal,
        judged: formatJudged(outgoing.entry.judged),
        source: { kind: 'fetched', node: parent },
      })
    } catch (error) {
      if (isHuxinError(error, 'log_frozen')) {
        this.#unlogged ??= outgoing.index
        return
      }
      throw new HuxinError(
        'internal',
        text`the refusal of batch ${outgoing.batch.idText} was not logged: ${textOf(error)}`,
        { cause: error },
      )
    }
  }

  async #load(): Promise<void> {
    const { log } = this.#follower
    const { keys, context } = this.#options
    const stored = await keys.inherited(log, async (name) =>
      openChecked(this.#key(name), await context.store.get(this.#key(name))),
    )
    await this.#held.load(log)
    this.#log = log
    this.#outbox.log = log
    this.#unlogged = undefined
    this.#cursor = stored ? fromBe64(stored) : 0n
    this.#outbox.again = await this.#handedBefore()
  }

  async #handedBefore(): Promise<bigint> {
    const { context, parent } = this.#options
    const rows = await context.store.range(prefixRange(pushRows.key(`${parent}/`)))
    const own = keyText(this.#key(this.#log ?? ''))
    const cursors = rows
      .filter(([key]) => keyText(key) !== own && keyText(key).endsWith(`/${this.batchClass}`))
      .map(([key, value]) => openChecked(key, value))
    return cursors.reduce(
      (most, cursor) => (cursor && fromBe64(cursor) > most ? fromBe64(cursor) : most),
      0n,
    )
  }

  async #advance(next: bigint): Promise<void> {
    this.#cursor = next
    await this.#options.context.store.write([this.#cursorOp(next)])
  }

  #cursorOp(next: bigint): { key: Uint8Array; value: Uint8Array } {
    const key = this.#key(this.#log ?? '')
    return {
      key,
      value: checkedValue(
        key,
        be64(this.#unlogged !== undefined && this.#unlogged < next ? this.#unlogged : next),
      ),
    }
  }

  #key(log: string): Uint8Array {
    return pushRows.key(`${log}/${this.batchClass}`)
  }
}

function notTaken(
  { batch: { idText, header } }: Outgoing,
  { errorCode, errorMessage }: Outcome,
): Text {
  return text`batch ${idText} of ${header.origin} was not taken by the parent: ${errorCode}: ${errorMessage}`
}
