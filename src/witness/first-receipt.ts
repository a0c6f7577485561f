/**
 * The first receipt: the time as of which a batch is judged, everywhere alike. It is stated by who sends
 * the batch, and a sender may lie. So what is stated never decides alone: when item, key and membership
 * hold today too, then they held at whatever time in between the batch was first received, and nothing
 * more is asked. When they do not, a receipt is wanted that proves that a node on the way had logged the
 * batch while they did. Only such batches, which are late or come back after a loss, cost a proof.
 *
 * A receipt is believed as far as its log is: a member on the way of the batch signs its own time. A log
 * that this node follows or cosigns cannot even do that: an entry beyond the size that was seen at a time
 * was not there at that time (`witnessed` rows).
 */
import { civilDate, formatTime } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { be64, concat, equalBytes, fromBe64 } from '../base/bytes.ts'
import { type ErrorCode, HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import {
  type Entry,
  type EntrySource,
  isBornHere,
  type Judged,
  parseJudged,
} from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { SealedHeader } from '../batch/seal.ts'
import { entrySourceName, type Ledger } from '../ledger/ledger.ts'
import { leafHash } from '../merkle/hash.ts'
import { verifyCosignatureLine } from '../note/cosignature.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { prefixRange, tables, textKey } from '../store/keys.ts'
import type { Op, Reader, Store } from '../store/store.ts'
import { defineRows, hasCheckValue, textIndexKeys } from '../store/rows.ts'
import { outOfForce } from '../verdict/contract.ts'
import { type Refused, refuse, refusalText } from '../verdict/refusal.ts'
import { type StoredReceipt, verifyReceipt } from './receipts.ts'

/** What a sender claims beside a batch: how and when it was judged before. Every field but `source` is unverified. */
export interface ClaimedJudgement {
  /** First receipt; undefined when this node is the first. */
  readonly judged?: string
  readonly receipt?: StoredReceipt
  /** Refusal bytes, when the sender refused it and sends the header alone. */
  readonly refusal?: Uint8Array
  /** A child gives it back to this root, which lost it: it was judged here before. */
  readonly givenBack?: boolean
  /** When the parent logged it, by its entry, which was compared with its signed tree. */
  readonly loggedMs?: number
  /** By which edition of the rules the parent judged it, by that entry; of what is given back, what it may have been. */
  readonly rules?: string
  readonly source: EntrySource
}

/** Another log's entry of a batch, verified. */
export interface Vouched {
  /** Full name of the node whose log it is. */
  readonly node: string
  readonly log: string
  readonly index: bigint
  /** When that node logged the batch, by its own entry. */
  readonly timeMs: number
  /** What the entry says; undefined when only its time is known. */
  readonly entry: Entry | undefined
}

export interface FirstReceiptOptions {
  readonly ledger: () => Ledger
  readonly store: Store
  readonly clock: Clock
}

export class FirstReceipt {
  readonly #options: FirstReceiptOptions

  constructor(options: FirstReceiptOptions) {
    this.#options = options
  }

  /**
   * Verifies the receipt that comes with a batch; without one, the parent's entry is what there is. So it is with one that cannot be
   * checked yet and is not wanted yet: to a node that begins, the parent shows receipts of nodes whose statements come after.
   * @throws HuxinError proof_invalid | signature_invalid | note_malformed | entry_malformed; member_unknown
   *   when the log is that of a member, or of an epoch, that is not known here yet
   */
  async vouched(
    batch: SealedHeader,
    { receipt, loggedMs, source }: ClaimedJudgement,
  ): Promise<Vouched | undefined> {
    const delivered =
      source.kind === 'parent' && loggedMs !== undefined
        ? {
            node: entrySourceName(source),
            log: source.log,
            index: source.index,
            timeMs: loggedMs,
            entry: undefined,
          }
        : undefined
    if (!receipt) return delivered
    try {
      return await this.#verified(batch, receipt, source)
    } catch (error) {
      if (
        delivered &&
        isHuxinError(error, 'member_unknown') &&
        !lapse(this.#options.ledger(), batch.header, this.#options.clock.nowMs())
      )
        return delivered
      throw error
    }
  }

  async #verified(
    batch: SealedHeader,
    receipt: StoredReceipt,
    source: EntrySource,
  ): Promise<Vouched> {
    const ledger = this.#options.ledger()
    const { federation, self } = ledger
    const {
      member: { name: node },
      log: origin,
      index,
      leaf,
      entry,
      timeMs,
      note,
    } = verifyReceipt(ledger, batch, receipt)
    const onTheWay =
      node !== batch.header.origin &&
      (federation.isWithin(batch.header.origin, node) || federation.isWithin(self, node))
    if (!onTheWay)
      throw new HuxinError(
        'proof_invalid',
        text`the receipt of batch ${batch.idText} is of ${node}, which is not on its way`,
      )
    await this.#checkTree(source, { origin, index, note, leaf })
    return { node, log: origin, index, timeMs, entry }
  }

  /**
   * Of a log that is watched here there is one tree: the parent's entry is the one in its spine, and what lies in
   * a child's log where this node has cosigned it is shown under this node's cosignature.
   */
  async #checkTree(
    source: EntrySource,
    {
      origin,
      index,
      note,
      leaf,
    }: { origin: string; index: bigint; note: Uint8Array; leaf: Uint8Array },
  ): Promise<void> {
    const { federation, self } = this.#options.ledger()
    if (
      source.kind === 'parent' &&
      origin === source.log &&
      (index !== source.index || !equalBytes(leafHash(leaf), source.leaf))
    ) {
      throw new HuxinError(
        'proof_invalid',
        text`the receipt of the log ${origin} shows another entry than was delivered`,
      )
    }
    if (source.kind !== 'child') return
    const seen = await this.#options.store.get(textKey(tables.witness, origin))
    if (!seen || index >= fromBe64(seen)) return
    const { text: content, signatures } = parseNote(note)
    const own = (federation.member(self)?.epochs ?? [])
      .filter(({ cosignVkey }) => cosignVkey !== '')
      .map(({ cosignVkey }) => parseVkey(cosignVkey))
    if (
      signatures.some((line) =>
        own.some((verifier) => verifyCosignatureLine(content, line, verifier)),
      )
    )
      return
    throw new HuxinError(
      'proof_invalid',
      text`entry ${index} of the log ${origin} is shown in a tree that ${self} has not cosigned`,
    )
  }

  /**
   * The time and node of the first receipt. The origin itself is believed only when it shows the receipt
   * of a node on the way, this one before it lost its log for example.
   * @throws HuxinError argument_invalid
   */
  judgedAt(
    { header: { origin } }: SealedHeader,
    { judged: content, source }: ClaimedJudgement,
    vouched: Vouched | undefined,
  ): Judged {
    const { ledger, clock } = this.#options
    const { self } = ledger()
    if (isFirst(origin, source) && vouched?.entry) return vouched.entry.judged
    if (isFirst(origin, source) || content === undefined || content === '')
      return { timeMs: clock.nowMs(), node: self }
    const judged = parseJudged(content)
    if (!judged)
      throw new HuxinError(
        'argument_invalid',
        text`the first receipt (judged) is malformed: "<time> <node>" is wanted`,
      )
    return judged
  }

  /**
   * Whether what a batch rests on had ended: as of its first receipt, or, when it has ended since, as of
   * the time that is verified.
   * @throws HuxinError receipt_wanted
   */
  async lapsed(
    batch: SealedHeader,
    judged: Judged,
    { source, refusal, givenBack }: ClaimedJudgement,
    vouched: Vouched | undefined,
  ): Promise<Refused | undefined> {
    const { header } = batch
    // Its own signature is on it, and nobody but this node could say since when.
    if (givenBack === true && header.origin === this.#options.ledger().self) return undefined
    const first = isFirst(header.origin, source)
    // A refusal that somebody else gave needs no more reasons.
    if (isBornHere(source) || (!first && refusal !== undefined && refusal.length > 0))
      return undefined
    const ledger = this.#options.ledger()
    const now = this.#options.clock.nowMs()
    const then = lapse(ledger, header, judged.timeMs)
    // Who speaks for itself gets no verdict: nothing under a key that has ended fills a log.
    if (then && !(first && then.code === 'member_not_in_force')) return then
    if (!then && (judged.timeMs >= now || !lapse(ledger, header, now))) return undefined
    if (!vouched) {
      throw new HuxinError(
        'receipt_wanted',
        text`batch ${batch.idText} would not be taken today (${refusalText((then ?? lapse(ledger, header, now)!).refusal)}): send with it the receipt that shows since when it is logged`,
      )
    }
    const seenMs = await lastWithout(this.#options.store, vouched.log, vouched.index)
    const refused = lapse(ledger, header, Math.max(vouched.timeMs, seenMs ?? 0))
    if (!refused || seenMs === undefined || seenMs <= vouched.timeMs) return refused
    return refuse(
      refused.code as ErrorCode,
      text`${refusalText(refused.refusal)}; the log ${vouched.log} was seen at ${formatTime(seenMs)} without entry ${vouched.index}, which says ${formatTime(vouched.timeMs)}`,
    )
  }
}

/** Why a batch could not be originated at a time, or undefined. */
export function lapse(ledger: Ledger, header: BatchHeader, timeMs: number): Refused | undefined {
  const why = ledger.periods.lapse(header.origin, header.epoch, timeMs)
  if (why !== undefined) return refuse('member_not_in_force', why)
  const item = header.item === undefined ? undefined : ledger.catalog.item(header.item)
  return item && outOfForce(item, header.item!, civilDate(timeMs))
}

function isFirst(origin: string, source: EntrySource): boolean {
  return source.kind === 'child' && source.node === origin
}

const WITNESSED_EVERY_MS = 3_600_000

/** Log, size → when it was seen with that size. */
export const witnessedRows = defineRows({
  table: 'meta',
  name: 'witnessed',
  keys: textIndexKeys,
  check: hasCheckValue(8),
})

function witnessedPrefix(log: string): Uint8Array {
  return witnessedRows.key(`${log}/`)
}

/** The row that says that a log was seen with a size at a time; none when the last is younger than an hour. */
export async function witnessedOps(
  store: Reader,
  log: string,
  size: bigint,
  nowMs: number,
): Promise<Op[]> {
  const [last] = await store.range({
    ...prefixRange(witnessedPrefix(log)),
    limit: 1,
    reverse: true,
  })
  const lastMs = last && openChecked(...last)
  if (lastMs && nowMs - Number(fromBe64(lastMs)) < WITNESSED_EVERY_MS) return []
  const key = concat(witnessedPrefix(log), be64(size))
  return [{ key, value: checkedValue(key, be64(BigInt(nowMs))) }]
}

/** The last time at which a log was seen that did not have this entry yet; undefined when none is known. */
export async function lastWithout(
  store: Reader,
  log: string,
  index: bigint,
): Promise<number | undefined> {
  const { gte } = prefixRange(witnessedPrefix(log))
  const [row] = await store.range({
    gte,
    lt: concat(witnessedPrefix(log), be64(index + 1n)),
    limit: 1,
    reverse: true,
  })
  const value = row && openChecked(...row)
  return value && Number(fromBe64(value))
}
