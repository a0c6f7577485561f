/**
 * Room `ledger`: what the log adds up to. Members, catalog, lanes and the tables that queries read are
 * a fold of (log, bodies): the fold replays recorded verdicts and never decides again, asks no clock,
 * and gives the same rows whenever it runs. `huxin node rebuild` is this fold from entry 0.
 *
 * Two speeds: `fold` runs inside every commit (lanes, batch ids, control, amendments); `Indexer`
 * (indexer.ts) follows behind with the tables keyed by record and subject, whose random keys would
 * otherwise slow the acknowledged path.
 *
 * State holds dates, never their outcome: what is in force today is decided at the moment of reading.
 */
import { be64, concat, fromBe64, hex, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type Entry, type EntrySource, isBornHere } from '../batch/entry.ts'
import type { Body } from '../batch/body.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { KindForm, KindTable } from '../batch/kinds.ts'
import type { SealedHeader } from '../batch/seal.ts'
import {
  batchKey,
  classKey,
  indexKey,
  laneIndexKey,
  prefixRange,
  tables,
  textKey,
} from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import { recordsRow } from './rows.ts'
import type { FederationState } from '../topology/federation.ts'
import { laneKey } from '../topology/lane.ts'
import { intersectsSubtree, leavesSubtree, targetReaches } from '../topology/target.ts'
import {
  amendmentPrefix,
  decodeStoredAmendment,
  type StoredAmendment,
  withUndone,
} from './amendments.ts'
import { BatchFilter } from './batch-filter.ts'
import { Catalog } from './catalog.ts'
import { formatRoute, routeOf } from './entry-route.ts'
import { encodeLaneHead, type LaneHead, Lanes, type Standing } from './lanes.ts'
import { MemberPeriods } from './periods.ts'
import { Register } from './register.ts'
import { Revocations } from './revocations.ts'

/** Entries of one batch in this log: the accepting one, and perhaps a later refusal. */
export interface KnownBatch {
  readonly refused: boolean
  readonly indexes: readonly bigint[]
}

/** What an entry changes: rows for the commit, and memory once the commit is durable. */
export interface Folded {
  readonly ops: readonly Op[]
  remember(): void
}

/** An accepted batch that is understood, at its place in the log. */
export interface FoldedBatch extends Pick<SealedHeader, 'header' | 'idText'> {
  readonly index: bigint
  readonly entry: Entry
  readonly body: Body
}

/** A record of a batch, at its place in the log. */
export interface IndexedRecord {
  readonly batch: SealedHeader
  readonly index: bigint
  readonly position: number
  readonly record: Uint8Array
}

/** One kind of batch, as far as what a node adds up goes. */
export interface StoredKind extends KindForm {
  /** What a batch adds besides what every batch does. Pure but for reading the present fold, until it is remembered. */
  readonly fold?: (ledger: Ledger, batch: FoldedBatch) => Folded
  /** Takes back what a batch had published here, when a node above has refused it. */
  readonly forget?: (ledger: Ledger, batch: Pick<SealedHeader, 'header' | 'idText'>) => void
  /** Rows of a record besides those of its record id and subject, which follow behind the log; `family` as the record says. */
  readonly recordRows?: (placed: IndexedRecord, family: string) => readonly Op[]
}

/** A lane of a batch that passes this node. */
export interface PassingLane {
  readonly key: string
  readonly number: bigint
  /** Id of the batch before it in the lane. */
  readonly previous: Uint8Array | undefined
  /** It went up from this branch before, and comes back after a loss: numbers may be left out. */
  readonly takenBack: boolean
  /** Its origin lies below here, or is this node. */
  readonly ownBranch: boolean
}

/** Where a batch goes from here. */
export interface Routes {
  /** This node is addressed by a target, or is the origin. */
  readonly kept: boolean
  /** Child nodes (full names) that some target reaches through them. */
  readonly children: readonly string[]
  /** Some target is reached through the parent. */
  readonly up: boolean
}

/** Edition of the rules under which refused batches opened lanes too. */
const OPENED_BY_ANY = '2026.1'

export interface LedgerOptions {
  readonly store: Reader
  readonly kinds: KindTable<StoredKind>
  /** Full name of this node. */
  readonly self: string
  readonly federation: FederationState
  /** Heads of the lanes valid at this node's admission. */
  readonly genesisLanes: ReadonlyMap<string, LaneHead>
  /** Folds from entry 0 on and reads no rows of lanes. */
  readonly wholeLanes?: boolean
}

export class Ledger {
  readonly self: string
  readonly selfId: string
  readonly kinds: KindTable<StoredKind>
  readonly catalog = new Catalog()
  /** Bodies and clients of this node. */
  readonly register = new Register()
  readonly revocations = new Revocations()
  readonly periods = new MemberPeriods()
  readonly lanes: Lanes
  readonly quarantined = new Set<string>()
  /** Child → log index of the statement that first admitted it. */
  readonly admissions = new Map<string, bigint>()
  /** Child → where the statement was logged that retired it, and when: nothing after it is due to that child. */
  readonly retirements = new Map<string, { readonly index: bigint; readonly timeMs: number }>()
  /** Log origin → its size with the final entry, for every log whose final entry is known here. */
  readonly frozen = new Map<string, bigint>()
  /** Records accepted, from the headers. */
  recordCount = 0n
  readonly #store: Reader
  /** Batches that may have amendments. */
  readonly #amended = new BatchFilter()
  federation: FederationState

  constructor(options: LedgerOptions) {
    this.self = options.self
    this.selfId = idOf(options.self)
    this.kinds = options.kinds
    this.#store = options.store
    this.federation = options.federation
    this.lanes = new Lanes({
      store: options.store,
      genesis: options.genesisLanes,
      whole: options.wholeLanes ?? false,
    })
  }

  /** Quarantines and counters from the store; members and catalog are folded again by the caller. */
  async load(): Promise<void> {
    for (const [key] of await this.#store.range(prefixRange(tables.quarantine))) {
      this.quarantined.add(Buffer.from(key.subarray(1)).toString())
    }
    await this.loadAmended()
    const count = await this.#store.get(recordsRow.key())
    this.recordCount = count ? fromBe64(count) : 0n
  }

  /** What this log holds of a batch. */
  async known(id: Uint8Array): Promise<KnownBatch | undefined> {
    const value = await this.#store.get(batchKey(id))
    return value && decodeKnown(value)
  }

  /**
   * The lanes of a header that pass this node when it comes from `source`, with their places. What this
   * node takes back from above counts as it did when it went up. Above nobody has what went only to places
   * below here, so lanes of this branch may come back with holes, which the children fill again.
   */
  passingLanes(header: BatchHeader, source: EntrySource): PassingLane[] {
    const fromAbove = isFromAbove(source)
    const branch = fromAbove ? this.#branchOf(header.origin) : undefined
    const passes = (target: string): boolean => {
      if (isBornHere(source) || branch === this.self) return true
      if (source.kind === 'child') return leavesSubtree(target, idOf(source.node), this.federation)
      return branch === undefined
        ? intersectsSubtree(target, this.selfId, this.federation)
        : leavesSubtree(target, idOf(branch), this.federation)
    }
    return header.lanes
      .filter((lane) => passes(lane.target))
      .map((lane) => ({
        key: laneKey(header.origin, header.epoch, lane.target, header.batchClass),
        number: lane.number,
        previous: lane.previous,
        takenBack: branch !== undefined,
        ownBranch: !fromAbove || branch !== undefined,
      }))
  }

  /** How many lanes a batch opens here when it is accepted; they were looked up (`lanes.find`). */
  opens(header: BatchHeader, source: EntrySource): number {
    return this.passingLanes(header, source).filter(({ key }) => this.lanes.get(key)?.open !== true)
      .length
  }

  /** Whether a batch goes up from here; what was taken back goes to a parent that has lost it since. */
  goesUp(header: BatchHeader, source: EntrySource): boolean {
    if (!isFromAbove(source)) return this.routes(header, source).up
    return (
      this.#branchOf(header.origin) !== undefined &&
      header.lanes.some(({ target }) => leavesSubtree(target, this.selfId, this.federation))
    )
  }

  /** The child through which an origin of this branch is reached, this node for its own; undefined for all others. */
  #branchOf(origin: string): string | undefined {
    const lineage = this.federation.lineage(origin)
    const at = lineage.findIndex(({ name }) => name === this.self)
    return at < 0 ? undefined : (lineage[at + 1] ?? lineage[at])!.name
  }

  /** Where a batch goes from here; `from` is where it came from. */
  routes(header: BatchHeader, source: EntrySource): Routes {
    const targets = header.lanes.map((lane) => lane.target)
    const cameFrom = source.kind === 'child' ? source.node : undefined
    const children = this.federation
      .children(this.self)
      .filter(
        (child) =>
          child.name !== cameFrom &&
          targets.some((target) => intersectsSubtree(target, child.id, this.federation)),
      )
      .map((child) => child.name)
    const fromAbove = isFromAbove(source)
    return {
      kept:
        header.origin === this.self ||
        targets.some((target) => targetReaches(target, this.selfId, this.federation)),
      children,
      up:
        !fromAbove &&
        this.federation.member(this.self)?.parent !== undefined &&
        targets.some((target) => leavesSubtree(target, this.selfId, this.federation)),
    }
  }

  /**
   * The rows that an entry adds. `known` is what the log held of the batch before; `body` is present
   * for accepted batches whose body is here. Its lanes were looked up (`lanes.find`). Pure but for reading the present fold.
   */
  fold(
    index: bigint,
    entry: Entry,
    batch: SealedHeader,
    known: KnownBatch | undefined,
    body: Body | undefined,
  ): Folded {
    const { header, id } = batch
    const refused = !entry.verdict.accepted
    const ops: Op[] = [
      {
        key: batchKey(id),
        value: encodeKnown({
          refused: refused || (known?.refused ?? false),
          indexes: [...(known?.indexes ?? []), index],
        }),
      },
      { key: classKey(header.batchClass, index), value: formatRoute(routeOf(entry, header)) },
    ]
    const standings: [string, Standing][] = []
    if (!known) {
      for (const { key, number } of this.passingLanes(header, entry.source)) {
        ops.push({ key: laneIndexKey(key, number), value: be64(index) })
        const before = this.lanes.get(key)
        if (before && before.number > number) continue
        const open = !refused || (before?.open ?? false) || entry.rules === OPENED_BY_ANY
        standings.push([key, { number, id, open }])
        if (open)
          ops.push({ key: textKey(tables.lane, key), value: encodeLaneHead({ number, id }) })
      }
    }
    const kind = this.kinds.of(header)
    const effective = !refused && !known && kind !== undefined && body !== undefined
    const ofKind = effective
      ? kind.fold?.(this, { header, idText: batch.idText, index, entry, body })
      : undefined
    if (ofKind) ops.push(...ofKind.ops)
    if (effective && body.erased < body.count && !this.routes(header, entry.source).kept) {
      ops.push({ key: indexKey(tables.transit, index), value: utf8(entrySourceName(entry.source)) })
    }
    const recordCount = this.recordCount + (effective ? BigInt(header.records) : 0n)
    if (effective) ops.push({ key: recordsRow.key(), value: be64(recordCount) })
    const remember = (): void => {
      for (const [key, standing] of standings) this.lanes.set(key, standing)
      if (effective) this.recordCount += BigInt(header.records)
      ofKind?.remember()
      if (refused) this.forget(batch)
    }
    return { ops, remember }
  }

  /** Takes into memory what an accepted batch of the log says; its rows are there already. */
  learn(
    index: bigint,
    entry: Entry,
    { header, idText, body }: Pick<SealedHeader, 'header' | 'idText'> & { readonly body: Body },
  ): void {
    this.kinds.of(header)?.fold?.(this, { header, idText, index, entry, body }).remember()
  }

  /** What a refused batch had published here before a node above refused it. */
  forget(batch: Pick<SealedHeader, 'header' | 'idText'>): void {
    this.kinds.get(batch.header.kind)?.forget?.(this, batch)
  }

  /** A batch has amendments from now on. */
  amended(id: Uint8Array): void {
    this.#amended.add(id)
  }

  /**
   * Amendments of a batch of `origin`: those of the origin and of nodes above it. Whether one is in effect depends on the day (`isInEffect`).
   * An amendment may come before its batch, when nobody can say yet whether its sender may amend it, so
   * that is decided here. Costs nothing for the many batches that have none. `staged` gives the rows of the
   * writer's round that are not stored yet.
   */
  amendments(id: Uint8Array, origin: string, staged?: Staged): Promise<StoredAmendment[]> {
    return this.amendmentsBy(id, (by) => this.federation.isWithin(origin, by), staged)
  }

  /** Amendments of a batch, by the nodes (full names) that a test lets pass. */
  async amendmentsBy(
    id: Uint8Array,
    mayAmend: (by: string) => boolean,
    staged?: Staged,
  ): Promise<StoredAmendment[]> {
    const rows = await this.amendmentHistory(id, mayAmend, staged)
    if (rows.length === 0) return rows
    return withUndone(rows, {
      indexOf: async (batchId) => (await this.known(Buffer.from(batchId, 'hex')))?.indexes[0],
      isWithin: (node, top) => this.federation.isWithin(node, top),
    })
  }

  /** Everything that was ever said of a batch by the nodes that a test lets pass: also withdrawals that were undone. */
  async amendmentHistory(
    id: Uint8Array,
    mayAmend: (by: string) => boolean,
    staged?: Staged,
  ): Promise<StoredAmendment[]> {
    if (!this.#amended.mayHave(id)) return []
    const prefix = amendmentPrefix(id)
    const rows = await this.#store.range(prefixRange(prefix))
    const all = [
      ...rows,
      ...(staged?.(prefix) ?? []).map(({ key, value }): [Uint8Array, Uint8Array] => [key, value!]),
    ]
    return all
      .map(([key, value]) => decodeStoredAmendment(key, value))
      .filter(({ by }) => mayAmend(by))
  }

  /** Learns from the store which batches have amendments. */
  async loadAmended(): Promise<void> {
    const { gte, lt } = prefixRange(tables.amendment)
    for (let from = gte; ;) {
      const rows = await this.#store.range({ gte: from, lt, limit: 10_000 })
      for (const [key] of rows) this.#amended.add(key.subarray(1, 33))
      const last = rows.at(-1)
      if (!last || rows.length < 10_000) return
      from = concat(last[0], Uint8Array.of(0))
    }
  }
}

/** Rows under a prefix that are not stored yet. */
export type Staged = (prefix: Uint8Array) => readonly Op[]

function isFromAbove({ kind }: EntrySource): boolean {
  return kind === 'parent' || kind === 'fetched'
}

/** `330825` of `zj.example/330825`. */
export function idOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** Full name of the neighbour an entry came from; `-` for this node itself. */
export function entrySourceName(source: EntrySource): string {
  switch (source.kind) {
    case 'child':
    case 'fetched':
      return source.node
    case 'parent':
      return source.log.slice(0, source.log.lastIndexOf('/'))
    default:
      return '-'
  }
}

export function encodeKnown({ refused, indexes }: KnownBatch): Uint8Array {
  return concat(Uint8Array.of(refused ? 1 : 0), ...indexes.map(be64))
}

export function decodeKnown(value: Uint8Array): KnownBatch {
  const indexes: bigint[] = []
  for (let at = 1; at + 8 <= value.length; at += 8) indexes.push(fromBe64(value, at))
  if (indexes.length === 0)
    throw new HuxinError(
      'store_corrupt',
      text`batch row ${hex(value)} names no entry; run huxin fsck`,
    )
  return { refused: value[0] === 1, indexes }
}
