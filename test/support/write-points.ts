/**
 * Every write that a node makes, counted as it makes it, and one of them made to fail: so a test runs once
 * without a fault, learns where the node writes, and then fails each of those writes in every way. What
 * is written new is in the table by itself.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { HuxinError } from '../../src/base/errors.ts'
import type { CheckpointSlot } from '../../src/log/slot.ts'
import { keyText } from '../../src/store/keys.ts'
import type { Op, Store } from '../../src/store/store.ts'
import type { Wraps } from './ports.ts'

/**
 * How a write fails. `lost`: not done. `kept`: done, and answered with an error. A file may be `torn` too:
 * begun, with this part of what changed.
 */
export type Failing = 'lost' | 'kept' | { readonly torn: number }

/** A write: what it writes, and how often that was written before. */
export interface Point {
  readonly what: string
  readonly nth: number
  /** A file, not the database. */
  readonly file: boolean
}

export interface Fault {
  readonly point: Point
  readonly how: Failing
  /** The machine stops here: nothing is written any more. Otherwise the disk is well as soon as it is opened again. */
  readonly fatal: boolean
}

export const pointName = ({ what, nth }: Point): string =>
  `${what}${nth === 0 ? '' : ` again (${nth})`}`

export class WritePoints {
  readonly points: Point[] = []
  /** Every checkpoint that was signed, in order. */
  readonly signed: Uint8Array[] = []
  /** What failed; '' until then. */
  hit = ''
  readonly #fault: Fault | undefined
  readonly #ignored: RegExp
  readonly #counts = new Map<string, number>()
  /** Nothing is written: for good, or until the database is opened again. */
  #dead = false

  /** `ignored` are writes that come by the clock and are no points. */
  constructor(fault?: Fault, ignored = /^$/) {
    this.#fault = fault
    this.#ignored = ignored
  }

  /** What the node is started with; `checkpoint` is the file of its slot. */
  options(checkpoint: string): Wraps {
    return {
      wrapStore: (store) => this.#store(store),
      wrapSlot: (slot) => this.#slot(slot, checkpoint),
    }
  }

  #store(store: Store): Store {
    const through = (
      method: string,
      what: () => string,
      write: () => Promise<void>,
    ): Promise<void> => this.#write({ what: `${method} ${what()}`, file: false }, write)
    return {
      ...store,
      commit: (ops, expect) =>
        through(
          'commit',
          () => tablesOf(ops),
          () => store.commit(ops, expect),
        ),
      write: (ops) =>
        through(
          'write',
          () => tablesOf(ops),
          () => store.write(ops),
        ),
      clear: (range) =>
        through(
          'clear',
          () => tablesOf([{ key: range.gte, value: undefined }]),
          () => store.clear(range),
        ),
      destroyDeleted: (range) =>
        through(
          'destroy',
          () => tablesOf([{ key: range.gte, value: undefined }]),
          () => store.destroyDeleted(range),
        ),
      reopen: async () => {
        if (this.#fault?.fatal) this.#refuse()
        this.#dead = false
        await store.reopen()
      },
    }
  }

  #slot(slot: CheckpointSlot, file: string): CheckpointSlot {
    return {
      ...slot,
      write: (note) => {
        this.signed.push(note)
        return this.#write({ what: 'checkpoint', file: true }, () => slot.write(note), file)
      },
    }
  }

  async #write(
    { what, file }: Omit<Point, 'nth'>,
    write: () => Promise<void>,
    path = '',
  ): Promise<void> {
    if (this.#dead) this.#refuse()
    if (this.#ignored.test(what)) return write()
    const nth = this.#counts.get(what) ?? 0
    this.#counts.set(what, nth + 1)
    this.points.push({ what, nth, file })
    const { point, how, fatal } = this.#fault ?? {}
    if (what !== point?.what || nth !== point.nth) return write()
    this.hit = pointName(point)
    // A database that failed once fails until it is opened again; a file does not.
    this.#dead = fatal === true || !file
    if (how === 'kept') await write()
    else if (typeof how === 'object') await tear(path, how.torn, write)
    this.#refuse()
  }

  #refuse(): never {
    throw new HuxinError('store_failed', 'the disk did not write: Input/output error')
  }
}

/** The tables that ops write into, and the names of what has one. */
function tablesOf(ops: readonly Op[]): string {
  return [
    ...new Set(
      ops.map(
        ({ key }) => /^(?:meta [a-z]+|state [a-z]+|[A-Za-z]+)/.exec(keyText(key))?.[0] ?? '?',
      ),
    ),
  ]
    .sort()
    .join(', ')
}

/** Does a write to a file and takes back what lies after the given part of the bytes that it changed. */
async function tear(file: string, part: number, write: () => Promise<void>): Promise<void> {
  const before = await readFile(file)
  await write()
  const after = await readFile(file)
  const changed = [...after.keys()].filter((i) => after[i] !== (before[i] ?? 0))
  const cut = changed[Math.floor(changed.length * part)] ?? 0
  const old = Buffer.alloc(after.length)
  before.copy(old)
  await writeFile(file, Buffer.concat([after.subarray(0, cut), old.subarray(cut)]))
}
