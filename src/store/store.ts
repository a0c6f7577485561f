/**
 * Room `store`: the node's one database, and the only room that knows it. It offers an ordered map
 * of bytes with one atomic, durable, compare-and-set write; everything else is built on that.
 *
 * Engine: LevelDB through `level`. What it does not do for us, this room does (reference figures in
 * src/README.md): every commit is fsynced; array batches are avoided (chained batches are several
 * times faster); an emptied folder is not taken for a new one; after a failed write the handle is
 * closed and opened again, because it stays failed even when space returns; a journal that cannot be read
 * is not gone on without, nor one that is damaged (journal.ts); a damaged table is not read (table-files.ts).
 *
 * Guarantees: a commit that resolved survives power loss; a commit that rejected may have happened
 * (the caller must reopen and look); two processes never share a folder. One writer per store.
 */
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Level } from 'level'
import { asBuffer } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { type Text, text, textOf } from '../base/text.ts'
import { checkFiles, isMarked, mark, unmark } from './files.ts'
import { prefixRange, tables } from './keys.ts'
import { joined, joinedPart, LastBody, type ReadRow, rowsOf } from './parts.ts'

/** Puts `value`, at least one byte (keys.ts, PRESENT), at `key`, or deletes the key when value is undefined. */
export interface Op {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** A range of keys: from `gte` inclusive to `lt` exclusive. */
export interface KeyRange {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
  readonly limit?: number
  readonly reverse?: boolean
  /** Ends soon after as many bytes of keys and values; at least one row. Without it everything is read. */
  readonly bytesMax?: number
}

/** What can be read. */
export interface Reader {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** Bytes `start` to `end` of a value, fewer where it ends before; of a large body those parts alone are read. */
  part(key: Uint8Array, start: number, end: number): Promise<Uint8Array | undefined>
  /** Rows in order as they are stored: a large body is a head and its parts (parts.ts). Large ranges come in pieces: use `limit` and go on after the last key. */
  range(range: KeyRange): Promise<[Uint8Array, Uint8Array][]>
}

/** The store as it was at one moment, whatever is written since. Close it: until then nothing that it shows is freed. */
export interface Snapshot extends Reader {
  close(): Promise<void>
}

/** The storage interface; `openStore` gives the embedded one, tests have one that fails on purpose. */
export interface Store extends Reader {
  /**
   * Atomic and durable when it resolves. With `expect`, nothing is written unless that key has that
   * value now (undefined: is absent).
   * @throws HuxinError log_conflict (nothing was written) | store_failed (it may still have happened)
   */
  commit(ops: readonly Op[], expect?: Op): Promise<void>
  /** Atomic, not yet durable: only for what can be derived again. @throws HuxinError store_failed */
  write(ops: readonly Op[]): Promise<void>
  /** Everything as it is now. @throws HuxinError not_ready */
  snapshot(): Snapshot
  /** Removes every key of the range. */
  clear(range: KeyRange): Promise<void>
  /** Rewrites the range on disk, so that deleted bytes are gone from the files. */
  compact(gte: Uint8Array, lt: Uint8Array): Promise<void>
  /**
   * Closes and opens the database again after a failed write. While the disk has no room for that it stays as it is, and can
   * be read. @throws HuxinError store_failed | store_corrupt
   */
  reopen(): Promise<void>
  close(): Promise<void>
}

const SYNC_READS_MAX = 64
/** Bytes that one trip to the thread pool brings back of a range, which is wanted as a whole; the engine's own 16 KB are ten trips for 256 entries. */
const RANGE_BYTES = 1 << 20
const ROWS_AT_ONCE = 1_000
/** What opening writes beside what is in the journals. */
const ROOM_BYTES = 1 << 20
/**
 * An iterator keeps the rows of its last trip until a full collection finds it, also when it is closed, and nobody counts them:
 * a backup of 400 MB held 400 MB. From so many on it makes one more trip, which brings nothing and frees them.
 */
const KEPT_BYTES_MAX = 1 << 16
const LOWEST = Buffer.of(0)

const options = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  writeBufferSize: 16 << 20,
  maxFileSize: 32 << 20,
  cacheSize: 8 << 20,
  // Salts do not compress, and snappy costs more than the bytes it saves.
  compression: false,
} as const

/** How a database is opened. */
export interface OpenOptions {
  readonly create: boolean
  /** Whether the commit that puts this key is known to have been durable; nothing before it may be missing. */
  readonly isAcknowledged?: ((key: Uint8Array) => boolean) | undefined
  /** Checks all of it first, 400 MB a second; done in any case after a process that did not close it. */
  readonly whole?: boolean
}

/**
 * Opens the database in `folder`.
 * @throws HuxinError store_locked when another process has it; store_corrupt when it cannot be opened,
 *   or when it does not exist and `create` is false.
 */
export async function openStore(folder: string, { create, isAcknowledged, whole = false }: OpenOptions): Promise<Store> {
  const held = resolve(folder)
  if (holding.has(held)) throw new HuxinError('store_locked', text`this process uses ${folder} already`)
  holding.add(held)
  let db = await openLevel(folder, { create, isAcknowledged, whole: whole || await isMarked(folder) }).catch((error: unknown) => {
    holding.delete(held)
    throw error
  })
  await mark(folder)
  const sublevelFree = (): Level<Buffer, Buffer> => db
  const reads = new OpenReads()
  const last = new LastBody((await readRange(db, { ...prefixRange(tables.body), reverse: true, limit: 1 }))[0]?.[0])
  const put = async (ops: readonly Op[], sync: boolean): Promise<void> => {
    try {
      const batch = sublevelFree().batch()
      for (const op of ops) {
        const isFresh = last.passes(op.key)
        for (const { key, value } of rowsOf(op, (name) => (isFresh ? undefined : db.getSync(name)))) {
          if (value === undefined) batch.del(asBuffer(key))
          else batch.put(asBuffer(key), asBuffer(value))
        }
      }
      await batch.write({ sync } as object)
    } catch (error) {
      throw new HuxinError('store_failed', text`the database did not write: ${causeOf(error)}`, { cause: error })
    }
  }
  return {
    // Synchronous reads are an order of magnitude cheaper than a trip to the thread pool and back.
    ...pointReads((key) => db.getSync(key), (keys) => reads.during(db.getMany(keys))),
    range: (range) => reads.during(reading(() => readRange(db, range))),
    async commit(ops, expect) {
      if (expect) await expectValue(db, expect)
      await put(ops, true)
    },
    write: (ops) => put(ops, false),
    snapshot() {
      const snapshot = openSnapshot(db)
      let closed = (): void => undefined
      void reads.during(new Promise<void>((done) => {
        closed = done
      }))
      return { ...snapshot, close: () => snapshot.close().finally(closed) }
    },
    clear: (range) => reads.during(db.clear({ gte: asBuffer(range.gte), lt: asBuffer(range.lt) })),
    async compact(gte, lt) {
      // Those that began before see the bytes that are to go, and those that begin meanwhile read the files that are replaced.
      await reads.ended()
      await whileOpen(compactRange(db, folder, { gte, lt }))
      await reads.ended()
      // LevelDB looks for replaced files only after it wrote one.
      await whileOpen(flush(db, folder))
    },
    async reopen() {
      await checkRoom(folder)
      await db.close().catch(() => undefined)
      db = await openLevel(folder, { create: false, isAcknowledged })
    },
    async close() {
      await db.close()
      await unmark(folder)
      holding.delete(held)
    },
  }
}

/** Reading single values, which are stored whole or in parts. */
function pointReads(read: ReadRow, readMany: (keys: Buffer[]) => Promise<(Buffer | undefined)[]>): Pick<Reader, 'get' | 'getMany' | 'part'> {
  const whole = (key: Uint8Array): Buffer | undefined => joined(asBuffer(key), read(asBuffer(key)), read)
  return {
    get: (key) => reading(async () => whole(key)),
    getMany: (keys) => reading(async () => keys.length <= SYNC_READS_MAX
      ? keys.map(whole)
      : (await readMany(keys.map(asBuffer))).map((stored, i) => joined(asBuffer(keys[i]!), stored, read))),
    part: (key, start, end) => reading(async () => joinedPart(asBuffer(key), { start, end }, read)),
  }
}

/**
 * Reads under way. Each sees the store as it was when it began: what a compaction finds that one of them may still
 * ask for it keeps, and a file that one of them reads it leaves on the disk.
 */
class OpenReads {
  readonly #open = new Set<Promise<unknown>>()

  during<T>(read: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = read.catch(() => undefined).then((): boolean => this.#open.delete(ended))
    this.#open.add(ended)
    return read
  }

  /** Waits for those that are open now. */
  async ended(): Promise<void> {
    await Promise.all(this.#open)
  }
}

function openSnapshot(db: Level<Buffer, Buffer>): Snapshot {
  if (db.status !== 'open') throw new HuxinError('not_ready', text`the database is closed, or being opened again after a failed write`)
  const snapshot = db.snapshot()
  return {
    ...pointReads((key) => db.getSync(key, { snapshot }), (keys) => db.getMany(keys, { snapshot })),
    range: (range) => reading(() => readRange(db, range, { snapshot })),
    close: () => snapshot.close(),
  }
}

async function readRange(db: Level<Buffer, Buffer>, { gte, lt, limit = Infinity, reverse = false, bytesMax = Infinity }: KeyRange, of: object = {}): Promise<[Buffer, Buffer][]> {
  const iterator = db.iterator({ gte: asBuffer(gte), lt: asBuffer(lt), reverse, highWaterMarkBytes: RANGE_BYTES, ...of })
  const rows: [Buffer, Buffer][] = []
  /** What the engine keeps of the last trip. */
  let kept = 0
  try {
    for (let bytes = 0; bytes < bytesMax && rows.length < limit;) {
      const some = await iterator.nextv(Math.min(ROWS_AT_ONCE, limit - rows.length))
      kept = some.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
      if (kept === 0) break
      bytes += kept
      for (const row of some) rows.push(row)
    }
    if (kept > KEPT_BYTES_MAX) {
      iterator.seek(reverse ? LOWEST : asBuffer(lt))
      await iterator.nextv(1)
    }
    return rows
  } finally {
    await iterator.close()
  }
}

/**
 * Folders open in this process. LevelDB's file lock is the process's: a second open here would fail, and
 * by closing its file would let go of the lock of the first.
 */
const holding = new Set<string>()

async function openLevel(folder: string, { create, isAcknowledged, whole = false }: OpenOptions): Promise<Level<Buffer, Buffer>> {
  await checkFiles(folder, { isAcknowledged, whole })
  const db = new Level<Buffer, Buffer>(folder, { ...options, createIfMissing: create })
  try {
    await db.open()
    return db
  } catch (error) {
    const cause = causeOf(error)
    if (codeOf(error) === 'LEVEL_LOCKED') {
      throw new HuxinError('store_locked', text`another process uses ${folder}: stop it first, or give this node a folder of its own`, { cause: error })
    }
    if (/No space left|Disk quota|Permission denied|Read-only file system|Too many open files/.test(cause.en)) {
      throw new HuxinError('store_failed', text`the database in ${folder} does not open now: ${cause}`, { cause: error })
    }
    throw new HuxinError('store_corrupt', text`the database in ${folder} does not open: ${cause}; run huxin node recover`, { cause: error })
  }
}

/**
 * Opening writes what is in the journals to a table, and begins new files: where that fails the database is closed and
 * cannot be read either. So as much is written first and removed; its name is one that LevelDB removes too.
 * @throws HuxinError store_failed
 */
async function checkRoom(folder: string): Promise<void> {
  const file = join(folder, '000000.dbtmp')
  try {
    const journals = (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name))
    const sizes = await Promise.all(journals.map(async (name) => (await stat(join(folder, name))).size))
    const handle = await open(file, 'w', 0o600)
    try {
      const piece = Buffer.alloc(ROOM_BYTES)
      for (let bytes = sizes.reduce((sum, size) => sum + size, ROOM_BYTES); bytes > 0; bytes -= piece.length) await handle.writeFile(piece)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw new HuxinError('store_failed', text`the database in ${folder} is not opened again yet, and read as it is: ${textOf(error)}`, { cause: error })
  } finally {
    await rm(file, { force: true }).catch(() => undefined)
  }
}

async function expectValue(db: Level<Buffer, Buffer>, { key, value }: Op): Promise<void> {
  const found = await reading(async () => db.getSync(asBuffer(key)))
  const same = found === undefined || value === undefined ? found === value : Buffer.compare(found, value) === 0
  if (!same) throw new HuxinError('log_conflict', text`the store changed under its writer: nothing was written; run huxin fsck`)
}

/**
 * LevelDB flushes every version of a key that its memtable holds, may put that file on a level below
 * those it compacts, and rewrites a file only when a newer one overlaps it. So: flush, lay a newer file
 * of two deletions over the whole range, and compact that file down into everything beneath it.
 */
async function compactRange(db: Level<Buffer, Buffer>, folder: string, { gte, lt }: KeyRange): Promise<void> {
  const from = keyBefore(gte)
  const to = Buffer.concat([lt, Buffer.of(0xff)])
  await flush(db, folder)
  await db.batch().del(from).del(to).write()
  await flush(db, folder)
  await (db as Level<Buffer, Buffer> & Compacting).compactRange(from, to)
}

interface Compacting {
  compactRange(start: Buffer, end: Buffer): Promise<void>
}

/** Above every key. */
const END = Buffer.of(0xff, 0xff, 0xff)
const FLUSHES_MAX = 1_000

/**
 * Brings everything that was written into tables, and removes the files that nobody needs. Compacting a range without
 * keys does that, but for the times when somebody else writes in the same moment: LevelDB takes the flush for an empty part of that
 * write. So the journals of before tell whether it did.
 * @throws HuxinError store_failed
 */
async function flush(db: Level<Buffer, Buffer>, folder: string): Promise<void> {
  const journals = async (): Promise<string[]> => (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name))
  const before = new Set(await journals())
  for (let i = 0; i < FLUSHES_MAX; i++) {
    await (db as Level<Buffer, Buffer> & Compacting).compactRange(END, END)
    if (!(await journals()).some((name) => before.has(name))) return
  }
  throw new HuxinError('store_failed', text`the database in ${folder} does not flush: what is to be erased is still in a journal`)
}

/** A key just before `key` that no table has: two bytes longer than those of the same table. */
function keyBefore(key: Uint8Array): Buffer {
  const before = Buffer.from(key)
  let at = before.length - 1
  while (at >= 0 && before[at] === 0) before[at--] = 0xff
  if (at < 0) return Buffer.of(0)
  before[at] = before[at]! - 1
  return Buffer.concat([before, Buffer.of(0xff, 0xff)])
}

/** @throws HuxinError not_ready when the database is closed meanwhile */
async function whileOpen(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    throw isNotOpen(error) ? notOpen(error) : error
  })
}

function isNotOpen(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_DATABASE_NOT_OPEN'
}

function notOpen(cause: unknown): HuxinError {
  return new HuxinError('not_ready', text`the database is closed, or being opened again after a failed write`, { cause })
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (isHuxinError(error)) throw error
    if (isNotOpen(error)) throw notOpen(error)
    throw new HuxinError('store_corrupt', text`the database did not read: ${causeOf(error)}`, { cause: error })
  }
}

/** The engine's own code, of the error or of its cause. */
function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return (error.cause as { code?: unknown } | undefined)?.code ?? (error as { code?: unknown }).code
}

function causeOf(error: unknown): Text {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? text`${textOf(error)}: ${textOf(cause)}` : textOf(error)
}
