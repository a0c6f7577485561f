/**
 * Where lanes stand: number and id of the newest batch of each. Read through the store, with the newest few in memory, so
 * that a lane on which nothing passes costs no memory and a start reads none of them.
 *
 * A lane is opened by its first accepted batch: until then it has no row of its own, and where it stands is told by its
 * numbers, which refused batches have too. So nobody opens lanes with what is refused.
 */
import { be64, concat, fromBe64, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { entryKey, prefixRange, tables, textKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'

/** Newest batch of a lane. */
export interface LaneHead {
  readonly number: bigint
  readonly id: Uint8Array
}

/** Where a lane stands. */
export interface Standing extends LaneHead {
  /** Some batch of it was accepted, or it stood so when this node was admitted. */
  readonly open: boolean
}

/** The store as the writer's round leaves it so far. */
export interface LaneView {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  readonly staged: (prefix: Uint8Array) => readonly Op[]
}

export interface LanesOptions {
  readonly store: Reader
  /** Heads of the lanes valid at this node's admission. */
  readonly genesis: ReadonlyMap<string, LaneHead>
  /** Holds all of them and reads no store: for a fold that begins with entry 0. */
  readonly whole: boolean
}

/** Lanes of one generation of the cache; there are two. More than a header has. */
const GENERATION = 4_096
const PAGE = 1_000

export class Lanes {
  readonly #options: LanesOptions
  #young = new Map<string, Standing | undefined>()
  #old = new Map<string, Standing | undefined>()

  constructor(options: LanesOptions) {
    this.#options = options
  }

  /** Where a lane stands, as far as memory knows: call it in the same turn of the writer after `find`, or where a fold holds all. */
  get(lane: string): Standing | undefined {
    const held = this.#young.get(lane) ?? this.#old.get(lane)
    return held ?? (this.#options.whole ? this.#admitted(lane) : undefined)
  }

  /** Where a lane stands for a decision of the writer, and keeps it in memory. */
  async find(lane: string, view: LaneView): Promise<Standing | undefined> {
    if (this.#options.whole || this.#young.has(lane)) return this.get(lane)
    const found = this.#old.has(lane) ? this.#old.get(lane) : await this.#stored(lane, view)
    // What was set meanwhile is newer.
    if (!this.#young.has(lane)) this.#hold(lane, found)
    return this.get(lane)
  }

  /** Where a lane stands, for whoever asks outside of a round. */
  async read(lane: string): Promise<Standing | undefined> {
    if (this.#options.whole || this.#young.has(lane) || this.#old.has(lane)) return this.get(lane)
    return this.#stored(lane, undefined)
  }

  set(lane: string, standing: Standing): void {
    if (this.#options.whole) this.#young.set(lane, standing)
    else this.#hold(lane, standing)
  }

  /** Heads of the opened lanes whose names begin so, a piece at a time; those of the admission on which nothing came since are first. */
  async *heads(begin = ''): AsyncGenerator<readonly [string, LaneHead]> {
    const { store, genesis } = this.#options
    for (const [lane, head] of genesis) {
      if (lane.startsWith(begin) && !(await store.get(textKey(tables.lane, lane))))
        yield [lane, head]
    }
    const { gte, lt } = prefixRange(concat(tables.lane, utf8(begin)))
    for (let from = gte; ;) {
      const rows = await store.range({ gte: from, lt, limit: PAGE })
      for (const [key, value] of rows)
        yield [Buffer.from(key.subarray(1)).toString(), decodeLaneHead(value)]
      if (rows.length < PAGE) return
      from = concat(rows.at(-1)![0], Uint8Array.of(0))
    }
  }

  /** How many lanes whose names begin so are opened, counted up to `max`. */
  async count(begin: string, max: number): Promise<number> {
    let count = 0
    for await (const head of this.heads(begin)) if (head && ++count >= max) break
    return count
  }

  #hold(lane: string, standing: Standing | undefined): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(lane, standing)
  }

  #admitted(lane: string): Standing | undefined {
    const head = this.#options.genesis.get(lane)
    return head && { ...head, open: true }
  }

  async #stored(lane: string, view: LaneView | undefined): Promise<Standing | undefined> {
    const row = await (view ?? this.#options.store).get(textKey(tables.lane, lane))
    if (row) return { ...decodeLaneHead(row), open: true }
    return this.#admitted(lane) ?? this.#unopened(lane, view)
  }

  /** The newest number of a lane in which everything was refused so far. */
  async #unopened(lane: string, view: LaneView | undefined): Promise<Standing | undefined> {
    const { store } = this.#options
    const prefix = lanePrefix(lane)
    const [last] = await store.range({ ...prefixRange(prefix), limit: 1, reverse: true })
    const rows = [
      ...(last ? [last] : []),
      ...(view?.staged(prefix) ?? []).map(({ key, value }): [Uint8Array, Uint8Array] => [
        key,
        value!,
      ]),
    ]
    let newest: { number: bigint; index: bigint } | undefined
    for (const [key, value] of rows) {
      const number = fromBe64(key, key.length - 8)
      if (!newest || number > newest.number) newest = { number, index: fromBe64(value) }
    }
    if (!newest) return undefined
    const entry = await store.get(entryKey(newest.index))
    // It is in the round under way, and memory had no room for it: what comes next waits for that round.
    if (!entry)
      throw new HuxinError(
        'overloaded',
        text`too many lanes at once: send the next batch of lane ${lane} in a moment`,
      )
    return { number: newest.number, id: parseHeaderNote(parseEntry(entry).header).id, open: false }
  }
}

/** Key prefix of one lane's numbers. */
export function lanePrefix(lane: string): Uint8Array {
  return concat(tables.laneIndex, utf8(lane), Uint8Array.of(0))
}

export function decodeLaneHead(value: Uint8Array): LaneHead {
  return { number: fromBe64(value), id: value.subarray(8) }
}

export function encodeLaneHead({ number, id }: LaneHead): Uint8Array {
  return concat(be64(number), id)
}
