/**
 * What the kind of a batch says of its form, as plain data, and the table in which a node looks kinds up. The kinds
 * themselves are above (`kinds/`, a file each): what stands below is given their table and names none of them.
 */
import { type BatchClass } from '../topology/lane.ts'
import { type BatchHeader, OPTIONAL } from './header.ts'

/**
 * Reach of a kind: exactly `**`; its origin alone; nodes above its origin; or what its catalog item allows.
 * A control batch may always be addressed to its origin alone: then it stays there.
 */
export type Reach = 'everybody' | 'origin' | 'above' | 'item'

/** One kind of batch, as far as its form goes. */
export interface KindForm {
  readonly name: string
  /** In which it may travel. */
  readonly classes: readonly BatchClass[]
  readonly reach: Reach
  /** Whether a header whose further lines are these is understood; without it none is that has further lines. */
  readonly knowsLines?: (header: BatchHeader) => boolean
  /** Its records are found by record id and subject, amended, and erased. */
  readonly indexed?: true
  /** Departments publish it: its records are compared with what they published before. */
  readonly ofDepartments?: true
  /** A node logs it of itself and its persons: it is in no account, and what is born here counts as an act. */
  readonly ofItself?: true
  /** It is logged although the disk is nearly full: what makes room rests on it. */
  readonly evenWhenFull?: true
  /** Born at a node whose log was lost and told by nobody else, so that the next epoch publishes it again. */
  readonly takenOver?: true
  /** It brings members and their keys. */
  readonly bringsMembers?: true
  /** It may erase records. */
  readonly erases?: true
  /** It is the last of its log. */
  readonly endsLog?: true
}

/** The kinds that a node knows. */
export class KindTable<K extends KindForm> {
  readonly #kinds: ReadonlyMap<string, K>

  constructor(kinds: readonly K[]) {
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]))
    if (this.#kinds.size !== kinds.length) throw new RangeError('two kinds have one name')
  }

  get names(): readonly string[] {
    return [...this.#kinds.keys()]
  }

  /** A kind by its name alone. */
  get(name: string): K | undefined {
    return this.#kinds.get(name)
  }

  /** The kind of a batch that is understood; what is not is carried and not served. */
  of(header: BatchHeader): K | undefined {
    const kind = this.#inClass(header)
    return kind && (header.extra.length === 0 || kind.knowsLines?.(header) === true)
      ? kind
      : undefined
  }

  /** True when everything in a header that is not known says by its name that it may be carried unread. */
  isOptional(header: BatchHeader): boolean {
    return (
      (this.#inClass(header) !== undefined || header.kind.startsWith(OPTIONAL)) &&
      header.extra.every((line) => line.startsWith(OPTIONAL))
    )
  }

  #inClass({ kind: name, batchClass }: BatchHeader): K | undefined {
    const kind = this.#kinds.get(name)
    return kind?.classes.includes(batchClass) ? kind : undefined
  }
}
