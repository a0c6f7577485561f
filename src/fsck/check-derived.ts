/** Every derived row, computed again from the log and held against the one that is stored; and no other rows. */
import { equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { text, textOf } from '../base/text.ts'
import { type Body, bodyRoot, parseBody } from '../batch/body.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import type { RowView } from '../commit/row-view.ts'
import { decodeKnown, type KnownBatch, type Ledger } from '../ledger/ledger.ts'
import { standardShape } from '../lookup/segments.ts'
import { batchKey, bodyKey, entryKey, indexAtEnd, prefixRange, tables } from '../store/keys.ts'
import type { RowFamily, RowRegister } from '../store/rows.ts'
import type { KeyRange, Op, Reader } from '../store/store.ts'
import type { Find } from './finding.ts'
import type { Genesis } from './genesis.ts'
import { IndexCheck } from './check-index.ts'

const PIECE = 1_000
const REBUILD = text`run huxin node rebuild`
/** Number of rows of a range that pass a test. */
export async function countRows(
  store: Reader,
  { gte, lt }: KeyRange,
  test: (key: Uint8Array, value: Uint8Array) => boolean | Promise<boolean> = () => true,
): Promise<number> {
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
  readonly #rows: RowRegister<RowView>
  readonly #find: Find
  /** How many rows follow from the log, by family. */
  readonly #counts = new Map<RowFamily<RowView> | undefined, number>()
  /** Rows of which the last one stands, by key. */
  readonly #last = new Map<string, Op>()
  #droppedBodies = false

  constructor({
    store,
    ledger,
    genesis,
    find,
  }: {
    store: Reader
    ledger: Ledger
    genesis: Genesis
    find: Find
  }) {
    this.#store = store
    this.#ledger = ledger
    this.#genesis = genesis
    this.#rows = genesis.rows
    this.#find = find
  }

  /** Folds the next entry and compares its rows. `body` is that of an accepted batch, when it is whole. */
  async entry(
    index: bigint,
    entry: Entry,
    {
      batch,
      body,
      checkLanes,
    }: { batch: SealedHeader; body: Body | undefined; checkLanes: () => Promise<void> },
  ): Promise<void> {
    const known = await this.#known(index, entry, batch)
    if (!known) await checkLanes()
    if (body && body.erased === body.count) this.#droppedBodies = true
    const folded = this.#ledger.fold(index, entry, batch, known, body)
    const rows = new Map(folded.ops.map((op) => [hex(op.key), op]))
    for (const [name, op] of rows) {
      const [table] = op.key
      if (this.#rows.of(op.key)?.derived === 'last') this.#last.set(name, op)
      else if (table === tables.batch[0]) await this.#batchRow(index, op, known === undefined)
      else await this.#compare([op])
    }
    folded.remember()
  }

  /** Compares what is left when every entry was folded. Rows are counted only where nothing is missing before. */
  async finish(size: bigint, whole: boolean): Promise<void> {
    await this.#lastRows()
    const source = {
      store: this.#store,
      ledger: this.#ledger,
      subjectKey: this.#genesis.subjectKey,
    }
    const counts = await new IndexCheck(
      source,
      this.#genesis.shape ?? standardShape,
      this.#find,
    ).run(size, whole)
    for (const [table, count] of counts)
      this.#counts.set(this.#rows.of(Uint8Array.of(table)), count)
    if (!whole) return
    for (const family of this.#rows.families.filter(({ derived }) => derived === 'each')) {
      const stored = await countRows(
        this.#store,
        family.range,
        (key) => family.table !== 'transit' || this.#inTransit(key),
      )
      const follow = this.#counts.get(family) ?? 0
      // The rows of an amendment that passed through stay when its body is dropped.
      if (
        stored === follow ||
        (family.table === 'amendment' && this.#droppedBodies && stored > follow)
      )
        continue
      this.#find(
        family.prefix,
        text`${stored} rows are stored, ${follow} follow from the log: ${REBUILD}`,
      )
    }
  }

  /** What the log holds of the batch before this entry. */
  async #known(index: bigint, entry: Entry, batch: SealedHeader): Promise<KnownBatch | undefined> {
    const key = batchKey(batch.id)
    const row = await this.#store.get(key)
    const indexes = row ? this.#indexesOf(key, row) : []
    if (!indexes.includes(index)) this.#find(key, text`it does not name entry ${index}: ${REBUILD}`)
    const earlier: bigint[] = []
    let refused = false
    for (const other of indexes.filter((one) => one !== index)) {
      const bytes = await this.#store.get(entryKey(other))
      const there = bytes && parseEntry(bytes)
      if (!there || !equalBytes(parseHeaderNote(there.header).id, batch.id))
        this.#find(key, text`it names entry ${other}, which is of another batch: ${REBUILD}`)
      else if (other < index) {
        earlier.push(other)
        refused ||= !there.verdict.accepted
      }
    }
    if (earlier.length === 0) return undefined
    if (entry.verdict.accepted)
      this.#find(
        entryKey(index),
        text`batch ${batch.idText} is in the log twice, first at ${earlier[0]!}`,
      )
    return { refused, indexes: earlier }
  }

  #indexesOf(key: Uint8Array, row: Uint8Array): readonly bigint[] {
    try {
      return decodeKnown(row).indexes
    } catch (error) {
      this.#find(key, textOf(error))
      return []
    }
  }

  /** The row of a batch is what its last entry left. */
  async #batchRow(index: bigint, op: Op, first: boolean): Promise<void> {
    if (first) this.#count(op.key)
    const row = await this.#store.get(op.key)
    if (!row || row.length < 9 || fromBe64(row, row.length - 8) !== index) return
    if (!equalBytes(row, op.value!))
      this.#find(op.key, text`it is not what its entries give: ${REBUILD}`)
  }

  async #compare(ops: readonly Op[]): Promise<void> {
    const stored = await this.#store.getMany(ops.map(({ key }) => key))
    for (const [i, { key, value }] of ops.entries()) {
      this.#count(key)
      const there = stored[i]
      if (!there) this.#find(key, text`it is missing: ${REBUILD}`)
      else if (!equalBytes(there, value!))
        this.#find(key, text`it is not what the log gives: ${REBUILD}`)
    }
  }

  #count(key: Uint8Array): void {
    const family = this.#rows.of(key)
    this.#counts.set(family, (this.#counts.get(family) ?? 0) + 1)
  }

  /** Lane heads, what was reported of lanes, and the counters; and no state that is of no family. */
  async #lastRows(): Promise<void> {
    for (const family of this.#rows.families.filter(({ derived }) => derived === 'last')) {
      await countRows(
        this.#store,
        family.range,
        (key, value) => this.#rows.of(key) === family && this.#lastRow(key, value),
      )
    }
    await countRows(this.#store, prefixRange(tables.state), (key) => {
      const known = this.#rows.of(key) !== undefined
      if (!known) this.#find(key, text`it is no state that is known`)
      return known
    })
    for (const { key } of this.#last.values()) this.#find(key, text`it is missing: ${REBUILD}`)
  }

  #lastRow(key: Uint8Array, value: Uint8Array): boolean {
    const op = this.#last.get(hex(key))
    this.#last.delete(hex(key))
    if (!op) this.#find(key, text`nothing in the log gives it: ${REBUILD}`)
    else if (!equalBytes(op.value!, value))
      this.#find(key, text`it is not what the log gives: ${REBUILD}`)
    return true
  }

  /** A row of a body whose records were all erased waits for the next sweep. */
  async #inTransit(key: Uint8Array): Promise<boolean> {
    const stored = key.length === 9 ? await this.#store.get(bodyKey(indexAtEnd(key))) : undefined
    const entry = stored && (await this.#store.get(entryKey(indexAtEnd(key))))
    const body = entry && bodyOf(stored, parseHeaderNote(parseEntry(entry).header))
    return !body || body.erased < body.count
  }
}

/** A stored body, when it is the one of this header. */
export function bodyOf(stored: Uint8Array, { header }: SealedHeader): Body | undefined {
  try {
    const body = parseBody(stored)
    return body.count === header.records && equalBytes(bodyRoot(body), header.root)
      ? body
      : undefined
  } catch {
    return undefined
  }
}
