/**
 * The spine: every leaf hash of the parent's log, so that the whole log is verified by extending one
 * frontier, two trees can never be shown, and what is withheld is still committed to. 32 bytes an
 * entry, kept in tiles of 256, so that a delivered entry can be compared whenever it comes.
 */
import { onAbort } from '../base/abort.ts'
import { be64, concat, equalBytes, fromBe64, hex, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { type Text, text } from '../base/text.ts'
import { witnessedOps } from '../witness/first-receipt.ts'
import { keepFork, onlyLinesOf } from '../witness/forks.ts'
import { witnessOp, witnessState } from '../witness/cosigning.ts'
import { keepReceipts } from '../witness/kept-receipts.ts'
import type { StoredReceipt } from '../witness/receipts.ts'
import { checkUpperReceipts } from '../witness/upper-receipts.ts'
import { BeginningProver, compareTrees } from '../merkle/beginning.ts'
import { continuesOp, frontierRows, readSpineTile } from '../witness/spine.ts'
import {
  appendLeaves,
  decodeFrontier,
  emptyFrontier,
  encodeFrontier,
  type Frontier,
  frontierRoot,
} from '../merkle/frontier.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import { parseVkey } from '../note/key.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { spineKey } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import type { ReadLogResponse } from '../gen/huxin/v1/exchange_service_pb.ts'
import type { ParentCalls } from './parent.ts'
import type { LinkOptions } from './link.ts'
import { Deferral } from './deferral.ts'
import { Pace } from './pace.ts'
import type { SeenLog } from './taken.ts'

/** Log → position of the next receipt that the parent gives. */
export const receiptCursorRows = defineRows({
  table: 'meta',
  name: 'receipts',
  keys: textKeys,
  check: hasCheckValue(8),
})

/** The parent's tree as verified here. */
export interface VerifiedTree {
  readonly size: bigint
  readonly root: Uint8Array
  readonly note: Uint8Array
}

/** Milliseconds between two readings of a parent's whole log in search of a fork. */
const DOUBT_MS = 3_600_000

/** Receipts after this position: none, so that the parent's answer waits for news of its log. */
const NO_RECEIPTS = 2n ** 63n - 1n
const NOTHING: VerifiedTree = { size: 0n, root: new Uint8Array(32), note: new Uint8Array() }

export class Follower {
  readonly #options: LinkOptions
  seen: SeenLog | undefined
  #log = ''
  #frontier: Frontier = emptyFrontier
  /** Of the log #loaded, as frontier and pending. */
  #verified: VerifiedTree = NOTHING
  /** Leaf hashes read and not yet under a verified checkpoint, from #verified.size on. */
  #pending: Uint8Array[] = []
  #receipts = 0n
  readonly #deferral: Deferral
  readonly #pace: Pace
  #loaded = ''
  /** The log that what is loaded goes on from, until something is kept under its own name. */
  #before: string | undefined
  #waiting = new Set<() => void>()
  /** Tiles used lately, by log and number. */
  readonly #tiles = new Map<string, Uint8Array>()
  /** When the parent's log was last read from its beginning because it did not extend the tree of `size`. */
  #doubted: { readonly size: bigint; readonly atMs: number; readonly proven: boolean } | undefined

  /** `passed` says up to where every class of the parent's log was read. */
  constructor(options: LinkOptions, passed: () => bigint) {
    this.#options = options
    this.#deferral = new Deferral(options.clock, passed)
    this.#pace = new Pace(options.clock)
  }

  /** Origin line of the parent's log that is followed. */
  get log(): string {
    return this.#log
  }

  /** Nothing while another log than before is being loaded. */
  get verified(): VerifiedTree {
    return this.#loaded === this.#log ? this.#verified : NOTHING
  }

  /** Says which log the parent has now; a new epoch is followed from its beginning. @returns true when it is another */
  follow(log: string): boolean {
    if (log === this.#log) return false
    this.#log = log
    this.#wake()
    return true
  }

  /** Follows until stopped. @throws HuxinError log_forked, and whatever a call throws */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    while (!signal.aborted) {
      if (this.#loaded !== this.#log) await this.#load()
      await this.#step(this.#loaded, signal)
      progress()
    }
  }

  /**
   * Waits until the entry at `index` of a log is verified, and compares it.
   * @returns false when the parent has another log by now: what it delivered of this one is to be forgotten
   * @throws HuxinError log_forked when the parent delivers another entry than its log has
   */
  async compare(
    log: string,
    index: bigint,
    leaf: Uint8Array,
    signal: AbortSignal,
  ): Promise<boolean> {
    while (log === this.#log && this.verified.size <= index) {
      if (signal.aborted) throw new HuxinError('not_ready', text`the node is stopping`)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          forget()
          resolve()
        }
        this.#waiting.add(wake)
        const forget = onAbort(signal, wake)
      })
    }
    if (log !== this.#log) return false
    const there = await this.#leaf(log, index)
    if (!equalBytes(there, leaf)) {
      throw new HuxinError(
        'log_forked',
        text`the parent delivered entry ${index} with leaf hash ${hex(leaf)}, its log has ${hex(there)} there`,
      )
    }
    return true
  }

  /** Makes the verified tree durable: call before cosigning it. */
  async flush(): Promise<VerifiedTree> {
    const { verified } = this
    // Both rows, which must stay of one size: a newer pair may be written before this one is.
    if (verified.note.length > 0) {
      const { context, clock } = this.#options
      const [log, frontier] = [this.#log, this.#frontier]
      const witnessed = await witnessedOps(context.store, log, verified.size, clock.nowMs())
      await context.writer.save([frontierOp(log, frontier), witnessOp(log, verified), ...witnessed])
    }
    return verified
  }

  /** `log` is what memory holds; the parent may be said to have another at any time, which is loaded after this. */
  async #step(log: string, signal: AbortSignal): Promise<void> {
    const { context, clock, keys } = this.#options
    const askedMs = clock.monotonicMs()
    const before = this.#receipts
    const start =
      this.#verified.size + BigInt(this.#pending.reduce((sum, piece) => sum + piece.length / 32, 0))
    const { answer, withReceipts } = await this.#ask(log, start, signal)
    const checkpoint = openCheckpoint(answer.checkpoint, [parseVkey(keys.noteVkey(log) ?? '')], log)
    if (withReceipts)
      await this.#keepReceipts(log, answer.upperReceipts, {
        next: answer.receiptsNext,
        size: checkpoint.size,
      })
    const tree = { size: checkpoint.size, root: checkpoint.root, note: answer.checkpoint }
    const have = start + BigInt(answer.leafHashes.length / 32)
    await this.#checkShown(log, tree, have)
    // Only now: what came with a bad answer is asked for again.
    if (answer.leafHashes.length > 0) this.#pending.push(answer.leafHashes)
    if (have === tree.size) {
      await this.#extend(log, tree, signal)
      this.#seeEnd(log, {
        size: tree.size,
        ms: context.trustedMs(),
        parentMs: Number(answer.confirmedMs),
      })
    }
    await this.#pace.rest({
      gotOn: have > start || this.#receipts !== before,
      sinceMs: askedMs,
      signal,
    })
  }

  /** The next piece of the parent's log. Receipts that could not be checked yet are left with the parent for a while. */
  async #ask(
    log: string,
    start: bigint,
    signal: AbortSignal,
  ): Promise<{ answer: ReadLogResponse; withReceipts: boolean }> {
    const deferMs = this.#deferral.restMs()
    const answer = await this.#options.calls.readLog(
      {
        start,
        limit: limits.spineLeavesMax,
        waitMs: deferMs > 0 ? Math.ceil(deferMs) : this.#waitMs(log),
        receiptsAfter: deferMs > 0 ? NO_RECEIPTS : this.#receipts,
      },
      signal,
    )
    if (answer.leafHashes.length % 32 !== 0)
      throw new HuxinError('argument_invalid', text`the parent sent a torn piece of its spine`)
    return { answer, withReceipts: deferMs === 0 }
  }

  /** The signed tree goes on from the verified one as far as its size says. @throws HuxinError log_behind | log_forked | proof_invalid */
  async #checkShown(log: string, tree: VerifiedTree, have: bigint): Promise<void> {
    const frozen = this.#options.context.ledger().frozen.get(log)
    if (frozen !== undefined && tree.size > frozen)
      await this.#beyond(log, { frozen, size: tree.size, note: tree.note })
    if (tree.size < this.#verified.size) {
      throw new HuxinError(
        'log_behind',
        text`the parent shows a log of ${tree.size} entries after one of ${this.#verified.size}`,
      )
    }
    if (
      tree.size === this.#verified.size &&
      this.#verified.note.length > 0 &&
      !equalBytes(tree.root, this.#verified.root)
    )
      await this.#fork(log, tree, [])
    if (have > tree.size)
      throw new HuxinError(
        'proof_invalid',
        text`the parent sent ${have} leaf hashes for a log of ${tree.size} entries`,
      )
  }

  /** Verifies what was gathered up to a signed tree, and keeps it. */
  async #extend(log: string, tree: VerifiedTree, signal: AbortSignal): Promise<void> {
    // What goes on from a frozen log is verified once under its own name, also before it grows.
    const unseen =
      tree.size > this.#verified.size || (tree.size > 0n && this.#verified.note.length === 0)
    if (!unseen) return
    const { context } = this.#options
    const grown = await this.#verify(log, tree, signal)
    await context.store.write(grown.ops)
    grown.remember()
    context.changes.announce(['spine'])
  }

  #seeEnd(log: string, { size, ms, parentMs }: Omit<NonNullable<Follower['seen']>, 'log'>): void {
    if (this.#verified.size !== size) return
    this.seen = { log, size, ms, parentMs }
    this.#wake()
  }

  /** Up to when this node has what others did is said by the end of the parent's log: until that was seen, no news are news too. */
  #waitMs(log: string): number {
    return this.seen?.log === log ? limits.pollWaitMsMax : 0
  }

  /** `remember` comes after the rows are written: what memory shows may be cosigned and so kept at any time. */
  async #verify(
    log: string,
    tree: VerifiedTree,
    signal: AbortSignal,
  ): Promise<{ ops: Op[]; remember(): void }> {
    const leaves = concat(...this.#pending)
    const frontier = appendLeaves(this.#frontier, leaves)
    // Not yet durable: the witness loop makes it so before it cosigns (flush).
    if (!equalBytes(frontierRoot(frontier), tree.root)) {
      await this.#doubt(log, tree, signal)
    }
    await this.#checkFrozen(log, tree, leaves)
    const tiles = await this.#grow(log, leaves)
    const ops = [
      ...[...tiles].map(([tile, value]) => ({ key: spineKey(log, tile), value })),
      frontierOp(log, frontier),
      witnessOp(log, tree),
      ...(this.#before === undefined ? [] : [continuesOp(log, this.#before)]),
    ]
    const remember = (): void => {
      this.#frontier = frontier
      this.#verified = tree
      this.#pending = []
      this.#before = undefined
      for (const [tile, value] of tiles) this.#keep(`${log} ${tile}`, value)
      this.#options.context.alarms.clear('parent_log')
    }
    return { ops, remember }
  }

  /** A log that goes on from frozen ones has their last trees on its way. */
  async #checkFrozen(log: string, tree: VerifiedTree, leaves: Uint8Array): Promise<void> {
    const from = this.#verified.size
    for (const { log: before, tree: frozen } of this.#options.keys.predecessors(log)) {
      if (frozen.size < from || frozen.size > tree.size) continue
      const root = frontierRoot(
        appendLeaves(this.#frontier, leaves.subarray(0, Number(frozen.size - from) * 32)),
      )
      if (equalBytes(root, frozen.root)) continue
      await this.#accuse(
        `successor-${log.replaceAll('/', '-')}-${frozen.size}.txt`,
        `The statement that begins ${log} says that ${before} was frozen at ${frozen.size} entries with the root ${hex(frozen.root)}; the leaves of ${log} give ${hex(root)} there.`,
        tree.note,
        text`${log} does not go on from the tree of ${frozen.size} entries at which ${before} was frozen by the word of its own statement`,
      )
    }
  }

  /** A frozen log that was signed beyond its final entry. */
  #beyond(
    log: string,
    { frozen, size, note }: { frozen: bigint; size: bigint; note: Uint8Array },
  ): Promise<never> {
    return this.#accuse(
      `frozen-${log.replaceAll('/', '-')}-${size}.txt`,
      `The log ${log} ended with its final entry, number ${frozen - 1n}, and signed a tree of ${size} entries.`,
      note,
      text`the parent shows ${size} entries of ${log}, which was frozen at ${frozen}`,
    )
  }

  async #accuse(file: string, proof: string, note: Uint8Array, alarm: Text): Promise<never> {
    const { context } = this.#options
    this.#pending = []
    await context.keepEvidence(
      file,
      utf8(
        `${proof}\nLast verified before:\n\n${Buffer.from(this.#verified.note).toString()}\nNow:\n\n${Buffer.from(note).toString()}`,
      ),
    )
    context.alarms.raise(
      'parent_log',
      '',
      text`${alarm}: evidence is kept, nothing more is taken from it`,
    )
    throw new HuxinError('log_forked', alarm)
  }

  /**
   * The parent's leaf hashes do not lead to the root that it signed. They may be wrong, or its log is another by
   * now: that shows when it is read from its beginning.
   */
  async #doubt(log: string, tree: VerifiedTree, signal: AbortSignal): Promise<never> {
    this.#pending = []
    const { context, calls, clock } = this.#options
    const from = this.#verified.size
    // Once an hour: it is the whole log.
    if (
      this.#verified.note.length > 0 &&
      (this.#doubted?.size !== from || clock.monotonicMs() - this.#doubted.atMs > DOUBT_MS)
    ) {
      const beginning = await readBeginning(
        calls,
        { oldSize: from, newSize: tree.size, receiptsAfter: this.#receipts },
        signal,
      )
      const proven = compareTrees(this.#verified, tree, beginning) === 'two'
      this.#doubted = { size: from, atMs: clock.monotonicMs(), proven }
      if (proven) await this.#fork(log, tree, beginning)
    }
    if (this.#doubted?.size === from && this.#doubted.proven)
      throw new HuxinError(
        'log_forked',
        text`the parent's log of ${tree.size} entries does not extend the one verified at ${from}, as it did not before`,
      )
    context.alarms.raise(
      'parent_log',
      '',
      text`the parent shows a log of ${tree.size} entries and does not show that it extends the one verified at ${from}: its leaf hashes do not have the root that it signed, which proves nothing; nothing more is taken from it`,
    )
    throw new HuxinError(
      'proof_invalid',
      text`the parent's log of ${tree.size} entries does not have the root that its leaf hashes give`,
    )
  }

  /** The parent signed two logs: the proof is kept, and nothing of the other one is taken. The alarm stands, whatever it shows next. */
  async #fork(
    log: string,
    { size, note }: VerifiedTree,
    beginning: readonly Uint8Array[],
  ): Promise<never> {
    this.#pending = []
    const { context, parent, keys } = this.#options
    const key = parseVkey(keys.noteVkey(log) ?? '')
    const file = await keepFork(context, parent, {
      log,
      first: onlyLinesOf(this.#verified.note, key),
      second: onlyLinesOf(note, key),
      beginning,
    })
    context.alarms.raise(
      'fork',
      parent,
      text`the parent signed a log of ${size} entries that does not extend the one verified at ${this.#verified.size}: ${file} proves it (huxin verify); nothing of it is taken`,
    )
    throw new HuxinError(
      'log_forked',
      text`the parent signed two different logs, of ${this.#verified.size} and of ${size} entries`,
    )
  }

  async #grow(log: string, leaves: Uint8Array): Promise<Map<bigint, Uint8Array>> {
    const changed = new Map<bigint, Uint8Array>()
    const from = this.#verified.size
    let at = 0
    for (let tile = from / 256n; at < leaves.length; tile++) {
      // A stored tile may hold more than was verified when the node stopped.
      const before =
        at === 0 && from % 256n !== 0n
          ? (await this.#tile(log, tile)).subarray(0, Number(from % 256n) * 32)
          : new Uint8Array()
      const room = 8192 - before.length
      const value = concat(before, leaves.subarray(at, at + room))
      at += room
      changed.set(tile, value)
    }
    return changed
  }

  async #leaf(log: string, index: bigint): Promise<Uint8Array> {
    const tile = await this.#tile(log, index / 256n)
    const at = Number(index % 256n) * 32
    return tile.subarray(at, at + 32)
  }

  async #tile(log: string, tile: bigint): Promise<Uint8Array> {
    const name = `${log} ${tile}`
    const there = this.#tiles.get(name)
    if (there) return there
    const stored = await readSpineTile(
      this.#options.context.store,
      log === this.#loaded ? (this.#before ?? log) : log,
      tile,
    )
    if (!stored)
      throw new HuxinError(
        'store_corrupt',
        text`tile ${tile} of the parent's spine is missing from the store; run huxin fsck`,
      )
    this.#keep(name, stored)
    return stored
  }

  #keep(name: string, value: Uint8Array): void {
    this.#tiles.delete(name)
    this.#tiles.set(name, value)
    if (this.#tiles.size > 64) this.#tiles.delete(this.#tiles.keys().next().value!)
  }

  async #load(): Promise<void> {
    const { context } = this.#options
    const log = this.#log
    const known = await this.#options.keys.inherited(log, async (name) => {
      const state = await witnessState(context, name)
      return state && { name, state }
    })
    const name = known?.name ?? log
    // Of a log under another name the tree is known, and no checkpoint of this one.
    const state = known && (name === log ? known.state : { ...known.state, note: new Uint8Array() })
    const stored = await context.store.get(frontierRows.key(name))
    const frontier = stored ? decodeFrontier(stored) : emptyFrontier
    if (
      !frontier ||
      (state?.size ?? 0n) !== frontier.size ||
      (state && !equalBytes(frontierRoot(frontier), state.root))
    )
      throw new HuxinError(
        'store_corrupt',
        text`what is kept of the parent's log does not fit together; run huxin fsck`,
      )
    const receipts = openChecked(
      receiptCursorRows.key(name),
      await context.store.get(receiptCursorRows.key(name)),
    )
    this.#frontier = frontier
    this.#verified = state ?? NOTHING
    this.#before = name === log ? undefined : name
    this.#pending = []
    this.#receipts = receipts ? fromBe64(receipts) : 0n
    this.#deferral.end()
    this.#loaded = log
  }

  /** Keeps what is proven of a page, and goes on to the next when nothing of it may be proven later. */
  async #keepReceipts(
    log: string,
    unverified: readonly StoredReceipt[],
    { next, size }: { next: bigint; size: bigint },
  ): Promise<void> {
    if (next === this.#receipts) return
    const { context } = this.#options
    const { proven, wrong, unknown } = await checkUpperReceipts(context, unverified)
    if (unknown.length > 0 && this.#deferral.again(size)) {
      if (proven.length > 0) await keepReceipts(context, proven, [])
    } else {
      await keepReceipts(context, proven, [
        {
          key: receiptCursorRows.key(log),
          value: checkedValue(receiptCursorRows.key(log), be64(next)),
        },
      ])
      this.#receipts = next
      this.#deferral.end()
      wrong.push(...unknown)
    }
    // The first stands: a parent that lies could say another thing each time.
    if (wrong.length > 0 && !context.alarms.has('receipts')) {
      context.alarms.raise(
        'receipts',
        '',
        text`the parent hands down receipts of nodes above it that prove nothing: they are not kept, the others are. The first is ${wrong[0]!}`,
      )
    }
    context.changes.announce(['receipts'])
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

/** The hashes that show with which tree of `oldSize` entries the parent's log begins; none when it does not give all leaf hashes. */
async function readBeginning(
  calls: ParentCalls,
  { oldSize, newSize, receiptsAfter }: { oldSize: bigint; newSize: bigint; receiptsAfter: bigint },
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const prover = new BeginningProver(oldSize, newSize)
  while (prover.size < newSize) {
    const { leafHashes } = await calls.readLog(
      { start: prover.size, limit: limits.spineLeavesMax, waitMs: 0, receiptsAfter },
      signal,
    )
    const wanted = Number(newSize - prover.size) * 32
    if (leafHashes.length === 0 || leafHashes.length % 32 !== 0) return []
    prover.add(leafHashes.subarray(0, wanted))
  }
  return prover.beginning()
}

function frontierOp(log: string, frontier: Frontier): Op {
  return { key: frontierRows.key(log), value: encodeFrontier(frontier) }
}
