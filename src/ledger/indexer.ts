/**
 * The index that follows behind: tables keyed by record, subject and recognition. Their keys are
 * random, and random keys cost more than everything else in a commit, so nothing acknowledged waits
 * for them. The cursor and the rows are written together; after a crash the indexer goes on where it
 * stood, and a rebuild runs it from 0. Rows are pure puts, a function of (entry, body): the order in
 * which batches, erasures and rebuilds happen does not change the tables.
 *
 * Held in transit means never indexed: only batches whose origin or target this node is get rows.
 */
import { hash } from 'node:crypto'
import { be32, be64, concat, fromBe64, utf8 } from '../base/bytes.ts'
import { type Clock, yieldTurn } from '../base/clock.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { understood } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { decodeRecord } from '../record/record.ts'
import { peekRecord, type RecordPeek } from '../record/peek.ts'
import { bodyKey, entryKey, placeKey, PRESENT, tables, textKey } from '../store/keys.ts'
import type { Op, Reader, Store } from '../store/store.ts'
import type { Ledger } from './ledger.ts'

export const indexedKey = textKey(tables.state, 'indexed')

/** One record at its place. */
export interface PlacedRecord {
  readonly batch: SealedHeader
  readonly index: bigint
  readonly position: number
  readonly record: Uint8Array
  /** Published here: its bytes are remembered, so that importing it again adds nothing. */
  readonly own: boolean
  /** Key of this node's subject index. */
  readonly subjectKey: Uint8Array
}

let lastSeries: { key: string; value: Uint8Array } = { key: '', value: new Uint8Array() }

/** First 16 bytes of SHA-256 over provider and item: with a record id it is the identity of a record. */
export function recordSeries(provider: string, item: string): Uint8Array {
  const key = `${provider}\n${item}`
  if (lastSeries.key !== key) lastSeries = { key, value: short(key) }
  return lastSeries.value
}

/** Key of the table of records by record id alone. */
export function recordIdKey(recordId: string): Uint8Array {
  return concat(tables.recordId, short(recordId))
}

/**
 * Keyed hash of a subject, 16 bytes: useless outside this node. SHA-256 over the 32-byte key, type
 * and id; half of the digest is never shown, so that it cannot be extended.
 */
export function subjectIdentity(subjectKey: Uint8Array, type: number, id: string): Uint8Array {
  return short(`${Buffer.from(subjectKey.buffer, subjectKey.byteOffset, subjectKey.length).toString('hex')}\n${type}\n${id}`)
}

/** Key of the table of records published here, by their bytes and item. */
export function ownKey(item: string, record: Uint8Array): Uint8Array {
  const head = Buffer.byteLength(item)
  if (scratch.length < head + record.length) scratch = Buffer.alloc(2 * (head + record.length))
  scratch.write(item, 0)
  scratch.set(record, head)
  return concat(tables.own, short(scratch.subarray(0, head + record.length)))
}

/** Every row of one record. */
export function recordRows(placed: PlacedRecord): Op[] {
  const peek = peekRecord(placed.record)
  if (!peek) return []
  const { batch, index, position } = placed
  const item = batch.header.item ?? ''
  const rows: Op[] = [{
    key: placeKey(recordIdKey(peek.recordId), index, position),
    value: recordSeries(batch.header.provider, item),
  }]
  if (peek.subjectId !== '') {
    rows.push({ key: placeKey(concat(tables.subject, subjectIdentity(placed.subjectKey, peek.subjectType, peek.subjectId)), index, position), value: PRESENT })
  }
  if (placed.own) rows.push({ key: ownKey(item, placed.record), value: concat(be64(index), be32(position)) })
  if (batch.header.kind === 'recognition') rows.push(...recognitionRows(placed, peek))
  return rows
}

/** Key of the confirmations that answer a request. */
export function confirmationKey(requestRecordId: string): Uint8Array {
  return concat(tables.confirmation, short(requestRecordId))
}

/** Key of the confirmations that cite a source record. */
export function citationKey(batchId: Uint8Array, position: number): Uint8Array {
  return concat(tables.citation, batchId, be32(position))
}

let scratch = Buffer.alloc(4096)
const STEP_ENTRIES = 64
/** Rows of one write, about 10 ms of work: appends get their turn between two. */
const STEP_ROWS = 3_000
/** Milliseconds in which nothing is appended, pushed or delivered before indexing goes on by itself: what is acknowledged comes first. */
const QUIET_MS = 250
/** Entries behind at which indexing goes on whatever else happens. */
const BEHIND_MAX = 2_000n

export class Indexer {
  readonly #store: Store
  readonly #ledger: () => Ledger
  readonly #subjectKey: Uint8Array
  readonly #size: () => bigint
  #cursor = 0n
  #running: Promise<void> | undefined
  #closed = false
  #waiting: (() => void)[] = []
  /** Positions being erased, by log index, that a step may have read before. */
  readonly #spoiled = new Map<bigint, Set<number>>()
  readonly #clock: Clock
  #lastKickMs = 0
  #timer: (() => void) | undefined

  constructor(options: { store: Store; ledger: () => Ledger; subjectKey: Uint8Array; size: () => bigint; clock: Clock }) {
    this.#clock = options.clock
    this.#store = options.store
    this.#ledger = options.ledger
    this.#subjectKey = options.subjectKey
    this.#size = options.size
  }

  /** Number of entries indexed. */
  get cursor(): bigint {
    return this.#cursor
  }

  /** Begins where the store says, or earlier where an erasure was begun whose write failed. */
  async load(): Promise<void> {
    const stored = await this.#store.get(indexedKey)
    this.#cursor = stored ? fromBe64(stored) : 0n
    for (const index of this.#spoiled.keys()) if (index < this.#cursor) this.#cursor = index
    this.#spoiled.clear()
  }

  /** A record is being erased: what a step under way makes of it is taken back. Call before the commit. */
  spoil(index: bigint, position: number): void {
    if (!this.#running && index < this.#cursor) return
    const positions = this.#spoiled.get(index) ?? new Set()
    positions.add(position)
    this.#spoiled.set(index, positions)
  }

  /** Goes on in the background once appends pause; call after each append. */
  kick(): void {
    this.#lastKickMs = this.#clock.monotonicMs()
    this.#schedule()
  }

  /** Puts indexing off while batches are on their way to or from neighbours; call with each of them. */
  defer(): void {
    this.#lastKickMs = this.#clock.monotonicMs()
  }

  #schedule(): void {
    if (this.#timer || this.#running || this.#closed) return
    this.#timer = this.#clock.after(QUIET_MS, () => {
      this.#timer = undefined
      this.#start()
    })
  }

  /** Resolves when everything appended so far is indexed; indexing does not wait for a pause meanwhile. */
  async caughtUp(): Promise<void> {
    while (!this.#closed && this.#cursor < this.#size()) {
      const woken = new Promise<void>((resolve) => this.#waiting.push(resolve))
      this.#start()
      await woken
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.()
    await this.#running
    this.#wake()
  }

  #start(): void {
    if (this.#running || this.#closed) return
    this.#running = this.#run().catch(() => undefined).finally(() => {
      this.#running = undefined
      for (const index of this.#spoiled.keys()) if (index < this.#cursor) this.#spoiled.delete(index)
      this.#wake()
      if (!this.#closed && this.#cursor < this.#size()) this.#schedule()
    })
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#cursor < this.#size() && this.#mayGoOn()) {
      await this.step()
      // Others first: nothing acknowledged waits for the index.
      await yieldTurn()
    }
  }

  /** Removes rows just written of records that are being erased: their commit may come before or after. */
  async #takeBack(written: readonly Op[]): Promise<void> {
    if (this.#spoiled.size === 0) return
    const gone = written.filter(({ key, value }) => {
      const place = key[0] === tables.own[0] ? value! : key.subarray(-12)
      return place.length === 12 && this.#spoiled.get(fromBe64(place))?.has(Buffer.from(place).readUInt32BE(8))
    })
    if (gone.length > 0) await this.#store.write(gone.map(({ key }) => ({ key, value: undefined })))
  }

  /** Somebody waits, nothing is being appended, or too much has gathered. */
  #mayGoOn(): boolean {
    return this.#waiting.length > 0 || this.#clock.monotonicMs() - this.#lastKickMs >= QUIET_MS || this.#size() - this.#cursor > BEHIND_MAX
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** Indexes the next entries; public for the rebuild, which runs it alone. */
  async step(): Promise<void> {
    const from = this.#cursor
    const to = from + BigInt(STEP_ENTRIES) < this.#size() ? from + BigInt(STEP_ENTRIES) : this.#size()
    const entries = await this.#store.range({ gte: entryKey(from), lt: entryKey(to) })
    let ops: Op[] = []
    for (const [i, [, bytes]] of entries.entries()) {
      const index = from + BigInt(i)
      const rows = await indexRows({ store: this.#store, ledger: this.#ledger(), subjectKey: this.#subjectKey }, index, bytes)
      ops.push(...rows)
      if (ops.length < STEP_ROWS && i + 1 < entries.length) continue
      ops.push({ key: indexedKey, value: be64(index + 1n) })
      await this.#store.write(ops)
      await this.#takeBack(ops)
      this.#cursor = index + 1n
      ops = []
      if (this.#closed || !this.#mayGoOn()) return
    }
  }

}

/** Every row of the entry at `index` in the tables that follow behind. */
export async function indexRows({ store, ledger, subjectKey }: { store: Reader; ledger: Ledger; subjectKey: Uint8Array }, index: bigint, bytes: Uint8Array): Promise<Op[]> {
  const entry = parseEntry(bytes)
  if (!entry.verdict.accepted) return []
  const batch = openHeader(entry.header)
  const { header } = batch
  if (!understood(header) || !['evaluation', 'recognition', 'record'].includes(header.kind)) return []
  if (!ledger.routes(header, entry.source).kept) return []
  const stored = await store.get(bodyKey(index))
  if (!stored) return []
  const body = parseBody(stored)
  // By the origin, not by the way: what came back after a recovery was published here too.
  const own = header.origin === ledger.self
  const rows: Op[] = []
  for (let position = 0; position < body.count; position++) {
    const record = recordAt(body, position)
    if (record) rows.push(...recordRows({ batch, index, position, record, own, subjectKey }))
  }
  return rows
}

function recognitionRows({ batch, index, position, record }: PlacedRecord, peek: RecordPeek): Op[] {
  const rows: Op[] = [{ key: placeKey(tables.recognition, index, position), value: utf8(peek.family) }]
  if (peek.family !== 'confirmation') return rows
  const { content } = decodeRecord(record)
  if (content.case !== 'recognitionConfirmation') return rows
  rows.push({ key: placeKey(confirmationKey(content.value.requestRecordId), index, position), value: batch.id })
  if (content.value.sourceBatchId.length === 32) {
    rows.push({ key: placeKey(citationKey(content.value.sourceBatchId, content.value.sourceIndex), index, position), value: batch.id })
  }
  return rows
}

/** First 16 bytes of SHA-256. */
function short(data: string | Uint8Array): Uint8Array {
  return Buffer.from(hash('sha256', data, 'binary').slice(0, 16), 'latin1')
}

