/**
 * Room `store`: the node's one database, and the only room that knows it. It offers an ordered map
 * of bytes with one atomic, durable, compare-and-set write; everything else is built on that.
 *
 * Guarantees: a commit that resolved survives power loss; a commit that rejected may have happened
 * (the caller must reopen and look); two processes never share a folder. One writer per store.
 *
 * Engines are folders beside this file: `leveldb`.
 */
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

/** How a database is opened. */
export interface OpenOptions {
  readonly create: boolean
  /** Whether the commit that puts this key is known to have been durable; nothing before it may be missing. */
  readonly isAcknowledged?: ((key: Uint8Array) => boolean) | undefined
  /** Checks all of it first, 400 MB a second; done in any case after a process that did not close it. */
  readonly whole?: boolean
}
