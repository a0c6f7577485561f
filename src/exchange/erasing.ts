/**
 * Bodies at the door: the body is the one that the header states, and what an amendment erased is gone
 * from it, whether the amendment came before its batch or after.
 */
import { equalBytes, hex } from '../base/bytes.ts'
import { civilDate, type Clock, Turns } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import {
  type Body,
  bodyRoot,
  eraseLeaves,
  parseBody,
  recordAt,
  recordSpans,
} from '../batch/body.ts'
import { type EntrySource, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { erasedNote, isPending, pendingOp, pendingUntil } from '../lookup/erased.ts'
import { decodeAmendments } from '../ledger/amendments.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { isIndexed, recordRows } from '../lookup/record-rows.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import type { ErasingAmendment } from '../commit/context.ts'
import type { Vouched } from '../witness/first-receipt.ts'
import type { InOrder } from './in-order.ts'
import type { Recent } from '../commit/recent.ts'
import { spoiledOp } from './transit.ts'
import type { RoundView, Writer } from '../commit/writer.ts'

export interface ErasingOptions {
  readonly ledger: () => Ledger
  readonly store: Store
  readonly clock: Clock
  readonly recent: Recent
  /** Key of the node-local subject index. */
  readonly subjectKey: Uint8Array
  /** True while this node takes back what it lost: erased bodies are taken as they are. */
  readonly recovering: () => boolean
}

/** Amendments of one sweep: each rewrites the bodies that it names. */
const DUE_MAX = 64

/** The body of a batch at the door. */
export interface OpenedBody {
  readonly body: Body
  /** Its records are gone, and this node should have them. */
  readonly lacking: boolean
}

interface ArrivingBody {
  readonly body: Uint8Array
  readonly source: EntrySource
  /** What was erased of it was erased here before. */
  readonly givenBack?: boolean
  /** The parent says that it has the entry and no longer the records. */
  readonly incomplete?: boolean
  /** Taken without the records that are hashes alone: nobody gave them while there was time. */
  readonly asItIs?: boolean
}

export class Erasing {
  readonly #options: ErasingOptions
  readonly #inOrder: InOrder

  constructor(options: ErasingOptions, inOrder: InOrder) {
    this.#options = options
    this.#inOrder = inOrder
  }

  /**
   * The body of a batch at the door. One whose records are all gone is taken from who proves that it was whole once:
   * by a receipt of this node's own earlier log, or of a node above that has logged it.
   * @throws HuxinError body_incomplete | body_malformed | root_mismatch | erased_first_submission
   */
  async openBody(
    batch: SealedHeader,
    claims: ArrivingBody,
    vouched: Vouched | undefined,
  ): Promise<OpenedBody> {
    const { header } = batch
    if (claims.body.length === 0)
      throw new HuxinError(
        'body_incomplete',
        text`the body of batch ${batch.idText} is not there: send it with its header`,
      )
    let body = parseBody(claims.body)
    if (body.count !== header.records || !equalBytes(bodyRoot(body), header.root)) {
      throw new HuxinError(
        'root_mismatch',
        text`the body of batch ${batch.idText} has ${body.count} records and another root than its header states`,
      )
    }
    const { lawful, due } = await this.#erasedPositions(batch)
    const gone =
      (body.erased === body.count && lawful.size < body.count && this.#wasWhole(claims, vouched)) ||
      (claims.asItIs === true && claims.source.kind !== 'child' && hasUnexplained(body, lawful))
    if (!gone && body.erased > 0 && claims.givenBack !== true && !this.#options.recovering())
      this.#checkErased(batch, body, lawful, claims.source)
    if (due.size > 0 && isErasable(this.#options.ledger(), batch))
      body = parseBody(eraseLeaves(body, due))
    // Who only passes a batch on needs no records.
    return { body, lacking: gone && this.#options.ledger().routes(header, claims.source).kept }
  }

  /**
   * `lawful` are the positions that an amendment erases, today or later: at another node the day may have come. `due` are
   * those whose day has come here.
   */
  async #erasedPositions(
    batch: SealedHeader,
    view?: RoundView,
  ): Promise<{ lawful: Set<number>; due: Set<number> }> {
    const { ledger, store } = this.#options
    const amended = (await ledger().amendments(batch.id, batch.header.origin, view?.staged)).filter(
      ({ action }) => action === AmendmentAction.ERASE,
    )
    const pending = await Promise.all(amended.map((one) => isPending(view ?? store, one)))
    return {
      lawful: new Set(amended.map(({ position }) => position)),
      due: new Set(amended.filter((_, i) => !pending[i]).map(({ position }) => position)),
    }
  }

  #wasWhole({ source, incomplete }: ArrivingBody, vouched: Vouched | undefined): boolean {
    const { federation, self } = this.#options.ledger()
    if (source.kind === 'parent') return incomplete === true
    if (!vouched?.entry?.verdict.accepted) return false
    return source.kind === 'child' ? vouched.node === self : federation.isWithin(self, vouched.node)
  }

  #checkErased(
    batch: SealedHeader,
    body: Body,
    erased: ReadonlySet<number>,
    source: EntrySource,
  ): void {
    for (let i = 0; i < body.count; i++) {
      if (recordAt(body, i) !== undefined || erased.has(i)) continue
      if (source.kind === 'child' && source.node === batch.header.origin) {
        throw new HuxinError(
          'erased_first_submission',
          text`record ${i} of batch ${batch.idText} is a hash alone and no amendment erased it`,
        )
      }
      throw new HuxinError(
        'body_incomplete',
        text`record ${i} of batch ${batch.idText} is a hash alone and no amendment known here erased it: fetch it elsewhere`,
      )
    }
  }

  /** Erasures that were written since the body was opened. */
  async eraseLate(batch: SealedHeader, body: Body, view: RoundView): Promise<Body> {
    const erased = isErasable(this.#options.ledger(), batch)
      ? (await this.#erasedPositions(batch, view)).due
      : new Set<number>()
    return [...erased].some(
      (position) => position < body.count && recordAt(body, position) !== undefined,
    )
      ? parseBody(eraseLeaves(body, erased))
      : body
  }

  /**
   * Operations that destroy the records which an amendment erases, here and in every index, and notes of those whose day
   * has not come. Runs inside a round of the writer.
   */
  async eraseOps({ by, index: at, body }: ErasingAmendment, view: RoundView): Promise<Op[]> {
    const turns = new Turns(this.#options.clock)
    const today = civilDate(this.#options.clock.nowMs())
    const positions = new Map<string, { id: Uint8Array; which: Set<number> }>()
    const later = new Map<string, Op>()
    for (const { action, batchId, index, effectiveOn } of decodeAmendments(body)) {
      if (action !== AmendmentAction.ERASE) continue
      if (effectiveOn > today) {
        later.set(effectiveOn, pendingOp(effectiveOn, at))
        continue
      }
      const row = positions.get(hex(batchId)) ?? { id: batchId, which: new Set() }
      row.which.add(index)
      positions.set(hex(batchId), row)
    }
    const ops: Op[] = [...later.values()]
    for (const { id, which } of positions.values()) {
      // What comes before in the same round took its time too.
      await turns.next()
      for (const op of await this.#eraseFrom(by, { id, which }, { view, turns })) ops.push(op)
    }
    if (positions.size > 0) await turns.next()
    return ops
  }

  /**
   * Carries out erasures whose day has come, some at a time.
   * @returns how many amendments
   */
  async eraseDue(writer: Pick<Writer, 'propose'>): Promise<number> {
    const { clock, ledger, store } = this.#options
    const due = await pendingUntil(store, civilDate(clock.nowMs()), DUE_MAX)
    for (const { key, index } of due) {
      await writer.propose(0, async (_, view) => {
        const [entry, stored] = await store.getMany([entryKey(index), bodyKey(index)])
        const batch = entry && parseHeaderNote(parseEntry(entry).header)
        const stands = batch && (await ledger().known(batch.id))?.refused === false
        const ops =
          stored && stands
            ? await this.eraseOps({ by: batch.header.origin, index, body: parseBody(stored) }, view)
            : []
        return { entries: [], ops: [...ops, { key, value: undefined }], remember: () => undefined }
      })
    }
    return due.length
  }

  async #eraseFrom(
    by: string,
    { id, which }: { id: Uint8Array; which: ReadonlySet<number> },
    { view, turns }: { view: RoundView; turns: Turns },
  ): Promise<Op[]> {
    const { ledger, subjectKey } = this.#options
    const placed = await this.#inOrder.placed(id, view)
    if (!placed?.entry.verdict.accepted) return []
    const { index, batch } = placed
    const bytes = await view.get(bodyKey(index))
    if (
      !bytes ||
      !isErasable(ledger(), batch) ||
      !ledger().federation.isWithin(batch.header.origin, by)
    )
      return []
    const body = parseBody(bytes)
    if (turns.over) await turns.next()
    const left = eraseLeaves(body, which)
    const ops: Op[] = [
      { key: bodyKey(index), value: left },
      spoiledOp(index, recordSpans(left).erased),
    ]
    this.#options.recent.forget(index)
    if (!isIndexed(ledger(), batch)) return ops
    for (const position of which) {
      if (turns.over) await turns.next()
      const record = position < body.count ? recordAt(body, position) : undefined
      const rows = record && recordRows(ledger(), { batch, index, position, record, subjectKey })
      if (rows) ops.push(erasedNote({ index, position }, rows))
    }
    return ops
  }
}

/** Statements, items and amendments are what verdicts rest on: nobody erases them. What is not known here may hold records. */
function isErasable({ kinds }: Ledger, batch: SealedHeader): boolean {
  return isIndexed({ kinds }, batch) || !kinds.of(batch.header)
}

/** True when some record is a hash alone and no amendment erased it. */
function hasUnexplained(body: Body, erased: ReadonlySet<number>): boolean {
  for (let i = 0; body.erased > 0 && i < body.count; i++)
    if (recordAt(body, i) === undefined && !erased.has(i)) return true
  return false
}
