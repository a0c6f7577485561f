/**
 * Engine: LevelDB through `level`. What it does not do for us, this folder does (reference figures in
 * src/README.md): every commit is fsynced; array batches are avoided (chained batches are several
 * times faster); an emptied folder is not taken for a new one; after a failed write the handle is
 * closed and opened again, because it stays failed even when space returns; a journal that cannot be read
 * is not gone on without, nor one that is damaged (journal.ts); a damaged table is not read (table-files.ts).
 */
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Level } from 'level'
import { asBuffer } from '../../base/bytes.ts'
import { HuxinError } from '../../base/errors.ts'
import { text, textOf } from '../../base/text.ts'
import { prefixRange, tables } from '../keys.ts'
import { joined, joinedPart, LastBody, type ReadRow, rowsOf } from '../parts.ts'
import {
  checkExpected,
  type Engine,
  type OpenOptions,
  type Op,
  type Reader,
  type Snapshot,
  type Store,
} from '../store.ts'
import { flush, rewrite } from './destroy.ts'
import { causeOf, codeOf, notOpen, reading, whileOpen, writing } from './errors.ts'
import { checkFiles, isFresh, isMade, isMarked, mark, unmark } from './files.ts'
import { readRange } from './range.ts'

const SYNC_READS_MAX = 64
/** What opening writes beside what is in the journals. */
const ROOM_BYTES = 1 << 20

const options = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  writeBufferSize: 16 << 20,
  maxFileSize: 32 << 20,
  cacheSize: 8 << 20,
  // Salts do not compress, and snappy costs more than the bytes it saves.
  compression: false,
} as const

/**
 * Opens the database in `folder`.
 * @throws HuxinError store_locked when another process has it; store_corrupt when it cannot be opened,
 *   or when it does not exist and `create` is false.
 */
async function openStore(
  folder: string,
  { create, isAcknowledged, whole = false }: OpenOptions,
): Promise<Store> {
  const hold = new Hold(folder)
  hold.take()
  let db = await openLevel(folder, {
    create,
    isAcknowledged,
    whole: whole || (await isMarked(folder)),
  }).catch((error: unknown) => {
    hold.letGo()
    throw error
  })
  await mark(folder)
  const reads = new OpenReads()
  /** The last commit with an expectation. */
  let judged: Promise<void> = Promise.resolve()
  const last = new LastBody(
    (await readRange(db, { ...prefixRange(tables.body), reverse: true, limit: 1 }))[0]?.[0],
  )
  const put = (ops: readonly Op[], sync: boolean): Promise<void> =>
    writing(async () => {
      const batch = db.batch()
      for (const op of ops) {
        const isNext = last.passes(op.key)
        for (const { key, value } of rowsOf(op, (name) =>
          isNext ? undefined : db.getSync(name),
        )) {
          if (value === undefined) batch.del(asBuffer(key))
          else batch.put(asBuffer(key), asBuffer(value))
        }
      }
      await batch.write({ sync } as object)
    })
  return {
    // Synchronous reads are an order of magnitude cheaper than a trip to the thread pool and back.
    ...pointReads(
      (key) => db.getSync(key),
      (keys) => reads.during(db.getMany(keys)),
    ),
    range: (range) => reads.during(reading(() => readRange(db, range))),
    commit(ops, expect) {
      if (!expect) return put(ops, true)
      const written = judged.then(() => expectValue(db, expect)).then(() => put(ops, true))
      judged = written.catch(() => undefined)
      return written
    },
    write: (ops) => put(ops, false),
    snapshot() {
      const snapshot = openSnapshot(db)
      let closed = (): void => undefined
      void reads.during(
        new Promise<void>((done) => {
          closed = done
        }),
      )
      return { ...snapshot, close: () => snapshot.close().finally(closed) }
    },
    clear: ({ gte, lt }) =>
      reads.during(writing(() => db.clear({ gte: asBuffer(gte), lt: asBuffer(lt) }))),
    async destroyDeleted(range) {
      if (db.status !== 'open') throw notOpen(undefined)
      // Those that began before see the bytes that are to go, and those that begin meanwhile read the files that are replaced.
      await reads.ended()
      await whileOpen(rewrite(db, folder, range))
      await reads.ended()
      // LevelDB looks for replaced files only after it wrote one.
      await whileOpen(flush(db, folder))
    },
    async reopen() {
      hold.take()
      await checkRoom(folder)
      await db.close().catch(() => undefined)
      db = await openLevel(folder, { create: false, isAcknowledged })
      await mark(folder)
    },
    async close() {
      await db.close()
      if (!hold.isHeld) return
      await unmark(folder)
      hold.letGo()
    },
  }
}

/** LevelDB: a database is a folder with its files. */
export const levelEngine: Engine = { open: openStore, isMade, isFresh }

/** Reading single values, which are stored whole or in parts. */
function pointReads(
  read: ReadRow,
  readMany: (keys: Buffer[]) => Promise<(Buffer | undefined)[]>,
): Pick<Reader, 'get' | 'getMany' | 'part'> {
  const whole = (key: Uint8Array): Buffer | undefined =>
    joined(asBuffer(key), read(asBuffer(key)), read)
  return {
    get: (key) => reading(async () => whole(key)),
    getMany: (keys) =>
      reading(async () =>
        keys.length <= SYNC_READS_MAX
          ? keys.map(whole)
          : (await readMany(keys.map(asBuffer))).map((stored, i) =>
              joined(asBuffer(keys[i]!), stored, read),
            ),
      ),
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
    const ended: Promise<unknown> = read
      .catch(() => undefined)
      .then((): boolean => this.#open.delete(ended))
    this.#open.add(ended)
    return read
  }

  /** Waits for those that are open now. */
  async ended(): Promise<void> {
    await Promise.all(this.#open)
  }
}

function openSnapshot(db: Level<Buffer, Buffer>): Snapshot {
  if (db.status !== 'open') throw notOpen(undefined)
  const snapshot = db.snapshot()
  return {
    ...pointReads(
      (key) => db.getSync(key, { snapshot }),
      (keys) => db.getMany(keys, { snapshot }),
    ),
    range: (range) => reading(() => readRange(db, range, { snapshot })),
    close: () => snapshot.close(),
  }
}

/**
 * The right to a folder in this process. LevelDB's file lock is the process's: a second open here would fail, and
 * by closing its file would let go of the lock of the first.
 */
class Hold {
  /** Who holds each folder: a fact of the process, as the lock is. */
  static readonly #holders = new Map<string, Hold>()
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = resolve(folder)
  }

  get isHeld(): boolean {
    return Hold.#holders.get(this.#folder) === this
  }

  /** @throws HuxinError store_locked when another store of this process has it */
  take(): void {
    if (Hold.#holders.has(this.#folder) && !this.isHeld)
      throw new HuxinError('store_locked', text`this process uses ${this.#folder} already`)
    Hold.#holders.set(this.#folder, this)
  }

  letGo(): void {
    if (this.isHeld) Hold.#holders.delete(this.#folder)
  }
}

async function openLevel(
  folder: string,
  { create, isAcknowledged, whole = false }: OpenOptions,
): Promise<Level<Buffer, Buffer>> {
  await checkFiles(folder, { isAcknowledged, whole })
  const db = new Level<Buffer, Buffer>(folder, { ...options, createIfMissing: create })
  try {
    await db.open()
    return db
  } catch (error) {
    const cause = causeOf(error)
    if (codeOf(error) === 'LEVEL_LOCKED') {
      throw new HuxinError(
        'store_locked',
        text`another process uses ${folder}: stop it first, or give this node a folder of its own`,
        { cause: error },
      )
    }
    if (
      /No space left|Disk quota|Permission denied|Read-only file system|Too many open files/.test(
        cause.en,
      )
    ) {
      throw new HuxinError(
        'store_failed',
        text`the database in ${folder} does not open now: ${cause}`,
        { cause: error },
      )
    }
    throw new HuxinError(
      'store_corrupt',
      text`the database in ${folder} does not open: ${cause}; run huxin node recover`,
      { cause: error },
    )
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
    const sizes = await Promise.all(
      journals.map(async (name) => (await stat(join(folder, name))).size),
    )
    const handle = await open(file, 'w', 0o600)
    try {
      const piece = Buffer.alloc(ROOM_BYTES)
      for (
        let bytes = sizes.reduce((sum, size) => sum + size, ROOM_BYTES);
        bytes > 0;
        bytes -= piece.length
      )
        await handle.writeFile(piece)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw new HuxinError(
      'store_failed',
      text`the database in ${folder} is not opened again yet, and read as it is: ${textOf(error)}`,
      { cause: error },
    )
  } finally {
    await rm(file, { force: true }).catch(() => undefined)
  }
}

async function expectValue(db: Level<Buffer, Buffer>, expected: Op): Promise<void> {
  checkExpected(await reading(async () => db.getSync(asBuffer(expected.key))), expected)
}
