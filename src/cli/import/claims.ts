/**
 * What rows of one file say of one thing, where another row may say it too: a record id, or the result of a subject for a field
 * and period. Held in flat arrays, 36 bytes a claim, so that millions of rows that repeat others fit.
 */

/** One thing that a row says, and of what. Keys, content and record ids are hashes, of which 64 or 32 bits are kept. */
export interface Claim {
  readonly key: Buffer
  readonly kind: 'record id' | 'result'
  readonly content: Buffer
  readonly recordId: Buffer
  /** Grade and score of a result, as a person is told. */
  readonly said: string
}

/** Two rows that cannot both be meant. */
export interface Pair {
  readonly lines: readonly [number, number]
  readonly said: readonly [string, string]
}

const SLOTS_MIN = 1 << 12
/** Slots at most; three quarters of them are used. */
const SLOTS_MAX = 1 << 22
/** Words of a slot: key, content of the first row, its record id, lines of both rows, what both say. */
const WORDS = 9
const [KEY, CONTENT, RECORD_ID, LINE, LINE_OTHER, SAID, SAID_OTHER] = [0, 2, 4, 5, 6, 7, 8]
/** Different results that are told by their words; what comes after is told without. */
const SAID_MAX = 10_000

/** Claims that more than one row may make. */
export class Claims {
  readonly #slotsMax: number
  #words = new Uint32Array(SLOTS_MIN * WORDS)
  #slots = SLOTS_MIN
  #count = 0
  #pairs = 0
  readonly #said: string[] = ['']
  readonly #saidAt = new Map<string, number>([['', 0]])

  constructor(slotsMax = SLOTS_MAX) {
    this.#slotsMax = slotsMax
  }

  get size(): number {
    return this.#count
  }

  /** How many claims are made with different contents. */
  get pairs(): number {
    return this.#pairs
  }

  /** Notes a key. @returns false when there is no room */
  add(key: Buffer): boolean {
    if (this.#find(key) >= 0) return true
    if (4 * (this.#count + 1) > 3 * this.#slots && !this.#grow()) return false
    this.#put(key.readUInt32LE(0), key.readUInt32LE(4))
    this.#count++
    return true
  }

  /** What a row says; the first row that says another thing than the first of all makes a pair. */
  compare(line: number, { key, kind, content, recordId, said }: Claim): void {
    const at = this.#find(key)
    if (at < 0 || this.#words[at + LINE_OTHER] !== 0) return
    const words = this.#words
    const [high, low, id] = [
      content.readUInt32LE(0),
      content.readUInt32LE(4),
      recordId.readUInt32LE(0),
    ]
    if (words[at + LINE] === 0) {
      words.set([high, low, id, line], at + CONTENT)
      words[at + SAID] = this.#keep(said)
    } else if (
      (words[at + CONTENT] !== high || words[at + CONTENT + 1] !== low) &&
      (kind === 'record id' || words[at + RECORD_ID] !== id)
    ) {
      words[at + LINE_OTHER] = line
      words[at + SAID_OTHER] = this.#keep(said)
      this.#pairs++
    }
  }

  /** The pair of rows that a claim is part of. */
  pairOf(key: Buffer): Pair | undefined {
    const at = this.#find(key)
    if (at < 0 || this.#words[at + LINE_OTHER] === 0) return undefined
    const words = this.#words.subarray(at, at + WORDS)
    return {
      lines: [words[LINE]!, words[LINE_OTHER]!],
      said: [this.#said[words[SAID]!]!, this.#said[words[SAID_OTHER]!]!],
    }
  }

  #keep(said: string): number {
    const known = this.#saidAt.get(said)
    if (known !== undefined) return known
    if (this.#said.length >= SAID_MAX) return 0
    this.#saidAt.set(said, this.#said.push(said) - 1)
    return this.#said.length - 1
  }

  /** Where the words of a key begin; -1 when it is not there. A key of zeros is none: hashes are not. */
  #find(key: Buffer): number {
    const [high, low] = [key.readUInt32LE(0), key.readUInt32LE(4)]
    for (let slot = low & (this.#slots - 1); ; slot = (slot + 1) & (this.#slots - 1)) {
      const at = slot * WORDS
      if (this.#words[at + KEY] === high && this.#words[at + KEY + 1] === low) return at
      if (this.#words[at + KEY] === 0 && this.#words[at + KEY + 1] === 0) return -1
    }
  }

  #put(high: number, low: number): number {
    let slot = low & (this.#slots - 1)
    while (this.#words[slot * WORDS + KEY] !== 0 || this.#words[slot * WORDS + KEY + 1] !== 0)
      slot = (slot + 1) & (this.#slots - 1)
    this.#words[slot * WORDS + KEY] = high
    this.#words[slot * WORDS + KEY + 1] = low
    return slot * WORDS
  }

  /** Keys are noted before any row is compared: there is nothing else to move. */
  #grow(): boolean {
    if (this.#slots >= this.#slotsMax) return false
    const before = this.#words
    this.#slots *= 2
    this.#words = new Uint32Array(this.#slots * WORDS)
    for (let at = 0; at < before.length; at += WORDS)
      if (before[at + KEY] !== 0 || before[at + KEY + 1] !== 0)
        this.#put(before[at + KEY]!, before[at + KEY + 1]!)
    return true
  }
}
