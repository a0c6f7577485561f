/**
 * Room `exchange`: the way of a batch. This file is the one door: whatever enters this node's log, from a
 * child, the parent or a fetched file, enters through `accept`, in this order:
 *
 *   size → known already? → authentic header → may this peer carry this origin → as of when it is judged → body is the one
 *   the header states → judged → lane continues → one atomic, fsynced write → checkpoint → answer
 *
 * A known batch gets its first answer again, whoever shows it: its hash is the header's, which nobody has who was not
 * given the batch. What fails before "judged" is answered with an error and never logged, so that nobody can flood a log. What is
 * judged is logged, accepted or refused, and always advances its lane. It knows no transport.
 */
import { createHash } from 'node:crypto'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { InOrderOfCalls } from '../base/one-at-a-time.ts'
import { text } from '../base/text.ts'
import type { Body } from '../batch/body.ts'
import {
  editionOf,
  type Entry,
  type EntrySource,
  formatEntry,
  RULES_EDITION,
  type Verdict,
} from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import type { KnownBatch } from '../ledger/ledger.ts'
import type { SignedTree } from '../log/log.ts'
import { bodyKey } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { Admission, type AdmissionOptions, decodeRefused } from './admission.ts'
import type { Changes } from '../commit/changes.ts'
import type { ErasingAmendment } from '../commit/context.ts'
import { Erasing, type ErasingOptions } from './erasing.ts'
import {
  FirstReceipt,
  type FirstReceiptOptions,
  type ClaimedJudgement,
  type Vouched,
} from '../witness/first-receipt.ts'
import { Incomplete, type IncompleteOptions } from './incomplete.ts'
import { InOrder, type InOrderOptions } from './in-order.ts'
import { judge } from '../verdict/judge.ts'
import type { CheckRecords, Terms } from '../verdict/kind.ts'
import { type Fork, LaneOrder, type LaneOrderOptions } from './lane-order.ts'
import type { Quotas } from '../commit/quotas.ts'
import { checkAddressed } from '../verdict/reach.ts'
import { shownOp, type StoredReceipt } from '../witness/receipts.ts'
import { encodeRefusal, type Refused, refusalText } from '../verdict/refusal.ts'
import type { BatchClass } from '../topology/lane.ts'
import type { Committed, Decision, RoundView, Writer } from '../commit/writer.ts'

/** A batch at the door, as its sender gives it: every field but `source` is a claim until the door has verified it. */
export interface SenderClaims extends ClaimedJudgement {
  readonly header: Uint8Array
  readonly body: Uint8Array
  /** The parent says that it has the entry and no longer the records. */
  readonly incomplete?: boolean
  /** It is taken without the records that are hashes alone: nobody gave them while there was time. */
  readonly asItIs?: boolean
}

/** What became of it. */
export interface Accepted {
  readonly batch: SealedHeader
  /** Log index of the entry that tells its verdict. */
  readonly index: bigint
  /** Refusal bytes when refused. */
  readonly refusal: Uint8Array | undefined
  /** True when it was known before: the first receipt is given again. */
  readonly repeated: boolean
  readonly tree: SignedTree
}

export interface DoorOptions
  extends
    AdmissionOptions,
    FirstReceiptOptions,
    InOrderOptions,
    LaneOrderOptions,
    ErasingOptions,
    IncompleteOptions {
  readonly writer: Writer
  readonly changes: Changes
  readonly checkRecords: CheckRecords
  /** @throws HuxinError disk_full */
  readonly checkRoom: (batchClass: BatchClass) => void
  readonly quotas: Quotas
}

/** A batch after every check that needs no writer. */
interface Prepared {
  readonly batch: SealedHeader
  readonly body: Body | undefined
  /** The body has no records, and this node should have them. */
  readonly lacking: boolean
  readonly terms: Required<Terms>
  /** The receipt that was shown with it, when it is verified: whom the batch goes to may want it too. */
  readonly shown: StoredReceipt | undefined
  readonly refused: Refused | undefined
  readonly refusalBytes: Uint8Array | undefined
}

/** Where in a round of the writer a batch is decided. */
interface Place {
  readonly index: bigint
  readonly known: KnownBatch | undefined
  readonly view: RoundView
}

const RECENT_MAX = 8_192

export class Door {
  readonly #options: DoorOptions
  /** Batches logged lately, so that two copies under way at once are still one. */
  readonly #recent = new Map<string, { known: KnownBatch; refusal: Uint8Array | undefined }>()
  /** The last proposal of each sender and class: batches are proposed in the order they came. */
  readonly #order = new InOrderOfCalls()
  readonly #admission: Admission
  readonly #firstReceipt: FirstReceipt
  readonly #inOrder: InOrder
  readonly #laneOrder: LaneOrder
  readonly #erasing: Erasing
  readonly #incomplete: Incomplete

  constructor(options: DoorOptions) {
    this.#options = options
    this.#admission = new Admission(options)
    this.#firstReceipt = new FirstReceipt(options)
    this.#inOrder = new InOrder(options)
    this.#laneOrder = new LaneOrder(options)
    this.#erasing = new Erasing(options, this.#inOrder)
    this.#incomplete = new Incomplete(options)
  }

  /**
   * Takes one batch. Concurrent calls of one sender and class enter in the order of the calls.
   * @throws HuxinError any code of the kinds invalid, denied, unavailable, broken
   */
  async accept(claims: SenderClaims): Promise<Accepted> {
    const turn = this.#order.take(senderOf(claims.source))
    try {
      const prepared = await this.#prepare(claims).catch((error: unknown) =>
        this.#prepareAgain(claims, turn.before, error),
      )
      if ('index' in prepared) return prepared
      await turn.before
      const committing = this.#commit(prepared, claims)
      turn.release()
      return await committing
    } finally {
      turn.release()
    }
  }

  /** Forgets everything in memory, after the state was loaded again. */
  reset(): void {
    this.#recent.clear()
    this.#options.recent.clear()
    this.#admission.reset()
    this.#options.quotas.reset()
  }

  /** A member or item may be made known by the batch just before this one: look again after it. */
  async #prepareAgain(
    claims: SenderClaims,
    before: Promise<void>,
    error: unknown,
  ): Promise<Prepared | Accepted> {
    if (!isHuxinError(error, 'member_unknown') && !isHuxinError(error, 'item_unknown')) throw error
    await before
    await this.#options.writer.save([])
    return this.#prepare(claims)
  }

  async #prepare(claims: SenderClaims): Promise<Prepared | Accepted> {
    const batch = parseHeaderNote(claims.header)
    const known = await this.#known(batch)
    if (known && !this.#overturns(known, claims)) return this.#repeat(batch, known)
    this.#options.checkRoom(batch.header.batchClass)
    this.#admission.authentic(batch, claims.body)
    this.#admission.mayCarry(batch.header, claims)
    // What is given back after a loss was taken once.
    if (claims.givenBack !== true) {
      checkAddressed(this.#options.ledger(), batch.header, claims.source)
      this.#options.quotas.check(batch.header, claims.source, sizeOf(claims))
    }
    const vouched = await this.#firstReceipt.vouched(batch, claims)
    const judged = this.#firstReceipt.judgedAt(batch, claims, vouched)
    const terms = { ...judged, rules: this.#rulesOf(claims, vouched) }
    const lapsed = await this.#firstReceipt.lapsed(batch, judged, claims, vouched)
    if (claims.refusal !== undefined && claims.refusal.length > 0) {
      const refused = decodeRefused(claims.refusal)
      return {
        batch,
        body: undefined,
        lacking: false,
        terms,
        shown: undefined,
        refused,
        refusalBytes: claims.refusal,
      }
    }
    const { body, lacking } = await this.#erasing.openBody(batch, claims, vouched)
    const refused =
      lapsed ??
      (this.#keepsVerdict(batch, claims, vouched)
        ? undefined
        : await judge(
            { ledger: this.#options.ledger(), header: batch.header, body, terms },
            this.#options,
          ))
    return {
      batch,
      body: refused ? undefined : body,
      lacking,
      terms,
      shown: vouched?.entry && claims.receipt,
      refused,
      refusalBytes: refused && encodeRefusal(refused.refusal),
    }
  }

  async #commit(prepared: Prepared, claims: SenderClaims): Promise<Accepted> {
    const { batch } = prepared
    let repeated: KnownBatch | undefined
    let fork: Fork | undefined
    let refusal: Uint8Array | undefined
    const committed = await this.#options.writer.propose(sizeOf(claims), async (index, view) => {
      const known = await this.#known(batch)
      if (known && !this.#overturns(known, claims)) {
        repeated = known
        return nothing([])
      }
      fork = known ? undefined : await this.#laneOrder.continueLanes(batch, claims, view)
      if (fork) return nothing(fork.ops)
      const decided = await this.#decide(prepared, claims, { index, known, view })
      refusal = decided.refusal
      return decided.decision
    })
    if (fork) {
      // Not before it is durable: nobody is told of a quarantine that a failed write took away.
      fork.remember()
      throw fork.error
    }
    return repeated ? this.#repeat(batch, repeated) : this.#done(prepared, refusal, committed)
  }

  async #decide(
    prepared: Prepared,
    claims: SenderClaims,
    { index, known, view }: Place,
  ): Promise<{ decision: Decision; refusal: Uint8Array | undefined }> {
    const {
      batch,
      terms: { rules, ...judged },
    } = prepared
    const ledger = this.#options.ledger()
    const late =
      prepared.refused ??
      (prepared.body && (await this.#inOrder.judge(batch.header, prepared.body, view, rules)))
    // It was accepted here, says who gives it back. Whose branch it is of sends it again, and that is judged.
    if (late && claims.givenBack === true)
      throw new HuxinError(
        'proof_invalid',
        text`batch ${batch.idText} of ${batch.header.origin} is given back as accepted and would be refused: ${refusalText(late.refusal)}`,
      )
    const refusal = late && (prepared.refusalBytes ?? encodeRefusal(late.refusal))
    const verdict: Verdict =
      late && refusal
        ? {
            accepted: false,
            code: late.code,
            reasons: createHash('sha256').update(refusal).digest(),
          }
        : { accepted: true }
    const entry: Entry = {
      timeMs: this.#options.clock.nowMs(),
      source: claims.source,
      judged,
      rules: late ? RULES_EDITION : rules,
      verdict,
      header: batch.note,
    }
    const body =
      late || !prepared.body ? undefined : await this.#erasing.eraseLate(batch, prepared.body, view)
    const opened = late || known ? 0 : ledger.opens(batch.header, claims.source)
    if (!known && claims.givenBack !== true) {
      // Others of the round may have used what was left.
      this.#options.quotas.check(batch.header, claims.source, sizeOf(claims))
      await this.#options.quotas.checkLanes(batch.header.origin, claims.source, opened)
    }
    const folded = ledger.fold(index, entry, batch, known, body)
    const ops: Op[] = [...folded.ops, { key: bodyKey(index), value: refusal ?? body!.bytes }]
    if (body && prepared.lacking) ops.push(this.#incomplete.op(index))
    if (body && prepared.shown) ops.push(shownOp(prepared.shown))
    if (body && this.#options.kinds.of(batch.header)?.erases)
      ops.push(...(await this.#erasing.eraseOps({ by: batch.header.origin, index, body }, view)))
    const bytes = formatEntry(entry)
    const remember = (): void => {
      folded.remember()
      if (!known && claims.givenBack !== true)
        this.#options.quotas.count(batch.header, claims.source, {
          bytes: sizeOf(claims),
          refused: late !== undefined,
          opened,
        })
      if (late && claims.source.kind === 'parent' && batch.header.origin === ledger.self)
        this.#options.quotas.countReturned(ledger.self)
      this.#options.recent.add({ index, bytes, entry, batch }, refusal ?? body!.bytes)
      if (body && prepared.lacking) this.#incomplete.add(index, batch)
      this.#remember(
        batch,
        {
          refused: late !== undefined || (known?.refused ?? false),
          indexes: [...(known?.indexes ?? []), index],
        },
        refusal,
      )
    }
    return {
      decision: { entries: [bytes], ops, remember, givenBack: claims.givenBack ?? false },
      refusal,
    }
  }

  /**
   * Operations that destroy the records which an amendment of `by` erases, here and in every index. Runs
   * inside a round of the writer.
   */
  eraseOps(amendment: ErasingAmendment, view: RoundView): Promise<Op[]> {
    return this.#erasing.eraseOps(amendment, view)
  }

  /** Carries out erasures whose day has come. @returns how many amendments */
  eraseDue(): Promise<number> {
    return this.#erasing.eraseDue(this.#options.writer)
  }

  /** Ends the alarms of batches that came without records where none is missed any more, and of quotas whose time is over. */
  async review(): Promise<void> {
    await this.#incomplete.review()
    await this.#options.quotas.review()
  }

  /** What this node published or accepted before it lost its log: a child gives it back, or shows this node's own receipt for it. */
  #keepsVerdict(
    { header }: SealedHeader,
    { givenBack }: SenderClaims,
    vouched: Vouched | undefined,
  ): boolean {
    const { self } = this.#options.ledger()
    return (
      (givenBack === true && header.origin === self) ||
      (vouched?.node === self && vouched.entry?.verdict.accepted === true)
    )
  }

  /** By which edition of the rules a batch is judged. Whoever stands below says what suits it: of what a child hands up only an entry of this node or of one above counts. */
  #rulesOf({ source, rules }: SenderClaims, vouched: Vouched | undefined): string {
    const { federation, self } = this.#options.ledger()
    const counts =
      vouched?.entry && (source.kind !== 'child' || federation.isWithin(self, vouched.node))
    return editionOf(counts ? vouched.entry.rules : rules)
  }

  /** A known batch is judged anew only when a higher node refused what stands accepted here. */
  #overturns(known: KnownBatch, claims: SenderClaims): boolean {
    return (
      !known.refused &&
      claims.refusal !== undefined &&
      claims.refusal.length > 0 &&
      claims.source.kind !== 'child'
    )
  }

  async #known(batch: SealedHeader): Promise<KnownBatch | undefined> {
    return this.#recent.get(batch.idText)?.known ?? (await this.#options.ledger().known(batch.id))
  }

  async #repeat(batch: SealedHeader, known: KnownBatch): Promise<Accepted> {
    const index = known.refused ? known.indexes.at(-1)! : known.indexes[0]!
    const refusal = known.refused
      ? (this.#recent.get(batch.idText)?.refusal ?? (await this.#options.store.get(bodyKey(index))))
      : undefined
    return { batch, index, refusal, repeated: true, tree: await this.#options.writer.sealed(index) }
  }

  #done(prepared: Prepared, refusal: Uint8Array | undefined, committed: Committed): Accepted {
    const { batchClass, kind } = prepared.batch.header
    this.#options.changes.announce(['log', batchClass, kind])
    return {
      batch: prepared.batch,
      index: committed.index,
      refusal,
      repeated: false,
      tree: committed.tree,
    }
  }

  #remember(batch: SealedHeader, known: KnownBatch, refusal: Uint8Array | undefined): void {
    if (this.#options.kinds.get(batch.header.kind)?.bringsMembers) this.#admission.reset()
    this.#recent.set(batch.idText, { known, refusal })
    if (this.#recent.size > RECENT_MAX) this.#recent.delete(this.#recent.keys().next().value!)
  }
}

function sizeOf({ header, body }: SenderClaims): number {
  return header.length + body.length
}

function senderOf(source: EntrySource): string {
  return source.kind === 'child' || source.kind === 'fetched' ? source.node : source.kind
}

/** A decision that logs nothing. */
function nothing(ops: readonly Op[]): Decision {
  return { entries: [], ops, remember: () => undefined }
}
