/** Every derived row, computed again from the log and held against the one that is stored; and no other rows. */
import { equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { type Body, bodyRoot, parseBody, recordAt } from '../batch/body.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { indexedKey, indexRows, ownKey } from '../ledger/indexer.ts'
import { decodeKnown, type KnownBatch, type Ledger } from '../ledger/ledger.ts'
import { sizeKey } from '../log/log.ts'
import { batchKey, bodyKey, entryKey, indexAtEnd, prefixRange, tables, textKey } from '../store/keys.ts'
import type { KeyRange, Op, Reader } from '../store/store.ts'
import type { Find, Genesis } from './check.ts'

const PIECE = 1_000
/** Keys read in one call without leaving the thread. */
const KEYS = 64
const REBUILD = 'run huxin node rebuild'
const recordsKey = textKey(tables.state, 'records')

/** Tables with one row for each thing that happened, whose rows are counted. */
const countedTables = [
  tables.batch, tables.classIndex, tables.laneIndex, tables.amendment, tables.transit,
  tables.recordId, tables.subject, tables.own, tables.recognition, tables.confirmation, tables.citation,
] as const

/** Number of rows of a range that pass a test. */
export async function countRows(store: Reader, { gte, lt }: KeyRange, test: (key: Uint8Array, value: Uint8Array) => boolean | Promise<boolean> = () => true): Promise<number> {
  let count = 0
  for (let from = gte; ;) {
    const rows = await store.range({ gte: from, lt, limit: PIECE })
    for (const [key, value] of rows) if (await test(key, value)) count++
    if (rows.length < PIECE) return count
    from = Buffer.concat([rows.at(-1)![0], Buffer.of(0)])
  }
}

export class DerivedCheck {
  readonly #store: Reader
  readonly #ledger: Ledger
  readonly #genesis: Genesis
  readonly #find: Find
  /** Rows that follow from the log, by the first byte of their table. */
  readonly #counts = new Map<number, number>()
  /** Rows of which the last one stands, by key. */
  readonly #last = new Map<string, Op>()
  #erasures = false
  #droppedBodies = false

  constructor({ store, ledger, genesis, find }: { store: Reader; ledger: Ledger; genesis: Genesis; find: Find }) {
    this.#store = store
    this.#ledger = ledger
    this.#genesis = genesis
    this.#find = find
  }

  /** Folds the next entry and compares its rows. `body` is that of an accepted batch, when it is whole. */
  async entry(index: bigint, entry: Entry, { batch, body, checkLanes }: { batch: SealedHeader; body: Body | undefined; checkLanes: () => Promise<void> }): Promise<void> {
    const known = await this.#known(index, entry, batch)
    if (!known) await checkLanes()
    if (body && body.erased === body.count) this.#droppedBodies = true
    const folded = this.#ledger.fold(index, entry, batch, known, body)
    const rows = new Map(folded.ops.map((op) => [hex(op.key), op]))
    for (const [name, op] of rows) {
      const [table] = op.key
      if (table === tables.amendment[0] && op.value?.[0] === AmendmentAction.ERASE) this.#erasures = true
      if (table === tables.lane[0] || table === tables.reported[0] || table === tables.state[0]) this.#last.set(name, op)
      else if (table === tables.batch[0]) await this.#batchRow(index, op, known === undefined)
      else await this.#compare([op])
    }
    folded.remember()
  }

  /** Compares what is left when every entry was folded. Rows are counted only where nothing is missing before. */
  async finish(size: bigint, whole: boolean): Promise<void> {
    await this.#lastRows(size)
    await this.#records(size)
    if (!whole) return
    for (const table of countedTables) {
      const stored = await countRows(this.#store, prefixRange(table), (key) => table !== tables.transit || this.#inTransit(key))
      const follow = this.#counts.get(table[0]!) ?? 0
      // The rows of an amendment that passed through stay when its body is dropped.
      if (stored === follow || (table === tables.amendment && this.#droppedBodies && stored > follow)) continue
      this.#find(table, `${stored} rows are stored, ${follow} follow from the log: ${REBUILD}`)
    }
  }

  /** What the log holds of the batch before this entry. */
  async #known(index: bigint, entry: Entry, batch: SealedHeader): Promise<KnownBatch | undefined> {
    const key = batchKey(batch.id)
    const row = await this.#store.get(key)
    const indexes = row ? this.#indexesOf(key, row) : []
    if (!indexes.includes(index)) this.#find(key, `it does not name entry ${index}: ${REBUILD}`)
    const earlier: bigint[] = []
    let refused = false
    for (const other of indexes.filter((one) => one !== index)) {
      const bytes = await this.#store.get(entryKey(other))
      const there = bytes && parseEntry(bytes)
      if (!there || !equalBytes(openHeader(there.header).id, batch.id)) this.#find(key, `it names entry ${other}, which is of another batch: ${REBUILD}`)
      else if (other < index) {
        earlier.push(other)
        refused ||= !there.verdict.accepted
      }
    }
    if (earlier.length === 0) return undefined
    if (entry.verdict.accepted) this.#find(entryKey(index), `batch ${batch.idText} is in the log twice, first at ${earlier[0]}`)
    return { refused, indexes: earlier }
  }

  #indexesOf(key: Uint8Array, row: Uint8Array): readonly bigint[] {
    try {
      return decodeKnown(row).indexes
    } catch (error) {
      this.#find(key, messageOf(error))
      return []
    }
  }

  /** The row of a batch is what its last entry left. */
  async #batchRow(index: bigint, op: Op, first: boolean): Promise<void> {
    if (first) this.#count(op.key)
    const row = await this.#store.get(op.key)
    if (!row || row.length < 9 || fromBe64(row, row.length - 8) !== index) return
    if (!equalBytes(row, op.value!)) this.#find(op.key, `it is not what its entries give: ${REBUILD}`)
  }

  async #compare(ops: readonly Op[]): Promise<void> {
    const stored = await this.#store.getMany(ops.map(({ key }) => key))
    for (const [i, { key, value }] of ops.entries()) {
      this.#count(key)
      const there = stored[i]
      if (!there) this.#find(key, `it is missing: ${REBUILD}`)
      else if (!equalBytes(there, value!)) this.#find(key, `it is not what the log gives: ${REBUILD}`)
    }
  }

  #count(key: Uint8Array): void {
    this.#counts.set(key[0]!, (this.#counts.get(key[0]!) ?? 0) + 1)
  }

  /** Lane heads, what was reported of lanes, and the counters. */
  async #lastRows(size: bigint): Promise<void> {
    const { gte, lt } = prefixRange(tables.state)
    const state = await this.#store.range({ gte, lt })
    for (const name of [tables.lane, tables.reported]) {
      await countRows(this.#store, prefixRange(name), (key, value) => this.#lastRow(key, value))
    }
    for (const [key, value] of state) {
      if (equalBytes(key, sizeKey) || equalBytes(key, indexedKey)) this.#last.delete(hex(key))
      else if (equalBytes(key, recordsKey)) this.#lastRow(key, value)
      else this.#find(key, 'it is no state that is known')
    }
    for (const { key } of this.#last.values()) this.#find(key, `it is missing: ${REBUILD}`)
    const indexed = state.find(([key]) => equalBytes(key, indexedKey))?.[1]
    if (indexed && (indexed.length !== 8 || fromBe64(indexed) > size)) this.#find(indexedKey, `it is past the ${size} entries of the log: ${REBUILD}`)
  }

  #lastRow(key: Uint8Array, value: Uint8Array): boolean {
    const op = this.#last.get(hex(key))
    this.#last.delete(hex(key))
    if (!op) this.#find(key, `nothing in the log gives it: ${REBUILD}`)
    else if (!equalBytes(op.value!, value)) this.#find(key, `it is not what the log gives: ${REBUILD}`)
    return true
  }

  /** The tables that follow behind, up to their cursor. */
  async #records(size: bigint): Promise<void> {
    const cursorRow = await this.#store.get(indexedKey)
    const cursor = cursorRow?.length === 8 ? fromBe64(cursorRow) : 0n
    for (let from = 0n; from < size; from += BigInt(PIECE)) {
      for (const [key, bytes] of await this.#store.range({ gte: entryKey(from), lt: entryKey(from + BigInt(PIECE)) })) {
        const index = indexAtEnd(key)
        const rows = await this.#rowsOf(index, bytes)
        if (index < cursor) await this.#recordRows(index, rows)
        else if (rows[0] && await this.#store.get(rows[0].key)) {
          this.#find(indexedKey, `it is ${cursor}, but entry ${index} is in the record index: ${REBUILD}`)
          return
        }
      }
    }
  }

  async #rowsOf(index: bigint, bytes: Uint8Array): Promise<readonly Op[]> {
    try {
      return await indexRows({ store: this.#store, ledger: this.#ledger, subjectKey: this.#genesis.subjectKey }, index, bytes)
    } catch {
      // The walk has said what is wrong with this entry or its body.
      return []
    }
  }

  async #recordRows(index: bigint, rows: readonly Op[]): Promise<void> {
    const own = rows.filter(({ key }) => key[0] === tables.own[0])
    const others = rows.filter(({ key }) => key[0] !== tables.own[0])
    for (let at = 0; at < others.length; at += KEYS) await this.#compare(others.slice(at, at + KEYS))
    for (const { key, value } of own) {
      const stored = await this.#store.get(key)
      // When two records with the same bytes were published, the row names one; it goes with the erasure of that one.
      if (!stored && !this.#erasures) this.#find(key, `it is missing, record at entry ${index}: ${REBUILD}`)
      if (!stored) continue
      if (equalBytes(stored, value!)) this.#count(key)
      else if (!await this.#namesTwin(key, stored)) this.#find(key, `it does not name the record with these bytes, at entry ${index}: ${REBUILD}`)
    }
  }

  /** True when the place is that of another record with the same bytes. */
  async #namesTwin(key: Uint8Array, place: Uint8Array): Promise<boolean> {
    if (place.length !== 12) return false
    const index = fromBe64(place)
    const [bytes, stored] = await this.#store.getMany([entryKey(index), bodyKey(index)])
    if (!bytes || !stored) return false
    const batch = openHeader(parseEntry(bytes).header)
    const body = bodyOf(stored, batch)
    const position = Buffer.from(place).readUInt32BE(8)
    const record = body && position < body.count ? recordAt(body, position) : undefined
    return record !== undefined && equalBytes(ownKey(batch.header.item ?? '', record), key)
  }

  /** A row of a body whose records were all erased waits for the next sweep. */
  async #inTransit(key: Uint8Array): Promise<boolean> {
    const stored = key.length === 9 ? await this.#store.get(bodyKey(indexAtEnd(key))) : undefined
    const entry = stored && await this.#store.get(entryKey(indexAtEnd(key)))
    const body = entry && bodyOf(stored, openHeader(parseEntry(entry).header))
    return !body || body.erased < body.count
  }
}

/** A stored body, when it is the one of this header. */
export function bodyOf(stored: Uint8Array, { header }: SealedHeader): Body | undefined {
  try {
    const body = parseBody(stored)
    return body.count === header.records && equalBytes(bodyRoot(body), header.root) ? body : undefined
  } catch {
    return undefined
  }
}
