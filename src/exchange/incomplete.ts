/**
 * Batches that came without their records although this node should have them, and the alarm that stands for each origin
 * while one of them lacks a record: until that is here, or an amendment erased or withdrew it, or the batch was
 * refused from above. Rows of the store name them, so that the alarm stands again after a start.
 */
import { civilDate, type Clock } from '../base/clock.ts'
import { text } from '../base/text.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { isInEffect } from '../ledger/amendments.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { checkedValue } from '../store/checked.ts'
import { bodyKey, entryKey, indexAtEnd, indexKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { defineRows, hasCheckValue, indexKeys } from '../store/rows.ts'
import type { Alarms } from '../alarm/alarms.ts'

/** Log indexes of such batches. */
export const incompleteRows = defineRows({
  table: 'meta',
  name: 'incomplete',
  keys: indexKeys,
  check: hasCheckValue(),
})

function rowKey(index: bigint): Uint8Array {
  return indexKey(incompleteRows.prefix, index)
}

export interface IncompleteOptions {
  readonly ledger: () => Ledger
  readonly store: Store
  readonly alarms: Alarms
  readonly clock: Clock
}

export class Incomplete {
  readonly #options: IncompleteOptions
  /** Log indexes by origin, in the order in which they came; the first one is looked at. */
  readonly #waiting = new Map<string, bigint[]>()
  #loaded = false

  constructor(options: IncompleteOptions) {
    this.#options = options
  }

  /** The row of the commit that takes such a batch. */
  op(index: bigint): Op {
    return { key: rowKey(index), value: checkedValue(rowKey(index), new Uint8Array()) }
  }

  /** A batch that is in the log at `index` came without its records. */
  add(index: bigint, batch: SealedHeader): void {
    const { origin } = batch.header
    const indexes = this.#waiting.get(origin) ?? []
    this.#waiting.set(origin, indexes)
    indexes.push(index)
    if (indexes.length === 1) this.#say(batch, 0)
  }

  /** Looks whether what was missing is still missed, and ends the alarms for which it is not. */
  async review(): Promise<void> {
    if (!this.#loaded) await this.#load()
    const found: Op[] = []
    for (const [origin, indexes] of this.#waiting) {
      let lacking: SealedHeader | undefined
      while (indexes.length > 0 && !lacking) {
        lacking = await this.#lacking(indexes[0]!)
        if (!lacking) found.push({ key: rowKey(indexes.shift()!), value: undefined })
      }
      if (lacking) this.#say(lacking, indexes.length - 1)
      else {
        this.#waiting.delete(origin)
        this.#options.alarms.clear('incomplete', origin)
      }
    }
    if (found.length > 0) await this.#options.store.write(found)
  }

  /** Those of before the start come first. */
  async #load(): Promise<void> {
    const { store } = this.#options
    const waiting = new Map<string, bigint[]>()
    for (const [key] of await store.range(incompleteRows.range)) {
      const index = indexAtEnd(key)
      const bytes = await store.get(entryKey(index))
      if (!bytes) continue
      const { origin } = parseHeaderNote(parseEntry(bytes).header).header
      const indexes = waiting.get(origin) ?? []
      waiting.set(origin, indexes)
      indexes.push(index)
    }
    for (const [origin, indexes] of waiting) {
      const since = this.#waiting.get(origin) ?? []
      this.#waiting.set(origin, [...indexes.filter((index) => !since.includes(index)), ...since])
    }
    this.#loaded = true
  }

  #say({ idText, header: { origin, records } }: SealedHeader, more: number): void {
    this.#options.alarms.raise(
      'incomplete',
      origin,
      text`some of the ${records} records of batch ${idText} of ${origin}, or all, are not here, and nobody on their way has them any more: ask the origin to publish them again and to erase this batch${
        more === 0 ? '' : text`; ${more} batches after it came without records too`
      }`,
    )
  }

  /** The batch at an index, when it still lacks a record that is wanted here. */
  async #lacking(index: bigint): Promise<SealedHeader | undefined> {
    const { ledger, store, clock } = this.#options
    const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    // What is missing altogether is damage, which the scrub says.
    if (!bytes || !stored) return undefined
    const batch = parseHeaderNote(parseEntry(bytes).header)
    if ((await ledger().known(batch.id))?.refused) return undefined
    const today = civilDate(clock.nowMs())
    const amended = await ledger().amendments(batch.id, batch.header.origin)
    const unwanted = new Set(
      amended
        .filter(
          (row) =>
            row.action === AmendmentAction.ERASE ||
            (row.action === AmendmentAction.WITHDRAW && isInEffect(row, today)),
        )
        .map(({ position }) => position),
    )
    const body = parseBody(stored)
    for (let i = 0; i < body.count; i++)
      if (recordAt(body, i) === undefined && !unwanted.has(i)) return batch
    return undefined
  }
}
