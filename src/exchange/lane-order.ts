/**
 * Lanes: the batches of one origin, epoch, target and class are numbered densely and each names the one
 * before, so that a batch left out, reordered or forked is noticed wherever the lane passes. Runs inside
 * a round of the writer.
 */
import { equalBytes, fromBe64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type EntrySource, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import type { Ledger, PassingLane } from '../ledger/ledger.ts'
import { checkedValue } from '../store/checked.ts'
import { entryKey, laneIndexKey, tables, textKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { defineRows, hasCheckValue } from '../store/rows.ts'
import { laneKey } from '../topology/lane.ts'
import type { Recent } from '../commit/recent.ts'
import type { RoundView } from '../commit/writer.ts'

/** Origin → the batch for which it is under quarantine. */
export const quarantineRows = defineRows({ table: 'quarantine', check: hasCheckValue() })

export interface LaneOrderOptions {
  readonly ledger: () => Ledger
  readonly store: Store
  readonly recent: Recent
  /** True while this node takes back what it lost: erased bodies are taken as they are. */
  readonly recovering: () => boolean
  /** Two different batches with one number of a lane: keeps the evidence. */
  readonly onFork: (first: Uint8Array, second: Uint8Array, lane: string) => Promise<void>
  /** A recipient sees a lane skip a number. */
  readonly onGap: (lane: string, number: bigint, source: EntrySource) => void
}

/** Two different batches with one number of a lane: what becomes durable in this round before the error is answered. */
export interface Fork {
  readonly error: HuxinError
  readonly ops: readonly Op[]
  /** Changes memory; for when the round is durable. */
  remember(): void
}

export class LaneOrder {
  readonly #options: LaneOrderOptions

  constructor(options: LaneOrderOptions) {
    this.#options = options
  }

  /**
   * Every lane that passes here continues with this batch.
   * @returns the fork that was found; undefined when there is none
   * @throws HuxinError lane_gap
   */
  async continueLanes(
    batch: SealedHeader,
    { source, givenBack = false }: { source: EntrySource; givenBack?: boolean },
    view: RoundView,
  ): Promise<Fork | undefined> {
    const { ledger, onGap, recovering } = this.#options
    for (const lane of ledger().passingLanes(batch.header, source)) {
      const { key, number, previous } = lane
      const head = await ledger().lanes.find(key, view)
      const next = head ? head.number + 1n : 0n
      if (number > next && lane.takenBack && (givenBack || recovering())) continue
      if (
        number < next &&
        lane.ownBranch &&
        (await this.#fillsHole(batch, { ...lane, givenBack }, view))
      )
        continue
      if (number > next) {
        onGap(key, next, source)
        throw new HuxinError(
          'lane_gap',
          text`lane ${key} stands at ${next} here, batch ${batch.idText} has number ${number}: send number ${next} first`,
          {
            details: { lane: key, expected: String(next), received: String(number) },
          },
        )
      }
      const forked =
        number < next ||
        (head !== undefined && (previous === undefined || !equalBytes(previous, head.id)))
      if (forked) return this.#fork(batch, lane, number < next ? number : next - 1n, view)
    }
    return undefined
  }

  /**
   * A number that was left out when the lane was taken back comes after all, from below: it must lie
   * between its neighbours. What a child gives back may lack the one before it, which another child has.
   * @returns false when the number is taken, or the batch is not the one between them
   * @throws HuxinError lane_gap when the one before it is missing too
   */
  async #fillsHole(
    batch: SealedHeader,
    { key, number, previous, takenBack, givenBack }: PassingLane & { readonly givenBack: boolean },
    view: RoundView,
  ): Promise<boolean> {
    const at = async (place: bigint): Promise<SealedHeader | undefined> => {
      const note = await this.#noteAt(key, place, view)
      return note && parseHeaderNote(note)
    }
    if (await view.get(laneIndexKey(key, number))) return false
    const [before, after] = [number > 0n ? await at(number - 1n) : undefined, await at(number + 1n)]
    const holeBefore = number > 0n && !before
    if (holeBefore && !(takenBack && givenBack)) {
      throw new HuxinError(
        'lane_gap',
        text`lane ${key} has a hole before ${number} here: send number ${number - 1n} first`,
        {
          details: { lane: key, expected: String(number - 1n), received: String(number) },
        },
      )
    }
    const follows = holeBefore
      ? previous !== undefined
      : before
        ? previous !== undefined && equalBytes(previous, before.id)
        : previous === undefined
    const named = after?.header.lanes.find(
      ({ target }) =>
        laneKey(after.header.origin, after.header.epoch, target, after.header.batchClass) === key,
    )?.previous
    return follows && (named === undefined || equalBytes(named, batch.id))
  }

  async #fork(
    batch: SealedHeader,
    { key: lane, number }: PassingLane,
    at: bigint,
    view: RoundView,
  ): Promise<Fork> {
    const { ledger, onFork } = this.#options
    const error = new HuxinError(
      'lane_fork',
      text`lane ${lane} has another batch at number ${number} than ${batch.idText}: the origin is put under quarantine`,
    )
    const first = await this.#noteAt(lane, at, view)
    if (!first) return { error, ops: [], remember: () => undefined }
    const { origin } = batch.header
    const key = textKey(tables.quarantine, origin)
    // In this order: a quarantine turns the second batch away, and nobody would see again what it is for.
    await onFork(first, batch.note, lane)
    return {
      error,
      ops: [{ key, value: checkedValue(key, batch.id) }],
      remember: () => void ledger().quarantined.add(origin),
    }
  }

  /** The signed header at a number of a lane, also of a batch that came earlier in this round. */
  async #noteAt(lane: string, number: bigint, view: RoundView): Promise<Uint8Array | undefined> {
    const row = await view.get(laneIndexKey(lane, number))
    const index = row && fromBe64(row)
    const bytes =
      index === undefined
        ? undefined
        : (this.#options.recent.bytes(index) ?? (await this.#options.store.get(entryKey(index))))
    return bytes && parseEntry(bytes).header
  }
}
