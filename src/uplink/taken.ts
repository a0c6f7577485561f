/**
 * Up to when everything that the parent had of members and of changes to records was taken here. A class is taken when the
 * parent had nothing more of it to give, or when it is read as far as the parent's log was seen to go.
 */
import type { BatchClass } from '../topology/lane.ts'

/** The parent's log when it was seen to its end. */
export interface SeenLog {
  readonly log: string
  readonly size: bigint
  /** Milliseconds since 1970. */
  readonly ms: number
  /** Up to when the parent itself has what others did, milliseconds since 1970; 0 where it does not say. */
  readonly parentMs: number
}

/** What is asked of the follower: the log that it follows, and how far it was seen. */
interface Follows {
  readonly log: string
  readonly seen: SeenLog | undefined
}

/** What is asked of the puller of a class. */
interface Pulls {
  readonly batchClass: BatchClass
  readonly cursor: bigint
  /** When the parent had nothing more of it to give, milliseconds since 1970. */
  readonly emptyMs: number | undefined
}

/** Classes that say what holds of what was logged before. */
const SAYING: readonly string[] = ['control', 'amendment']

export class Taken {
  readonly #follower: Follows
  readonly #pullers: readonly Pulls[]
  /** Seen, and not read as far yet. */
  #reading: SeenLog | undefined
  #ms: number | undefined

  constructor(follower: Follows, pullers: readonly Pulls[]) {
    this.#follower = follower
    this.#pullers = pullers.filter(({ batchClass }) => SAYING.includes(batchClass))
  }

  /** Milliseconds since 1970; undefined until everything was taken for the first time. */
  ms(): number | undefined {
    const { log, seen } = this.#follower
    const reading = this.#reading?.log === log ? this.#reading : seen
    const read = reading?.log === log ? reading : undefined
    const classes = this.#pullers.map(({ cursor, emptyMs = 0 }) =>
      Math.max(emptyMs, read && cursor >= read.size ? read.ms : 0),
    )
    this.#reading =
      read && this.#pullers.every(({ cursor }) => cursor >= read.size) ? undefined : read
    const least = Math.min(...classes)
    if (least === 0 || !seen) return this.#ms
    this.#ms = Math.max(this.#ms ?? 0, seen.parentMs > 0 ? Math.min(least, seen.parentMs) : least)
    return this.#ms
  }
}
