/**
 * What can only be judged in the order of the log: statements extend a chain, amendments name a batch. What kinds say of it
 * is asked with what a round of the writer knows.
 * Runs inside a round of the writer.
 */
import type { Body } from '../batch/body.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import { decodeKnown, type Ledger } from '../ledger/ledger.ts'
import { batchKey, entryKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { Kinds } from '../verdict/kind.ts'
import type { Refused } from '../verdict/refusal.ts'
import type { Recent } from '../commit/recent.ts'
import type { RoundView } from '../commit/writer.ts'

export interface InOrderOptions {
  readonly kinds: Kinds
  readonly ledger: () => Ledger
  readonly store: Store
  readonly recent: Recent
  /** Two statements of a member with one serial, signed by the same members: keeps the evidence. */
  readonly onConflict: (
    earlier: Uint8Array,
    later: Uint8Array,
    signers: readonly string[],
  ) => Promise<void>
}

/** The first entry of a batch. */
export interface Placed {
  readonly index: bigint
  readonly entry: Entry
  readonly batch: SealedHeader
}

export class InOrder {
  readonly #options: InOrderOptions

  constructor(options: InOrderOptions) {
    this.#options = options
  }

  /** What can only be judged in the order of the log, by what the kind says. */
  async judge(
    header: BatchHeader,
    body: Body,
    view: RoundView,
    rules: string,
  ): Promise<Refused | undefined> {
    const { kinds, onConflict } = this.#options
    return kinds.of(header)?.judgeInOrder?.({
      ledger: this.#options.ledger(),
      kinds,
      header,
      body,
      rules,
      keepConflict: onConflict,
      headerOf: async (id) => (await this.placed(id, view))?.batch.header,
    })
  }

  /** The first entry of a batch, also when this very round puts it. */
  async placed(id: Uint8Array, view: RoundView): Promise<Placed | undefined> {
    const row = await view.get(batchKey(id))
    const index = row && decodeKnown(row).indexes[0]
    if (index === undefined) return undefined
    const there = this.#options.recent.entry(index)
    if (there) return { index, entry: there.entry, batch: there.batch }
    const bytes = await this.#options.store.get(entryKey(index))
    if (!bytes) return undefined
    const entry = parseEntry(bytes)
    return { index, entry, batch: parseHeaderNote(entry.header) }
  }
}
