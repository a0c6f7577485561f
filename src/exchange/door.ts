/**
 * Room `exchange`: the use cases. This file is the one door: whatever enters this node's log, from a
 * department, a child, the parent or a fetched file, enters through `accept`, in this order:
 *
 *   size → authentic header → may this peer carry this origin → body is the one the header states →
 *   judged → lane continues → one atomic, fsynced write → checkpoint → answer
 *
 * What fails before "judged" is answered with an error and never logged, so that nobody can flood a
 * log. What is judged is logged, accepted or refused, and always advances its lane.
 *
 * Rooms below propose operations; `exchange` is the only one that commits. It knows no transport.
 */
import { createHash } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import type { Clock } from '../base/clock.ts'
import { errorTable, HuxinError, isErrorCode, isHuxinError } from '../base/errors.ts'
import { equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { type Body, bodyRoot, eraseLeaves, parseBody, recordAt } from '../batch/body.ts'
import { type Entry, type EntrySource, formatEntry, isRefusalCode, type Judged, parseEntry, parseJudged, RULES_EDITION, type Verdict } from '../batch/entry.ts'
import { type BatchHeader, understood } from '../batch/header.ts'
import { openHeader, type SealedHeader, verifyHeader } from '../batch/seal.ts'
import { RefusalSchema } from '../gen/huxin/v1/body_pb.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { type Indexer, recordRows } from '../ledger/indexer.ts'
import { amendmentPrefix, decodeAmendments, decodeKnown, type KnownBatch, type Ledger, type PassingLane } from '../ledger/ledger.ts'
import type { SignedTree } from '../log/log.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { checkedValue } from '../store/checked.ts'
import { batchKey, bodyKey, entryKey, laneIndexKey, tables, textKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { laneKey } from '../topology/lane.ts'
import type { Changes } from './changes.ts'
import { type CheckRecords, encodeRefusal, judge, type Refused, refuse } from './judge.ts'
import type { Recent } from './recent.ts'
import { spoiledOp } from './transit.ts'
import type { Committed, Decision, RoundView, Writer } from './writer.ts'

/** A batch at the door. */
export interface Inbound {
  readonly header: Uint8Array
  readonly body: Uint8Array
  /** Refusal bytes, when the sender refused it and sends the header alone. */
  readonly refusal?: Uint8Array
  /** First receipt as the sender states it; undefined when this node is the first. */
  readonly judged?: string
  readonly source: EntrySource
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

export interface DoorOptions {
  readonly ledger: () => Ledger
  readonly store: Store
  readonly writer: Writer
  readonly changes: Changes
  readonly recent: Recent
  readonly indexer: () => Indexer
  readonly clock: Clock
  readonly checkRecords: CheckRecords
  /** Key of the node-local subject index. */
  readonly subjectKey: Uint8Array
  readonly signedTree: () => SignedTree
  /** True while this node takes back what it lost: erased bodies are taken as they are. */
  readonly recovering: () => boolean
  /** Two different batches with one number of a lane: keeps the evidence. */
  readonly onFork: (first: Uint8Array, second: Uint8Array, lane: string) => Promise<void>
  /** Two statements of a member with one serial, signed by the same members: keeps the evidence. */
  readonly onConflict: (earlier: Uint8Array, later: Uint8Array, signers: readonly string[]) => Promise<void>
  /** A recipient sees a lane skip a number. */
  readonly onGap: (lane: string, number: bigint, source: EntrySource) => void
}

/** A batch after every check that needs no writer. */
interface Prepared {
  readonly batch: SealedHeader
  readonly body: Body | undefined
  readonly judged: Judged
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
  readonly #turns = new Map<string, Promise<void>>()
  readonly #verifiers = new Map<string, Verifier>()

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /**
   * Takes one batch. Concurrent calls of one sender and class enter in the order of the calls.
   * @throws HuxinError any code of the kinds invalid, denied, unavailable, broken
   */
  async accept(inbound: Inbound): Promise<Accepted> {
    const turn = this.#takeTurn(inbound.source)
    try {
      const prepared = await this.#prepare(inbound).catch((error: unknown) => this.#prepareAgain(inbound, turn.before, error))
      if ('index' in prepared) return prepared
      await turn.before
      const committing = this.#commit(prepared, inbound)
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
    this.#verifiers.clear()
  }

  /** A member or item may be made known by the batch just before this one: look again after it. */
  async #prepareAgain(inbound: Inbound, before: Promise<void>, error: unknown): Promise<Prepared | Accepted> {
    if (!isHuxinError(error, 'member_unknown') && !isHuxinError(error, 'item_unknown')) throw error
    await before
    await this.#options.writer.save([])
    return this.#prepare(inbound)
  }

  async #prepare(inbound: Inbound): Promise<Prepared | Accepted> {
    const batch = openHeader(inbound.header)
    const known = await this.#known(batch)
    if (known && !this.#overturns(known, inbound)) return this.#repeat(batch, known)
    this.#authentic(batch)
    this.#mayCarry(batch.header, inbound.source)
    const judged = this.#judgedAt(batch.header, inbound)
    if (inbound.refusal !== undefined && inbound.refusal.length > 0) {
      const refused = decodeRefused(inbound.refusal)
      return { batch, body: undefined, judged, refused, refusalBytes: inbound.refusal }
    }
    const body = await this.#openBody(batch, inbound)
    const refused = judge(this.#options.ledger(), batch.header, body, judged, this.#options.checkRecords)
    return { batch, body: refused ? undefined : body, judged, refused, refusalBytes: refused && encodeRefusal(refused.refusal) }
  }

  /** The origin is a member, and the one signature line is that of its key in that epoch. */
  #authentic(batch: SealedHeader): void {
    const { origin, epoch } = batch.header
    const name = `${origin} ${epoch}`
    let verifier = this.#verifiers.get(name)
    if (!verifier) {
      const member = this.#options.ledger().federation.member(origin)
      if (!member || member.name !== origin) throw new HuxinError('member_unknown', `${origin} is not known here yet: send the batch again later`)
      const key = member.epochs.find((row) => row.epoch === epoch)
      if (!key && epoch > member.epoch) throw new HuxinError('member_unknown', `epoch ${epoch} of ${origin} is not known here yet: send the batch again later`)
      if (!key) throw new HuxinError('signature_invalid', `${origin} has no epoch ${epoch}`)
      verifier = parseVkey(key.noteVkey)
      if (member.epoch === epoch) this.#verifiers.set(name, verifier)
    }
    verifyHeader(batch, verifier)
  }

  #mayCarry(header: BatchHeader, source: EntrySource): void {
    const { federation, self } = this.#options.ledger()
    if (source.kind === 'child') {
      if (!federation.isWithin(header.origin, source.node)) {
        throw new HuxinError('origin_outside_subtree', `${source.node} may not hand up batches of ${header.origin}, which is not in its subtree`)
      }
    }
    if (source.kind === 'child' && this.#options.recovering() && header.batchClass !== 'amendment') {
      throw new HuxinError('not_ready', `${self} takes back what it lost, with the verdicts of that time: send the batch again later`)
    }
    if (this.#options.ledger().quarantined.has(header.origin) && header.batchClass !== 'amendment' && header.batchClass !== 'control') {
      throw new HuxinError('quarantined', `batches of ${header.origin} are not taken by ${self}: it sent two different batches with one number; see the evidence file`)
    }
    const member = federation.member(header.origin)
    if (member && member.status !== 'active' && source.kind === 'child' && source.node === header.origin) {
      throw new HuxinError('member_suspended', `${header.origin} is ${member.status}: its batches are not taken`)
    }
  }

  /** The first receipt is that of the origin's parent; what the origin itself says of it counts for nothing. */
  #judgedAt({ origin }: BatchHeader, inbound: Inbound): Judged {
    const { ledger, clock } = this.#options
    const first = inbound.source.kind === 'child' && inbound.source.node === origin
    if (first || inbound.judged === undefined || inbound.judged === '') return { timeMs: clock.nowMs(), node: ledger().self }
    const judged = parseJudged(inbound.judged)
    if (!judged) throw new HuxinError('argument_invalid', 'the first receipt (judged) is malformed: "<time> <node>" is wanted')
    return judged
  }

  async #openBody(batch: SealedHeader, inbound: Inbound): Promise<Body> {
    const { header } = batch
    if (inbound.body.length === 0) throw new HuxinError('body_incomplete', `the body of batch ${batch.idText} is not there: send it with its header`)
    let body = parseBody(inbound.body)
    if (body.count !== header.records || !equalBytes(bodyRoot(body), header.root)) {
      throw new HuxinError('root_mismatch', `the body of batch ${batch.idText} has ${body.count} records and another root than its header states`)
    }
    const erased = await this.#erasedPositions(batch, [])
    if (body.erased > 0 && !this.#options.recovering()) this.#checkErased(batch, body, erased, inbound.source)
    if (erased.size > 0) body = parseBody(eraseLeaves(body, erased))
    return body
  }

  async #erasedPositions(batch: SealedHeader, staged: readonly Op[]): Promise<Set<number>> {
    const amended = await this.#options.ledger().amendments(batch.id, batch.header.origin, staged)
    return new Set(amended.filter(({ action }) => action === AmendmentAction.ERASE).map(({ position }) => position))
  }

  #checkErased(batch: SealedHeader, body: Body, erased: ReadonlySet<number>, source: EntrySource): void {
    for (let i = 0; i < body.count; i++) {
      if (recordAt(body, i) !== undefined || erased.has(i)) continue
      if (source.kind === 'child' && source.node === batch.header.origin) {
        throw new HuxinError('erased_first_submission', `record ${i} of batch ${batch.idText} is a hash alone and no amendment erased it`)
      }
      throw new HuxinError('body_incomplete', `record ${i} of batch ${batch.idText} is a hash alone and no amendment known here erased it: fetch it elsewhere`)
    }
  }

  async #commit(prepared: Prepared, inbound: Inbound): Promise<Accepted> {
    const { batch } = prepared
    let outcome: Accepted | undefined
    let refusal: Uint8Array | undefined
    const bytes = inbound.body.length + inbound.header.length
    const committed = await this.#options.writer.propose(bytes, async (index, view) => {
      const known = await this.#known(batch)
      if (known && !this.#overturns(known, inbound)) {
        outcome = await this.#repeat(batch, known)
        return { entries: [], ops: [], remember: () => undefined }
      }
      const decided = await this.#decide(prepared, inbound, { index, known, view })
      refusal = decided.refusal
      return decided.decision
    })
    return outcome ?? this.#done(prepared, refusal, committed)
  }

  async #decide(prepared: Prepared, inbound: Inbound, { index, known, view }: Place): Promise<{ decision: Decision; refusal: Uint8Array | undefined }> {
    const { batch, judged } = prepared
    const ledger = this.#options.ledger()
    if (!known) await this.#continueLanes(batch, inbound.source, view)
    const late = prepared.refused ?? (prepared.body && await this.#judgeInOrder(batch.header, prepared.body, view))
    const refusal = late && (prepared.refusalBytes ?? encodeRefusal(late.refusal))
    const verdict: Verdict = late && refusal
      ? { accepted: false, code: late.code, reasons: createHash('sha256').update(refusal).digest() }
      : { accepted: true }
    const entry: Entry = { timeMs: this.#options.clock.nowMs(), source: inbound.source, judged, rules: RULES_EDITION, verdict, header: batch.note }
    const body = late || !prepared.body ? undefined : await this.#eraseLate(batch, prepared.body, view)
    const folded = ledger.fold(index, entry, batch, known, body)
    const ops: Op[] = [...folded.ops, { key: bodyKey(index), value: refusal ?? body!.bytes }]
    if (body && batch.header.kind === 'amendment' && understood(batch.header)) ops.push(...await this.eraseOps(batch.header.origin, body, view))
    const bytes = formatEntry(entry)
    const remember = (): void => {
      folded.remember()
      this.#options.recent.add({ index, bytes, entry, batch }, refusal ?? body!.bytes)
      this.#remember(batch, { refused: late !== undefined || (known?.refused ?? false), indexes: [...(known?.indexes ?? []), index] }, refusal)
    }
    return { decision: { entries: [bytes], ops, remember }, refusal }
  }

  /** Erasures that were written since the body was opened. */
  async #eraseLate(batch: SealedHeader, body: Body, view: RoundView): Promise<Body> {
    const erased = await this.#erasedPositions(batch, view.staged(amendmentPrefix(batch.id)))
    return [...erased].some((position) => position < body.count && recordAt(body, position) !== undefined) ? parseBody(eraseLeaves(body, erased)) : body
  }

  /** What can only be judged in the order of the log: statements extend a chain, amendments name a batch. */
  async #judgeInOrder(header: BatchHeader, body: Body, view: RoundView): Promise<Refused | undefined> {
    if (header.kind === 'amendment' && understood(header)) return this.#judgeAmendments(header, body, view)
    if (header.kind !== 'member' || !understood(header)) return undefined
    const statements = Array.from({ length: body.count }, (_, i) => recordAt(body, i)).filter((statement) => statement !== undefined)
    try {
      this.#options.ledger().federation.checkStatements(statements)
    } catch (error) {
      if (!isHuxinError(error) || error.code === 'member_unknown') throw error
      await this.#keepConflicts(statements)
      return refuse('statement_invalid', error.message)
    }
    return undefined
  }

  /** Two statements with one serial, signed by the same member: the refused one would be gone with its body. */
  async #keepConflicts(statements: readonly Uint8Array[]): Promise<void> {
    for (const statement of statements) {
      try {
        const comparison = this.#options.ledger().federation.compareSerial(statement)
        if (comparison.kind === 'conflict' && comparison.signers.length > 0) await this.#options.onConflict(comparison.earlier, comparison.later, comparison.signers)
      } catch (error) {
        if (!isHuxinError(error)) throw error
      }
    }
  }

  /** Records are amended by their origin or a node above it; of a batch not known here nobody can say. */
  async #judgeAmendments(header: BatchHeader, body: Body, view: RoundView): Promise<Refused | undefined> {
    const { federation } = this.#options.ledger()
    const origins = new Map<string, string | undefined>()
    for (const [i, { batchId }] of decodeAmendments(body).entries()) {
      const name = hex(batchId)
      if (!origins.has(name)) origins.set(name, (await this.#placed(batchId, view))?.batch.header.origin)
      const origin = origins.get(name)
      if (origin === undefined || federation.isWithin(origin, header.origin)) continue
      return refuse('amendment_invalid', `amendment ${i} is of a batch of ${origin}, which is amended there or by a node above it, not by ${header.origin}`)
    }
    return undefined
  }

  /** The first entry of a batch, also when this very round puts it. */
  async #placed(id: Uint8Array, view: RoundView): Promise<{ index: bigint; entry: Entry; batch: SealedHeader } | undefined> {
    const row = await view.get(batchKey(id))
    const index = row && decodeKnown(row).indexes[0]
    if (index === undefined) return undefined
    const there = this.#options.recent.entry(index)
    if (there) return { index, entry: there.entry, batch: there.batch }
    const bytes = await this.#options.store.get(entryKey(index))
    if (!bytes) return undefined
    const entry = parseEntry(bytes)
    return { index, entry, batch: openHeader(entry.header) }
  }

  /** Every lane that passes here continues with this batch. @throws HuxinError lane_gap | lane_fork */
  async #continueLanes(batch: SealedHeader, source: EntrySource, view: RoundView): Promise<void> {
    const { ledger, onGap, recovering } = this.#options
    for (const lane of ledger().passingLanes(batch.header, source)) {
      const { key, number, previous } = lane
      const head = ledger().lanes.get(key)
      const next = head ? head.number + 1n : 0n
      if (number > next && lane.takenBack && recovering()) continue
      if (number < next && lane.ownBranch && await this.#fillsHole(batch, lane, view)) continue
      if (number > next) {
        onGap(key, next, source)
        throw new HuxinError('lane_gap', `lane ${key} stands at ${next} here, batch ${batch.idText} has number ${number}: send number ${next} first`, {
          details: { lane: key, expected: String(next), received: String(number) },
        })
      }
      const forked = number < next || (head !== undefined && (previous === undefined || !equalBytes(previous, head.id)))
      if (forked) {
        await this.#fork(batch, key, number < next ? number : next - 1n)
        throw new HuxinError('lane_fork', `lane ${key} has another batch at number ${number} than ${batch.idText}: the origin is put under quarantine`)
      }
    }
  }

  /**
   * A number that was left out when the lane was taken back comes after all, from below: it must lie
   * between its neighbours.
   * @returns false when the number is taken, or the batch is not the one between them
   * @throws HuxinError lane_gap when the one before it is missing too
   */
  async #fillsHole(batch: SealedHeader, { key, number, previous }: PassingLane, view: RoundView): Promise<boolean> {
    const at = async (place: bigint): Promise<SealedHeader | undefined> => {
      const row = await view.get(laneIndexKey(key, place))
      const index = row && fromBe64(row)
      const bytes = index === undefined ? undefined : this.#options.recent.entry(index)?.bytes ?? await this.#options.store.get(entryKey(index))
      return bytes && openHeader(parseEntry(bytes).header)
    }
    if (await view.get(laneIndexKey(key, number))) return false
    const [before, after] = [number > 0n ? await at(number - 1n) : undefined, await at(number + 1n)]
    if (number > 0n && !before) {
      throw new HuxinError('lane_gap', `lane ${key} has a hole before ${number} here: send number ${number - 1n} first`, {
        details: { lane: key, expected: String(number - 1n), received: String(number) },
      })
    }
    const follows = before ? previous !== undefined && equalBytes(previous, before.id) : previous === undefined
    const named = after?.header.lanes.find(({ target }) => laneKey(after.header.origin, after.header.epoch, target, after.header.batchClass) === key)?.previous
    return follows && (named === undefined || equalBytes(named, batch.id))
  }

  async #fork(batch: SealedHeader, lane: string, number: bigint): Promise<void> {
    const { store, ledger, onFork } = this.#options
    const at = await store.get(laneIndexKey(lane, number))
    const first = at && await store.get(entryKey(Buffer.from(at).readBigUInt64BE()))
    if (!first) return
    const { origin } = batch.header
    ledger().quarantined.add(origin)
    const key = textKey(tables.quarantine, origin)
    await store.commit([{ key, value: checkedValue(key, batch.id) }])
    await onFork(parseEntry(first).header, batch.note, lane)
  }

  /**
   * Operations that destroy the records which an amendment of `by` erases, here and in every index. Runs
   * inside a round of the writer.
   */
  async eraseOps(by: string, body: Body, view: RoundView): Promise<Op[]> {
    const positions = new Map<string, { id: Uint8Array; which: Set<number> }>()
    for (const { action, batchId, index } of decodeAmendments(body)) {
      if (action !== AmendmentAction.ERASE) continue
      const row = positions.get(hex(batchId)) ?? { id: batchId, which: new Set() }
      row.which.add(index)
      positions.set(hex(batchId), row)
    }
    const ops: Op[] = []
    for (const { id, which } of positions.values()) ops.push(...await this.#eraseFrom(by, { id, which }, view))
    return ops
  }

  async #eraseFrom(by: string, { id, which }: { id: Uint8Array; which: ReadonlySet<number> }, view: RoundView): Promise<Op[]> {
    const { ledger, subjectKey, indexer } = this.#options
    const placed = await this.#placed(id, view)
    if (!placed?.entry.verdict.accepted) return []
    const { index, entry: { source }, batch } = placed
    const bytes = await view.get(bodyKey(index))
    if (!bytes || !ledger().federation.isWithin(batch.header.origin, by)) return []
    const body = parseBody(bytes)
    const ops: Op[] = [{ key: bodyKey(index), value: eraseLeaves(body, which) }, spoiledOp(index)]
    this.#options.recent.forget(index)
    for (const position of which) {
      const record = position < body.count ? recordAt(body, position) : undefined
      if (!record) continue
      indexer().spoil(index, position)
      for (const { key, value } of recordRows({ batch, index, position, record, own: source.kind === 'self' || source.kind === 'client', subjectKey })) {
        if (key[0] === tables.own[0] && !await this.#names(key, value!)) continue
        ops.push({ key, value: undefined })
      }
    }
    return ops
  }

  /** True when the row still names this place: a later record with the same bytes keeps its own. */
  async #names(key: Uint8Array, place: Uint8Array): Promise<boolean> {
    const there = await this.#options.store.get(key)
    return there !== undefined && equalBytes(there, place)
  }

  /** A known batch is judged anew only when a higher node refused what stands accepted here. */
  #overturns(known: KnownBatch, inbound: Inbound): boolean {
    return !known.refused && inbound.refusal !== undefined && inbound.refusal.length > 0 && inbound.source.kind !== 'child'
  }

  async #known(batch: SealedHeader): Promise<KnownBatch | undefined> {
    return this.#recent.get(batch.idText)?.known ?? await this.#options.ledger().known(batch.id)
  }

  async #repeat(batch: SealedHeader, known: KnownBatch): Promise<Accepted> {
    const index = known.refused ? known.indexes.at(-1)! : known.indexes[0]!
    const refusal = known.refused ? this.#recent.get(batch.idText)?.refusal ?? await this.#options.store.get(bodyKey(index)) : undefined
    return { batch, index, refusal, repeated: true, tree: this.#options.signedTree() }
  }

  #done(prepared: Prepared, refusal: Uint8Array | undefined, committed: Committed): Accepted {
    const { batchClass, kind } = prepared.batch.header
    this.#options.changes.announce(['log', batchClass, kind])
    return { batch: prepared.batch, index: committed.index, refusal, repeated: false, tree: committed.tree }
  }

  #remember(batch: SealedHeader, known: KnownBatch, refusal: Uint8Array | undefined): void {
    if (batch.header.kind === 'member') this.#verifiers.clear()
    this.#recent.set(batch.idText, { known, refusal })
    if (this.#recent.size > RECENT_MAX) this.#recent.delete(this.#recent.keys().next().value!)
  }

  #takeTurn(source: EntrySource): { before: Promise<void>; release: () => void } {
    const key = source.kind === 'child' || source.kind === 'fetched' ? source.node : source.kind
    const before = this.#turns.get(key) ?? Promise.resolve()
    let release = (): void => undefined
    const mine = new Promise<void>((resolve) => {
      release = resolve
    })
    const chained = before.then(() => mine)
    this.#turns.set(key, chained)
    void chained.then(() => {
      if (this.#turns.get(key) === chained) this.#turns.delete(key)
    })
    return { before, release }
  }
}

function decodeRefused(bytes: Uint8Array): Refused {
  if (bytes.length > limits.bodyBytesMax) throw new HuxinError('message_too_large', `a refusal has ${bytes.length} bytes, at most ${limits.bodyBytesMax}`)
  try {
    const refusal = fromBinary(RefusalSchema, bytes)
    const { code } = refusal
    // A code that is not known here may be one of a later minor version.
    if (isRefusalCode(code) && (!isErrorCode(code) || errorTable[code].kind === 'refused')) return { code, refusal }
  } catch {
    // falls through to the one message
  }
  throw new HuxinError('body_malformed', 'the refusal of a batch does not decode, or its code is no verdict')
}
