/**
 * The newest end of the log in memory: what was just logged is what neighbours ask for next, each of
 * them once. Entries come parsed, so that eleven children do not parse one header eleven times. Bounded
 * by bytes; what is older is read from the store. Never a source of truth: only sealed entries are
 * handed out, and a node that starts again starts with it empty.
 */
import { HuxinError } from '../base/errors.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { type EntryRoute, parseRoute, routeOf } from '../ledger/entry-route.ts'
import { bodyKey, classKey, entryKey, indexAtEnd } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { BatchClass } from '../topology/lane.ts'

/** An entry of this log, taken apart. */
export interface LoggedEntry {
  readonly index: bigint
  readonly bytes: Uint8Array
  readonly entry: Entry
  readonly batch: SealedHeader
}

/** From `start` inclusive to `end` exclusive, at most `limit` entries. */
export interface ClassRange {
  readonly start: bigint
  readonly end: bigint
  readonly limit: number
}

const BYTES_MAX = 24 << 20
const ENTRIES_MAX = 1_024

export class Recent {
  readonly #store: Store
  readonly #rows = new Map<bigint, { logged: LoggedEntry; body: Uint8Array }>()
  #bytes = 0
  /** Every entry from here on is held. */
  #from = -1n

  constructor(store: Store) {
    this.#store = store
  }

  /** Takes over what was logged; call in the order of the log. */
  add(logged: LoggedEntry, body: Uint8Array): void {
    const { index } = logged
    if (this.#from < 0n || !this.#rows.has(index - 1n)) this.clear(index)
    this.#rows.set(index, { logged, body })
    this.#bytes += logged.bytes.length + body.length
    while (this.#bytes > BYTES_MAX || this.#rows.size > ENTRIES_MAX) {
      const oldest = this.#rows.get(this.#from)
      this.#rows.delete(this.#from)
      this.#bytes -= oldest ? oldest.logged.bytes.length + oldest.body.length : 0
      this.#from++
    }
  }

  /** An entry, while it is held. */
  entry(index: bigint): LoggedEntry | undefined {
    return this.#rows.get(index)?.logged
  }

  /** Forgets a body that was changed. */
  forget(index: bigint): void {
    if (this.#rows.has(index)) this.clear(-1n)
  }

  clear(from = -1n): void {
    this.#rows.clear()
    this.#bytes = 0
    this.#from = from
  }

  /**
   * Entries of a class from `start` up to `end`, at most `limit`, in order.
   * @returns the entries, and where to go on
   */
  async readClass(batchClass: BatchClass, range: ClassRange): Promise<{ entries: LoggedEntry[]; next: bigint }> {
    const { start, end, limit } = range
    if (this.#from >= 0n && start >= this.#from) return this.#readHeld(batchClass, range)
    const rows = await this.#store.range({ gte: classKey(batchClass, start), lt: classKey(batchClass, end), limit })
    const indexes = rows.map(([key]) => indexAtEnd(key))
    const stored = await this.#store.getMany(indexes.map(entryKey))
    const entries = indexes.map((index, i) => open(index, stored[i]))
    return { entries, next: rows.length < limit ? end : indexes.at(-1)! + 1n }
  }

  /**
   * Who may have the entries of a class from `start` up to `end`, at most `limit` of them, in order.
   * @returns the rows, and where to go on
   */
  async readRoutes(batchClass: BatchClass, range: ClassRange): Promise<{ rows: { index: bigint; route: EntryRoute }[]; next: bigint }> {
    const { start, end, limit } = range
    if (this.#from >= 0n && start >= this.#from) {
      const { entries, next } = this.#readHeld(batchClass, range)
      return { rows: entries.map(({ index, entry, batch }) => ({ index, route: routeOf(entry, batch.header) })), next }
    }
    const stored = await this.#store.range({ gte: classKey(batchClass, start), lt: classKey(batchClass, end), limit })
    const rows = stored.map(([key, value]) => ({ index: indexAtEnd(key), route: parseRoute(value) }))
    return { rows, next: rows.length < limit ? end : rows.at(-1)!.index + 1n }
  }

  /** An entry. @throws HuxinError store_corrupt */
  async logged(index: bigint): Promise<LoggedEntry> {
    return this.#rows.get(index)?.logged ?? open(index, await this.#store.get(entryKey(index)))
  }

  /** The body (or refusal) beside an entry. @throws HuxinError store_corrupt */
  async body(index: bigint): Promise<Uint8Array> {
    const body = this.#rows.get(index)?.body ?? await this.#store.get(bodyKey(index))
    if (!body) throw new HuxinError('store_corrupt', `the body of entry ${index} is missing from the store; run huxin fsck`)
    return body
  }

  #readHeld(batchClass: BatchClass, { start, end, limit }: ClassRange): { entries: LoggedEntry[]; next: bigint } {
    const entries: LoggedEntry[] = []
    for (let index = start; index < end; index++) {
      const row = this.#rows.get(index)
      if (!row) throw new HuxinError('internal', `entry ${index} should be held`)
      if (row.logged.batch.header.batchClass !== batchClass) continue
      entries.push(row.logged)
      if (entries.length >= limit) return { entries, next: index + 1n }
    }
    return { entries, next: end }
  }
}

function open(index: bigint, bytes: Uint8Array | undefined): LoggedEntry {
  if (!bytes) throw missing(index)
  const entry = parseEntry(bytes)
  return { index, bytes, entry, batch: openHeader(entry.header) }
}

function missing(index: bigint): HuxinError {
  return new HuxinError('store_corrupt', `entry ${index} is missing from the store; run huxin fsck`)
}
