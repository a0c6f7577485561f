/**
 * The index that follows behind: tables keyed by record, subject and recognition. Their keys are
 * random, and random keys cost more than everything else in a commit, so nothing acknowledged waits
 * for them. The cursor and the rows are written together; after a crash the indexer goes on where it
 * stood, and a rebuild runs it from 0. Rows are pure puts, a function of (entry, body): the order in
 * which batches, erasures and rebuilds happen does not change the tables.
 *
 * Held in transit means never indexed: only batches whose origin or target this node is get rows.
 */
import { createHash, createHmac, hash } from 'node:crypto'
import { be32, be64, concat, fromBe64, utf8 } from '../base/bytes.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { understood } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { decodeRecord } from '../record/record.ts'
import { peekRecord, type RecordPeek } from '../record/peek.ts'
import { bodyKey, entryKey, placeKey, tables, textKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
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

/** First 16 bytes of SHA-256 over provider, item and record id: the identity of a record. */
export function recordIdentity(provider: string, item: string, recordId: string): Uint8Array {
  return short(utf8(`${provider}\n${item}\n${recordId}`))
}

/** Key of the table of records by record id alone. */
export function recordIdKey(recordId: string): Uint8Array {
  return concat(tables.recordId, short(utf8(recordId)))
}

/** Keyed hash of a subject: useless outside this node (G11). */
export function subjectIdentity(subjectKey: Uint8Array, type: number, id: string): Uint8Array {
  return createHmac('sha256', subjectKey).update(`${type}\n${id}`).digest().subarray(0, 16)
}

/** Key of the table of records published here, by their bytes and item. */
export function ownKey(item: string, record: Uint8Array): Uint8Array {
  return concat(tables.own, createHash('sha256').update(item).update('\n').update(record).digest().subarray(0, 16))
}

/** Every row of one record. */
export function recordRows(placed: PlacedRecord): Op[] {
  const peek = peekRecord(placed.record)
  if (!peek) return []
  const { batch, index, position } = placed
  const item = batch.header.item ?? ''
  const rows: Op[] = [{
    key: placeKey(recordIdKey(peek.recordId), index, position),
    value: recordIdentity(batch.header.provider, item, peek.recordId),
  }]
  if (peek.subjectId !== '') {
    rows.push({ key: placeKey(concat(tables.subject, subjectIdentity(placed.subjectKey, peek.subjectType, peek.subjectId)), index, position), value: EMPTY })
  }
  if (placed.own) rows.push({ key: ownKey(item, placed.record), value: concat(be64(index), be32(position)) })
  if (batch.header.kind === 'recognition') rows.push(...recognitionRows(placed, peek))
  return rows
}

/** Key of the confirmations that answer a request. */
export function confirmationKey(requestRecordId: string): Uint8Array {
  return concat(tables.confirmation, short(utf8(requestRecordId)))
}

/** Key of the confirmations that cite a source record. */
export function citationKey(batchId: Uint8Array, position: number): Uint8Array {
  return concat(tables.citation, batchId, be32(position))
}

const EMPTY = new Uint8Array()
const STEP_ENTRIES = 64

export class Indexer {
  readonly #store: Store
  readonly #ledger: () => Ledger
  readonly #subjectKey: Uint8Array
  readonly #size: () => bigint
  #cursor = 0n
  #running: Promise<void> | undefined
  #closed = false
  #waiting: (() => void)[] = []

  constructor(options: { store: Store; ledger: () => Ledger; subjectKey: Uint8Array; size: () => bigint }) {
    this.#store = options.store
    this.#ledger = options.ledger
    this.#subjectKey = options.subjectKey
    this.#size = options.size
  }

  /** Number of entries indexed. */
  get cursor(): bigint {
    return this.#cursor
  }

  async load(): Promise<void> {
    const stored = await this.#store.get(indexedKey)
    this.#cursor = stored ? fromBe64(stored) : 0n
  }

  /** Goes on in the background; call after each append. */
  kick(): void {
    if (this.#running || this.#closed) return
    this.#running = this.#run().catch(() => undefined).finally(() => {
      this.#running = undefined
      if (!this.#closed && this.#cursor < this.#size()) setImmediate(() => this.kick())
    })
  }

  /** Resolves when everything appended so far is indexed. */
  async caughtUp(): Promise<void> {
    while (!this.#closed && this.#cursor < this.#size()) {
      this.kick()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    this.#wake()
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#cursor < this.#size()) {
      await this.step()
      this.#wake()
      // Others first: nothing waits for the index.
      await new Promise((resolve) => setImmediate(resolve))
    }
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
      ops.push(...await this.#rowsOf(index, bytes))
      if (ops.length < 4_000 && i + 1 < entries.length) continue
      ops.push({ key: indexedKey, value: be64(index + 1n) })
      await this.#store.write(ops)
      this.#cursor = index + 1n
      ops = []
      if (this.#closed) return
    }
  }

  async #rowsOf(index: bigint, bytes: Uint8Array): Promise<Op[]> {
    const entry = parseEntry(bytes)
    if (!entry.verdict.accepted) return []
    const batch = openHeader(entry.header)
    const { header } = batch
    if (!understood(header) || !['evaluation', 'recognition', 'record'].includes(header.kind)) return []
    const ledger = this.#ledger()
    if (!ledger.routes(header, entry.source).kept) return []
    const stored = await this.#store.get(bodyKey(index))
    if (!stored) return []
    const body = parseBody(stored)
    const own = entry.source.kind === 'self' || entry.source.kind === 'client'
    const rows: Op[] = []
    for (let position = 0; position < body.count; position++) {
      const record = recordAt(body, position)
      if (record) rows.push(...recordRows({ batch, index, position, record, own, subjectKey: this.#subjectKey }))
    }
    return rows
  }
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

function short(bytes: Uint8Array): Uint8Array {
  return Buffer.from(hash('sha256', bytes, 'hex').slice(0, 32), 'hex')
}

