/**
 * Record ids that this node publishes and may not have indexed yet, 64 bits of their keyed hash each, in two generations. A
 * generation is forgotten when all of its batches are in the index, so whoever finds nothing here and nothing in the index
 * knows that an id is new. It says "perhaps" for one other id in many millions.
 */

/** Ids of a generation, after which the index has to catch up with the one before: 8 megabytes each. */
const IDS_MAX = 1 << 19
const SLOTS_MIN = 1 << 12
/** Hashes are as good as random: 0 for both halves is none. */
const EMPTY = 0

/** Batches that are being published. */
type UnderWay = Set<Promise<void>>

export class RecentIds {
  #older: { ids: Ids; underWay: UnderWay } = { ids: new Ids(), underWay: new Set() }
  #newer: { ids: Ids; underWay: UnderWay } = { ids: new Ids(), underWay: new Set() }

  /** Forgets what the index has. `isIndexed` says that it has everything that was logged. */
  forget(isIndexed: boolean): void {
    if (!isIndexed || this.#older.underWay.size + this.#newer.underWay.size > 0) return
    this.#older.ids.clear()
    this.#newer.ids.clear()
  }

  /** Makes room for more ids: waits until the older ones are in the index. */
  async makeRoom(indexed: () => Promise<void>): Promise<void> {
    while (this.#newer.ids.count >= IDS_MAX) {
      const { older, newer } = { older: this.#older, newer: this.#newer }
      await Promise.all(older.underWay)
      await indexed()
      if (this.#older !== older) continue
      this.#older = newer
      this.#newer = { ids: new Ids(), underWay: new Set() }
    }
  }

  /** Adds an id. @returns whether it was there, perhaps */
  add(first: number, second: number): boolean {
    return this.#newer.ids.add(first, second) || this.#older.ids.has(first, second)
  }

  /** A batch begins to be published. `before` gives those that began before it, while nothing else has run; `end` ends it. */
  begin(): { before: () => readonly Promise<void>[]; end: () => void } {
    const { underWay } = this.#newer
    let end = (): void => undefined
    const mine = new Promise<void>((resolve) => {
      end = () => {
        underWay.delete(mine)
        resolve()
      }
    })
    underWay.add(mine)
    return {
      before: () => [...this.#older.underWay, ...underWay].filter((one) => one !== mine),
      end,
    }
  }
}

/** A set of ids. */
class Ids {
  /** Both halves of an id side by side. */
  #slots = new Uint32Array(2 * SLOTS_MIN)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** @returns whether it was there, perhaps */
  add(first: number, second: number): boolean {
    if (4 * this.#count >= this.#slots.length) this.#grow()
    const at = this.#find(first, second)
    if (this.#slots[at] === first && this.#slots[at + 1] === second) return true
    this.#slots[at] = first
    this.#slots[at + 1] = second
    this.#count++
    return false
  }

  has(first: number, second: number): boolean {
    if (this.#count === 0) return false
    const at = this.#find(first, second)
    return this.#slots[at] === first && this.#slots[at + 1] === second
  }

  clear(): void {
    if (this.#count === 0) return
    if (this.#slots.length > 2 * SLOTS_MIN) this.#slots = new Uint32Array(2 * SLOTS_MIN)
    else this.#slots.fill(EMPTY)
    this.#count = 0
  }

  /** Where an id stands, or would. */
  #find(first: number, second: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let at = (2 * first) & mask
    while (
      (slots[at] !== first || slots[at + 1] !== second) &&
      (slots[at] !== EMPTY || slots[at + 1] !== EMPTY)
    )
      at = (at + 2) & mask
    return at
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Uint32Array(2 * before.length)
    for (let i = 0; i < before.length; i += 2) {
      if (before[i] === EMPTY && before[i + 1] === EMPTY) continue
      const at = this.#find(before[i]!, before[i + 1]!)
      this.#slots[at] = before[i]!
      this.#slots[at + 1] = before[i + 1]!
    }
  }
}
