/**
 * Which records this node published before, byte for byte, for the same provider under the same item, to everybody to whom they
 * are to go now: importing a file again adds
 * nothing. A record id leads to the places where it may stand, and the bytes there are compared. Files
 * are imported in their order, so that the record after one that was found is looked at first, and a body is
 * read once for all of its records. What was refused or erased since may be published again.
 */
import { equalBytes } from '../base/bytes.ts'
import { parseEntry } from '../batch/entry.ts'
import { recordAt, type RecordSpans, recordSpans } from '../batch/body.ts'
import type { BatchHeader } from '../batch/header.ts'
import { openHeader } from '../batch/seal.ts'
import { isIndexed, recordIdentity } from '../ledger/record-rows.ts'
import type { Identity } from '../ledger/segments.ts'
import { peekRecord } from '../record/peek.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import { targetWithin } from '../topology/target.ts'
import type { Context } from './context.ts'

/** From so many records on it pays to sift first. */
const SIFT_MIN = 16
/** Bodies kept while one request is answered: a megabyte or two in most. */
const BODIES_MAX = 4

/** Under which records are to be published. */
export interface Publishing {
  readonly item: string | undefined
  readonly provider: string
  readonly targets: readonly string[]
}

/** For each record, whether it was published here before and still stands. */
export async function findExisting(context: Context, publishing: Publishing, records: readonly Uint8Array[]): Promise<boolean[]> {
  await context.indexer.caughtUp()
  const sieve = records.length < SIFT_MIN ? undefined : await context.indexer.sieve()
  const mayStand = (identity: Identity): boolean => sieve?.mayHave(identity) ?? true
  const search = new Search(context, publishing)
  const standing: boolean[] = []
  for (const record of records) standing.push(await search.stands(record, mayStand))
  return standing
}

class Search {
  readonly #context: Context
  readonly #publishing: Publishing
  /** Bodies of batches that count, by log index; undefined for those that do not. */
  readonly #bodies = new Map<bigint, RecordSpans | undefined>()
  /** Where the next record of a file should be. */
  #body: RecordSpans | undefined
  #position = 0

  constructor(context: Context, publishing: Publishing) {
    this.#context = context
    this.#publishing = publishing
  }

  async stands(record: Uint8Array, mayStand: (identity: Identity) => boolean): Promise<boolean> {
    if (this.#body && this.#isAt(this.#body, this.#position, record)) return true
    const peek = peekRecord(record)
    if (!peek) return false
    const identity = recordIdentity(this.#context.subjectKey, peek.recordId)
    if (!mayStand(identity)) return false
    for (const { index, position } of await this.#context.indexer.find('recordId', identity)) {
      const body = await this.#bodyOf(index)
      if (body && this.#isAt(body, position, record)) return true
    }
    return false
  }

  #isAt(body: RecordSpans, position: number, record: Uint8Array): boolean {
    const there = position < body.count ? recordAt(body, position) : undefined
    if (!there || !equalBytes(there, record)) return false
    this.#body = body
    this.#position = position + 1
    return true
  }

  /** The body at a log index, when its batch was published here as these records are to be, and stands. */
  async #bodyOf(index: bigint): Promise<RecordSpans | undefined> {
    if (this.#bodies.has(index)) return this.#bodies.get(index)
    if (this.#bodies.size >= BODIES_MAX) this.#bodies.delete(this.#bodies.keys().next().value!)
    const body = await this.#read(index)
    this.#bodies.set(index, body)
    return body
  }

  async #read(index: bigint): Promise<RecordSpans | undefined> {
    const { store, ledger } = this.#context
    const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    if (!bytes || !stored) return undefined
    const { verdict, header } = parseEntry(bytes)
    const batch = openHeader(header)
    // By the origin, not by the way: what came back after a recovery was published here too.
    if (!verdict.accepted || !isIndexed(batch) || batch.header.origin !== ledger().self || !this.#isAsWell(batch.header)) return undefined
    return (await ledger().known(batch.id))?.refused === false ? recordSpans(stored) : undefined
  }

  /** The same item and provider, and targets that reach as far; this node has what it published. */
  #isAsWell({ item, provider, lanes }: BatchHeader): boolean {
    const { federation, selfId } = this.#context.ledger()
    const { item: wanted, provider: answering, targets } = this.#publishing
    return item === wanted && provider === answering && targets.every((target) => target === selfId || lanes.some((lane) => targetWithin(target, lane.target, federation)))
  }
}
