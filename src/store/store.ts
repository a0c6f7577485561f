/**
 * Room `store`: the node's one database, and the only room that knows it. It offers an ordered map
 * of bytes with one atomic, durable, compare-and-set write; everything else is built on that.
 *
 * Engines are folders beside this file: `leveldb` on a disk, `memory` for tests and simulations. `test/store/contract`
 * holds every engine to the same guarantees:
 *
 * 1. **Atomic.** A reader sees all operations of a commit or none. Of two operations on one key the later wins.
 * 2. **Compare and set.** A commit with an expectation writes only where the key has that value. Such commits are judged one
 *    after the other, also when they are asked for at once.
 * 3. **Durable when answered.** A commit that resolved survives a loss of power, and so does every write before it. One
 *    that rejected with `store_failed` may have happened: the caller opens again and looks.
 * 4. **Visible when answered.** Every read that begins after a write was answered sees it.
 * 5. **Ordered.** Keys sort as unsigned bytes; a range is one moment of the store, from `gte` on and without `lt`.
 * 6. **Snapshots** show one moment, whatever is written meanwhile, until they or the store are closed.
 * 7. **Copies.** The store keeps its own bytes: a caller may change what it gave or got.
 * 8. **Deleted bytes are destroyed** by `destroyDeleted`: no file, and no reader, has them afterwards.
 * 9. **One writer.** A database is open once: a second opening, here or in another process, is `store_locked`.
 * 10. **Closed is closed.** A read is `not_ready` then, and so is a commit with an expectation; other writes are `store_failed`, until
 *    it is opened again.
 */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'

/** Puts `value`, at least one byte (keys.ts, PRESENT), at `key`, or deletes the key when value is undefined. */
export interface Op {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Keys from `gte` inclusive to `lt` exclusive. */
export interface Bounds {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
}

/** What is read of a range. */
export interface KeyRange extends Bounds {
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

/** Guarantee 2, for each engine: what stands at a key is what a commit expects. @throws HuxinError log_conflict */
export function checkExpected(found: Uint8Array | undefined, { value }: Op): void {
  const same =
    found === undefined || value === undefined
      ? found === value
      : Buffer.compare(found, value) === 0
  if (!same)
    throw new HuxinError(
      'log_conflict',
      text`the store changed under its writer: nothing was written; run huxin fsck`,
    )
}

/** The store as it was at one moment, whatever is written since. Close it: until then nothing that it shows is freed. */
export interface Snapshot extends Reader {
  close(): Promise<void>
}

/** The storage interface: each engine gives one, and tests have one that fails on purpose. */
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
  /** Removes every key of the range. Neither atomic nor durable yet, like a `write` piece by piece. @throws HuxinError store_failed */
  clear(range: Bounds): Promise<void>
  /**
   * Destroys what was deleted or replaced in the range: its bytes are gone when this resolves. Rows that stand stay. Waits for every
   * read and snapshot that is open. @throws HuxinError not_ready | store_failed
   */
  destroyDeleted(range: Bounds): Promise<void>
  /**
   * Closes and opens the database again after a failed write. While the disk has no room for that it stays as it is, and can
   * be read. @throws HuxinError store_failed | store_corrupt
   */
  reopen(): Promise<void>
  close(): Promise<void>
}

/** How a database is opened. */
export interface OpenOptions {
  readonly create: boolean
  /** Whether the commit that puts this key is known to have been durable; nothing before it may be missing. */
  readonly isAcknowledged?: ((key: Uint8Array) => boolean) | undefined
  /** Checks all of it first, 400 MB a second; done in any case after a process that did not close it. */
  readonly whole?: boolean
}

/** Databases by the folder in which they stand; an engine in memory takes the folder for a name. */
export interface Engine {
  /**
   * Opens a database.
   * @throws HuxinError store_locked when somebody has it open; store_corrupt when it cannot be opened, or when it does
   *   not exist and `create` is false; store_failed when it may open later
   */
  open(folder: string, options: OpenOptions): Promise<Store>
  /** Whether a database was made there. */
  isMade(folder: string): Promise<boolean>
  /** Whether nothing is there yet. @throws HuxinError store_corrupt when parts of a database are there that is not whole */
  isFresh(folder: string): Promise<boolean>
}
