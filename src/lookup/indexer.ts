/**
 * The index that follows behind: tables keyed by record, subject and recognition. Their keys are
 * random, and random keys cost more than everything else in a commit, so nothing acknowledged waits
 * for them. Records and subjects are gathered in memory and stored a segment at a time
 * (`record-index.ts`); the few rows of recognition are stored at once. After a crash the indexer goes on
 * after the last segment, and a rebuild runs it from 0. The tables are a function of log and bodies: the order
 * in which batches, erasures and rebuilds happen does not change them.
 *
 * Held in transit means never indexed: only batches whose origin or target this node is get rows.
 */
import type { Clock } from '../base/clock.ts'
import { entryKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { type ErasedRows, erasedNotes, openErasedNote } from './erased.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { RecentIds } from './recent-ids.ts'
import { RecordIndex } from './record-index.ts'
import { KeptIdentities } from './kept-identities.ts'
import { type BodyIdentities, type IndexTable, indexTables, readRows } from './record-rows.ts'
import { type Identity, type Place, type Shape, standardShape, weightOf } from './segments.ts'
import type { Sieve } from './sieve.ts'
import { Tail } from './tail.ts'

const STEP_ENTRIES = 64
/** Records of one step, about 5 ms of work: appends get their turn between two. */
const STEP_RECORDS = 3_000
/** Milliseconds in which nothing is appended, pushed or delivered before indexing goes on by itself: what is acknowledged comes first. */
const QUIET_MS = 250
/** Entries behind at which indexing goes on whatever else happens. */
const BEHIND_MAX = 2_000n
/** Notes of erased records looked at in one go. */
const NOTES = 1_000

export interface IndexerOptions {
  readonly store: Store
  readonly ledger: () => Ledger
  readonly subjectKey: Uint8Array
  readonly size: () => bigint
  readonly clock: Clock
  readonly shape?: Shape
  /** Told of an entry that is not what was logged: its records may not be found. What is read again after a start is looked at. */
  readonly onDamage?: (index: bigint) => void
}

/** Records that are looked up to tell whether a key is the right one. */
const KEY_LOOKUPS = 16

export class Indexer {
  /** Record ids that are published here and may not be in the index yet. */
  readonly recentIds = new RecentIds()
  readonly #options: IndexerOptions
  readonly #shape: Shape
  readonly #index: RecordIndex
  #cursor = 0n
  /** Of batches of this node's own, which were hashed when they were published. */
  readonly #kept = new KeptIdentities()
  /** Weight of the entries in memory. */
  #weight = 0
  /** Size of the log when the memory was empty last: nobody is answered before it is full again. */
  #known = 0n
  /** Notes of erased records may be there. */
  #erased = true
  /** The memory may hold half an entry, after a write that failed. */
  #failed = false
  #running: Promise<void> | undefined
  #closed = false
  #loading = false
  #waiting: (() => void)[] = []
  /** Why the last run ended, when it ended by an error. */
  #failure: unknown
  #lastKickMs = 0
  #timer: (() => void) | undefined

  constructor(options: IndexerOptions) {
    this.#options = options
    this.#shape = options.shape ?? standardShape
    this.#index = new RecordIndex(options.store, this.#shape)
  }

  /** Number of entries indexed. */
  get cursor(): bigint {
    return this.#cursor
  }

  /** Begins where the store says, which is after the last segment. */
  async load(): Promise<void> {
    this.#loading = true
    try {
      await this.#running
      await this.#begin()
    } finally {
      this.#loading = false
      if (this.#waiting.length > 0) this.#start()
    }
  }

  /**
   * The identities of an entry's records, before it is durable: its body is not read and hashed again. Only of records that this node keeps and that
   * have no other rows. What there is no room for is read later.
   */
  keep(index: bigint, identities: BodyIdentities): void {
    this.#kept.keep(index, identities)
  }

  /** Goes on in the background once appends pause; call after each append. */
  kick(): void {
    this.#lastKickMs = this.#options.clock.monotonicMs()
    this.#schedule()
  }

  /** Puts indexing off while batches are on their way to or from neighbours; call with each of them. */
  defer(): void {
    this.#lastKickMs = this.#options.clock.monotonicMs()
  }

  #schedule(): void {
    if (this.#timer || this.#running || this.#closed) return
    this.#timer = this.#options.clock.after(QUIET_MS, () => {
      this.#timer = undefined
      this.#start()
    })
  }

  /**
   * Resolves when everything appended so far is indexed; indexing does not wait for a pause meanwhile.
   * @throws HuxinError store_failed | not_ready | store_corrupt when it does not get on; it goes on by itself later
   */
  caughtUp(): Promise<void> {
    return this.#reach(() => this.#options.size())
  }

  /** Places of an identity, newest first. They may be those of another: compare the record there. @throws HuxinError store_corrupt */
  async find(table: IndexTable, identity: Identity): Promise<Place[]> {
    await this.#reach(() => this.#known)
    try {
      return await this.#index.find(table, identity)
    } finally {
      if (this.#index.damaged) this.#start()
    }
  }

  /** The body at a log index was put back after damage: its entry may have been indexed as it was before. */
  async restored(index: bigint): Promise<void> {
    const { store, ledger, subjectKey } = this.#options
    if (index >= this.#cursor) return
    if (index >= this.#index.boundary) return this.load()
    const tails = { recordId: new Tail(), subject: new Tail() }
    const entry = await store.get(entryKey(index))
    if (entry) await readRows({ store, ledger: ledger(), subjectKey }, index, entry, tails)
    for (const table of indexTables) {
      for (const identity of tails[table].all()) {
        if ((await this.find(table, identity)).some((place) => place.index === index)) continue
        this.#index.damaged = true
        return this.#start()
      }
    }
  }

  /**
   * Whether the segments of the index were made with the key that this indexer has: a few of the first records are looked
   * up. Undefined when there are none. Call when nothing runs.
   */
  async madeWithItsKey(): Promise<boolean | undefined> {
    const { store, ledger, subjectKey } = this.#options
    let looked = 0
    for (let index = 0n; index < this.#index.boundary && looked < KEY_LOOKUPS; index++) {
      const tails = { recordId: new Tail(), subject: new Tail() }
      const entry = await store.get(entryKey(index))
      if (entry) await readRows({ store, ledger: ledger(), subjectKey }, index, entry, tails)
      for (const identity of tails.recordId.all()) {
        if (looked++ === KEY_LOOKUPS) break
        const places = await this.#index.find('recordId', identity).catch(() => [])
        if (places.some((place) => place.index === index)) return true
      }
    }
    return looked === 0 || this.#index.damaged ? undefined : false
  }

  /** Everything that was logged is in the index. */
  get isCaughtUp(): boolean {
    return this.#cursor >= this.#options.size()
  }

  /** The sieve of record ids, when it is filled; until then it is filled beside other work. */
  sieveNow(): Sieve | undefined {
    // After a start it does not know yet what was logged last.
    return this.#cursor < this.#known
      ? undefined
      : this.#index.sieves.recordId.now(this.#options.ledger().recordCount)
  }

  /** Tells whether an identity may be in a table of the index; costs one reading of the table the first time. */
  sieve(table: IndexTable): Promise<Sieve> {
    return this.#index.sieves[table].filled(this.#options.ledger().recordCount)
  }

  async #reach(size: () => bigint): Promise<void> {
    while (!this.#closed && this.#cursor < size()) {
      const woken = new Promise<void>((resolve) => this.#waiting.push(resolve))
      this.#start()
      await woken
      if (this.#failure !== undefined && this.#cursor < size()) throw this.#failure
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.()
    await this.#running
    this.#wake()
  }

  #start(): void {
    if (this.#running || this.#closed || this.#loading) return
    this.#failure = undefined
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#failure = error
      })
      .finally(() => {
        this.#running = undefined
        this.#wake()
        if (!this.#closed && this.#isDue()) this.#schedule()
      })
  }

  async #run(): Promise<void> {
    while (!this.#closed && !this.#loading && this.#isDue() && this.#mayGoOn()) {
      await this.#turn()
      // Others first: nothing acknowledged waits for the index.
      await this.#options.clock.turn()
    }
  }

  /** A few milliseconds of work: entries first, and merges as they become due. */
  async #turn(): Promise<void> {
    try {
      if (this.#failed || this.#index.damaged) await this.#begin()
      if (this.#cursor < this.#options.size()) await this.step()
      if (this.#cursor >= this.#options.size() && this.#erased) await this.#removeErased()
      if (this.#cursor >= this.#options.size()) this.#wake()
      await this.#index.mergePiece()
    } catch (error) {
      this.#failed = true
      if (!this.#index.damaged) throw error
    }
  }

  #isDue(): boolean {
    return (
      this.#cursor < this.#options.size() ||
      this.#erased ||
      this.#failed ||
      this.#index.damaged ||
      this.#index.mergeIsDue
    )
  }

  /** Somebody waits, nothing is being appended, or too much has gathered. */
  #mayGoOn(): boolean {
    return (
      this.#waiting.length > 0 ||
      this.#options.clock.monotonicMs() - this.#lastKickMs >= QUIET_MS ||
      this.#options.size() - this.#cursor > BEHIND_MAX
    )
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  async #begin(): Promise<void> {
    this.#cursor = 0n
    this.#known = this.#options.size()
    // What was to be written may not have been.
    this.#kept.clear()
    await this.#index.load()
    this.#cursor = this.#index.boundary
    this.#weight = 0
    this.#erased = true
    this.#failed = false
  }

  /** Does everything that is due, to the end: for the rebuild, which runs it alone. */
  async finish(): Promise<void> {
    await this.#running
    while (this.#isDue()) await this.#turn()
  }

  /** Indexes the next entries. */
  async step(): Promise<void> {
    const { store, ledger, subjectKey, size } = this.#options
    const { tails } = this.#index
    const from = this.#cursor
    const to = from + BigInt(STEP_ENTRIES) < size() ? from + BigInt(STEP_ENTRIES) : size()
    const entries = await store.range({ gte: entryKey(from), lt: entryKey(to) })
    let records = 0
    for (const [, bytes] of entries) {
      const before = { recordId: tails.recordId.count, subject: tails.subject.count }
      const rows =
        this.#takeKept(this.#cursor) ??
        (await readRows(
          {
            store,
            ledger: ledger(),
            subjectKey,
            onDamage: this.#cursor < this.#known ? this.#options.onDamage : undefined,
          },
          this.#cursor,
          bytes,
          tails,
        ))
      this.#index.added(before)
      if (rows.ops.length > 0) await store.write(rows.ops)
      this.#weight += rows.weight
      if (this.#weight >= this.#shape.weight) {
        await this.#index.close(this.#cursor + 1n)
        this.#weight = 0
      }
      this.#cursor += 1n
      records += rows.records
      if (records >= STEP_RECORDS) break
    }
    this.#erased = true
  }

  /** Adds the rows of an entry whose identities are kept. */
  #takeKept(index: bigint): { weight: number; records: number; ops: readonly Op[] } | undefined {
    const records = this.#kept.take(index, this.#index.tails)
    return records === undefined ? undefined : { weight: weightOf(records), records, ops: [] }
  }

  /** Removes what is left of erased records. */
  async #removeErased(): Promise<void> {
    const { store } = this.#options
    const notes = await store.range({ ...erasedNotes, limit: NOTES })
    const erased: ErasedRows[] = []
    const done: Op[] = []
    for (const [key, stored] of notes) {
      const note = openErasedNote(key, stored)
      // Nobody knows what a damaged one named.
      if (!note) this.#index.damaged = true
      if (note && note.place.index >= this.#cursor) continue
      if (note) erased.push(note)
      done.push({ key, value: undefined })
    }
    const keys = erased.flatMap((note) => note.keys)
    if (done.length > 0)
      await this.#index.remove(
        erased.flatMap(({ rows }) => rows),
        [...keys.map((key) => ({ key, value: undefined })), ...done],
      )
    this.#erased = done.length > 0 && notes.length === NOTES
  }
}
