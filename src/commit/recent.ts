/**
 * The reader of entries and bodies, and the newest end of the log in memory: what was just logged is what neighbours ask for next, each of
 * them once. The newest few come parsed, so that eleven children do not parse one header eleven times; of
 * the rest only the bytes are kept, because a thousand parsed entries are hundreds of thousands of objects, and
 * every collection of new objects would copy those that were just made. Bounded by bytes; what is older is
 * read from the store. Never a source of truth: only sealed entries are handed out, and a node that starts
 * again starts with it empty.
 */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type LoggedEntry, parseLogged } from '../batch/logged.ts'
import { type EntryRoute, formatRoute, parseRoute, routeOf } from '../ledger/entry-route.ts'
import { bodyKey, classKey, entryKey, indexAtEnd } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { BatchClass } from '../topology/lane.ts'

/** From `start` inclusive to `end` exclusive, at most `limit` entries. */
export interface ClassRange {
  readonly start: bigint
  readonly end: bigint
  readonly limit: number
}

const BYTES_MAX = 24 << 20
const ENTRIES_MAX = 1_024
/** Entries that are kept parsed, from the newest on. */
const PARSED_MAX = 8

interface Row {
  readonly bytes: Uint8Array
  readonly body: Uint8Array
  readonly batchClass: BatchClass
  /** As formatRoute writes it. */
  readonly route: Uint8Array
  parsed: LoggedEntry | undefined
}

export class Recent {
  readonly #store: Store
  /** The row of an entry stands at its index modulo ENTRIES_MAX. */
  readonly #rows = Array.from<Row | undefined>({ length: ENTRIES_MAX })
  #bytes = 0
  /** Every entry from here on, up to #next, is held. */
  #from = 0n
  #next = 0n

  constructor(store: Store) {
    this.#store = store
  }

  /** Takes over what was logged; call in the order of the log. */
  add(logged: LoggedEntry, body: Uint8Array): void {
    const { index, bytes, entry, batch } = logged
    if (index !== this.#next) this.clear(index)
    if (this.#next - this.#from === BigInt(ENTRIES_MAX)) this.#dropOldest()
    this.#rows[placeOf(index)] = {
      bytes,
      body,
      batchClass: batch.header.batchClass,
      route: formatRoute(routeOf(entry, batch.header)),
      parsed: logged,
    }
    this.#next = index + 1n
    this.#bytes += bytes.length + body.length
    while (this.#bytes > BYTES_MAX) this.#dropOldest()
    const older = this.#row(index - BigInt(PARSED_MAX))
    if (older) older.parsed = undefined
  }

  /** An entry, while it is held. */
  entry(index: bigint): LoggedEntry | undefined {
    const row = this.#row(index)
    return row && parsedOf(index, row)
  }

  /** The bytes of an entry, while it is held. */
  bytes(index: bigint): Uint8Array | undefined {
    return this.#row(index)?.bytes
  }

  /** Forgets a body that was changed. */
  forget(index: bigint): void {
    if (this.#row(index)) this.clear()
  }

  /** Holds nothing; what is added next may begin anywhere. */
  clear(from = 0n): void {
    this.#rows.fill(undefined)
    this.#bytes = 0
    this.#from = from
    this.#next = from
  }

  /**
   * Entries of a class from `start` up to `end`, at most `limit`, in order.
   * @returns the entries, and where to go on
   */
  async readClass(
    batchClass: BatchClass,
    range: ClassRange,
  ): Promise<{ entries: LoggedEntry[]; next: bigint }> {
    const { start, end, limit } = range
    if (this.#holds(range)) {
      const { rows, next } = this.#readHeld(batchClass, range)
      return { entries: rows.map(({ index, row }) => parsedOf(index, row)), next }
    }
    const rows = await this.#store.range({
      gte: classKey(batchClass, start),
      lt: classKey(batchClass, end),
      limit,
    })
    const indexes = rows.map(([key]) => indexAtEnd(key))
    const stored = await this.#store.getMany(indexes.map(entryKey))
    const entries = indexes.map((index, i) => open(index, stored[i]))
    return { entries, next: rows.length < limit ? end : indexes.at(-1)! + 1n }
  }

  /**
   * Who may have the entries of a class from `start` up to `end`, at most `limit` of them, in order.
   * @returns the rows, and where to go on
   */
  async readRoutes(
    batchClass: BatchClass,
    range: ClassRange,
  ): Promise<{ rows: { index: bigint; route: EntryRoute }[]; next: bigint }> {
    const { start, end, limit } = range
    if (this.#holds(range)) {
      const { rows, next } = this.#readHeld(batchClass, range)
      return { rows: rows.map(({ index, row }) => ({ index, route: parseRoute(row.route) })), next }
    }
    const stored = await this.#store.range({
      gte: classKey(batchClass, start),
      lt: classKey(batchClass, end),
      limit,
    })
    const rows = stored.map(([key, value]) => ({
      index: indexAtEnd(key),
      route: parseRoute(value),
    }))
    return { rows, next: rows.length < limit ? end : rows.at(-1)!.index + 1n }
  }

  /** An entry, from memory or the store; undefined when it is not there. */
  async find(index: bigint): Promise<LoggedEntry | undefined> {
    const held = this.entry(index)
    if (held) return held
    const bytes = await this.#store.get(entryKey(index))
    return bytes && parseLogged(index, bytes)
  }

  /** Entries in the order of their indexes, in one read; parsed for this caller alone. @throws HuxinError store_corrupt */
  async readAll(indexes: readonly bigint[]): Promise<LoggedEntry[]> {
    const stored = await this.#store.getMany(indexes.map(entryKey))
    return indexes.map((index, i) => open(index, stored[i]))
  }

  /** An entry. @throws HuxinError store_corrupt */
  async logged(index: bigint): Promise<LoggedEntry> {
    return this.entry(index) ?? open(index, await this.#store.get(entryKey(index)))
  }

  /** The body (or refusal) beside an entry. @throws HuxinError store_corrupt */
  async body(index: bigint): Promise<Uint8Array> {
    const body = this.#row(index)?.body ?? (await this.#store.get(bodyKey(index)))
    if (!body)
      throw new HuxinError(
        'store_corrupt',
        text`the body of entry ${index} is missing from the store; run huxin fsck`,
      )
    return body
  }

  #row(index: bigint): Row | undefined {
    return index >= this.#from && index < this.#next ? this.#rows[placeOf(index)] : undefined
  }

  #holds({ start, end }: ClassRange): boolean {
    return start >= this.#from && end <= this.#next
  }

  #dropOldest(): void {
    const place = placeOf(this.#from)
    const oldest = this.#rows[place]
    this.#bytes -= oldest ? oldest.bytes.length + oldest.body.length : 0
    this.#rows[place] = undefined
    this.#from++
  }

  #readHeld(
    batchClass: BatchClass,
    { start, end, limit }: ClassRange,
  ): { rows: { index: bigint; row: Row }[]; next: bigint } {
    const rows: { index: bigint; row: Row }[] = []
    for (let index = start; index < end; index++) {
      const row = this.#row(index)
      if (!row) throw new HuxinError('internal', text`entry ${index} should be held`)
      if (row.batchClass !== batchClass) continue
      rows.push({ index, row })
      if (rows.length >= limit) return { rows, next: index + 1n }
    }
    return { rows, next: end }
  }
}

function placeOf(index: bigint): number {
  return Number(index % BigInt(ENTRIES_MAX))
}

function parsedOf(index: bigint, row: Row): LoggedEntry {
  return row.parsed ?? open(index, row.bytes)
}

function open(index: bigint, bytes: Uint8Array | undefined): LoggedEntry {
  if (!bytes) throw missing(index)
  return parseLogged(index, bytes)
}

function missing(index: bigint): HuxinError {
  return new HuxinError(
    'store_corrupt',
    text`entry ${index} is missing from the store; run huxin fsck`,
  )
}
