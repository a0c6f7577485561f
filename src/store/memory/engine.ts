/**
 * Engine: databases in memory, by name. For tests that assert nothing about a disk, and for simulations: what a loss of power
 * leaves of a database is decided here and not by the machine.
 */
import { asBuffer } from '../../base/bytes.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { joined, joinedPart, rowsOf } from '../parts.ts'
import {
  type Bounds,
  checkExpected,
  type Engine,
  type KeyRange,
  type OpenOptions,
  type Op,
  type Reader,
  type Snapshot,
  type Store,
} from '../store.ts'
import { OrderedRows, type RowBounds } from './ordered-rows.ts'

/** A database, open or not. */
interface Database {
  rows: OrderedRows
  /** What a loss of power leaves: everything up to the last commit. */
  durable: OrderedRows
  /** Who has it open. */
  holder: MemoryStore | undefined
}

/** Databases that last as long as this object. */
export class MemoryEngine implements Engine {
  readonly #databases = new Map<string, Database>()

  async open(name: string, { create }: OpenOptions): Promise<Store> {
    const found = this.#databases.get(name)
    if (!found && !create)
      throw new HuxinError('store_corrupt', text`there is no database ${name} in memory`)
    const database = found ?? {
      rows: new OrderedRows(),
      durable: new OrderedRows(),
      holder: undefined,
    }
    const store = new MemoryStore(database, name)
    store.take()
    this.#databases.set(name, database)
    return store.offered()
  }

  async isMade(name: string): Promise<boolean> {
    return this.#databases.has(name)
  }

  async isFresh(name: string): Promise<boolean> {
    return !this.#databases.has(name)
  }

  /** Gives a database that nobody has open another name. @throws HuxinError store_locked */
  rename(from: string, to: string): void {
    const database = this.#databases.get(from)
    if (!database) return
    if (database.holder)
      throw new HuxinError('store_locked', text`this process uses ${from} already`)
    this.#databases.delete(from)
    this.#databases.set(to, database)
  }

  /** Removes a database that nobody has open. @throws HuxinError store_locked */
  remove(name: string): void {
    if (this.#databases.get(name)?.holder)
      throw new HuxinError('store_locked', text`this process uses ${name} already`)
    this.#databases.delete(name)
  }

  /** Whoever has the database open is gone without closing it; what was written stands. */
  abandon(name: string): void {
    this.#databases.get(name)?.holder?.letGo()
  }

  /** The power fails: what was not durable is gone, and whoever has the database open has it no more. */
  losePower(name: string): void {
    const database = this.#databases.get(name)
    if (!database) return
    database.holder?.letGo()
    database.rows = database.durable.frozen()
  }
}

/** A database of its own that nobody opens again by name. */
export function openMemoryStore(): Promise<Store> {
  return new MemoryEngine().open('memory', { create: true })
}

class MemoryStore {
  readonly #database: Database
  readonly #name: string
  readonly #snapshots = new Set<Promise<void>>()
  /** Ends the snapshots of before. */
  #opening = 0

  constructor(database: Database, name: string) {
    this.#database = database
    this.#name = name
  }

  /** @throws HuxinError store_locked */
  take(): void {
    const { holder } = this.#database
    if (holder && holder !== this)
      throw new HuxinError('store_locked', text`this process uses ${this.#name} already`)
    this.#database.holder = this
  }

  letGo(): void {
    if (this.#database.holder === this) this.#database.holder = undefined
  }

  /** As an object of functions, which a test may spread and replace one by one. */
  offered(): Store {
    return {
      ...readerOf(() => this.#readable()),
      commit: async (ops, expect) => {
        if (expect) checkExpected(this.#readable().get(nameOf(expect.key)), expect)
        this.#put(ops)
        this.#database.durable = this.#database.rows.frozen()
      },
      write: async (ops) => this.#put(ops),
      snapshot: () => this.#snapshot(),
      clear: async (range) => {
        const rows = this.#writable()
        for (const [key] of [...rows.rows(boundsOf(range))]) rows.delete(key)
      },
      destroyDeleted: async () => {
        this.#readable()
        await Promise.all(this.#snapshots)
        this.#database.durable = this.#readable().frozen()
      },
      reopen: async () => {
        this.take()
        this.#opening++
      },
      close: async () => this.letGo(),
    }
  }

  #snapshot(): Snapshot {
    let rows: OrderedRows | undefined = this.#readable().frozen()
    const opening = this.#opening
    let closed = (): void => undefined
    const open = new Promise<void>((done) => {
      closed = done
    })
    this.#snapshots.add(open)
    return {
      ...readerOf(() => {
        this.#readable()
        return (opening === this.#opening ? rows : undefined) ?? fail()
      }),
      close: async () => {
        rows = undefined
        this.#snapshots.delete(open)
        closed()
      },
    }
  }

  #put(ops: readonly Op[]): void {
    const rows = this.#writable()
    for (const op of ops) {
      for (const { key, value } of rowsOf(op, (name) => rows.get(nameOf(name)))) {
        if (value === undefined) rows.delete(nameOf(key))
        else rows.set(nameOf(key), Buffer.from(value))
      }
    }
  }

  #readable(): OrderedRows {
    return this.#database.holder === this ? this.#database.rows : fail()
  }

  #writable(): OrderedRows {
    if (this.#database.holder !== this)
      throw new HuxinError('store_failed', text`the database in memory is closed`)
    return this.#database.rows
  }
}

function readerOf(rowsNow: () => OrderedRows): Reader {
  const whole = (rows: OrderedRows, key: Uint8Array): Buffer | undefined => {
    const read = (name: Buffer): Buffer | undefined => rows.get(nameOf(name))
    const value = joined(asBuffer(key), read(asBuffer(key)), read)
    return value && Buffer.from(value)
  }
  return {
    get: async (key) => whole(rowsNow(), key),
    getMany: async (keys) => {
      const rows = rowsNow()
      return keys.map((key) => whole(rows, key))
    },
    part: async (key, start, end) => {
      const rows = rowsNow()
      const bytes = joinedPart(asBuffer(key), { start, end }, (name) => rows.get(nameOf(name)))
      return bytes && Buffer.from(bytes)
    },
    range: async (range) => readRange(rowsNow(), range),
  }
}

function readRange(
  rows: OrderedRows,
  { limit = Infinity, reverse = false, bytesMax = Infinity, ...bounds }: KeyRange,
): [Buffer, Buffer][] {
  const found: [Buffer, Buffer][] = []
  let bytes = 0
  if (limit < 1) return found
  for (const [key, value] of rows.rows(boundsOf(bounds), reverse)) {
    found.push([Buffer.from(key, 'latin1'), Buffer.from(value)])
    bytes += key.length + value.length
    if (found.length >= limit || bytes >= bytesMax) break
  }
  return found
}

function nameOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1')
}

function boundsOf({ gte, lt }: Bounds): RowBounds {
  return { from: nameOf(gte), to: nameOf(lt) }
}

/** @throws HuxinError not_ready */
function fail(): never {
  throw new HuxinError(
    'not_ready',
    text`the database is closed, or being opened again after a failed write`,
  )
}
