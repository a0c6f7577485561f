/**
 * The spine: every leaf hash of the parent's log, so that the whole log is verified by extending one
 * frontier, two trees can never be shown, and what is withheld is still committed to. 32 bytes an
 * entry, kept in tiles of 256, so that a delivered entry can be compared whenever it comes.
 */
import { be64, concat, equalBytes, fromBe64, hex, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { keepReceipts, type StoredReceipt, witnessOp, witnessState } from '../exchange/links.ts'
import { appendLeaves, decodeFrontier, emptyFrontier, encodeFrontier, type Frontier, frontierRoot } from '../merkle/frontier.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import { parseVkey } from '../note/key.ts'
import { spineKey, tables, textKey } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import type { UplinkOptions } from './uplink.ts'

/** The parent's tree as verified here. */
export interface VerifiedTree {
  readonly size: bigint
  readonly root: Uint8Array
  readonly note: Uint8Array
}

export class Follower {
  readonly #options: UplinkOptions
  #log = ''
  #frontier: Frontier = emptyFrontier
  #verified: VerifiedTree = { size: 0n, root: new Uint8Array(32), note: new Uint8Array() }
  /** Leaf hashes read and not yet under a verified checkpoint, from #verified.size on. */
  #pending: Uint8Array[] = []
  #receipts = 0n
  #loaded = ''
  #waiting = new Set<() => void>()
  /** Tiles used lately, by number. */
  readonly #tiles = new Map<bigint, Uint8Array>()

  constructor(options: UplinkOptions) {
    this.#options = options
  }

  /** Origin line of the parent's log that is followed. */
  get log(): string {
    return this.#log
  }

  get verified(): VerifiedTree {
    return this.#verified
  }

  /** Says which log the parent has now; a new epoch is followed from its beginning. */
  follow(log: string): void {
    if (log !== this.#log) this.#loaded = ''
    this.#log = log
  }

  /** Follows until stopped. @throws HuxinError log_forked, and whatever a call throws */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    while (!signal.aborted) {
      if (this.#loaded !== this.#log) await this.#load()
      await this.#step(signal)
      progress()
    }
  }

  /**
   * Waits until the entry at `index` is verified, and compares it.
   * @throws HuxinError log_forked when the parent delivers another entry than its log has
   */
  async compare(index: bigint, leaf: Uint8Array, signal: AbortSignal): Promise<void> {
    while (this.#verified.size <= index || this.#loaded !== this.#log) {
      if (signal.aborted) throw new HuxinError('not_ready', 'the node is stopping')
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#waiting.add(wake)
        signal.addEventListener('abort', wake, { once: true })
      })
    }
    const there = await this.#leaf(index)
    if (!equalBytes(there, leaf)) {
      throw new HuxinError('log_forked', `the parent delivered entry ${index} with leaf hash ${hex(leaf)}, its log has ${hex(there)} there`)
    }
  }

  /** Makes the verified tree durable: call before cosigning it. */
  async flush(): Promise<VerifiedTree> {
    const verified = this.#verified
    // Both rows, which must stay of one size: a newer pair may be written before this one is.
    if (verified.size > 0n) await this.#options.context.writer.save([this.#frontierOp(this.#frontier), witnessOp(this.#log, verified)])
    return verified
  }

  #frontierOp(frontier: Frontier): Op {
    return { key: textKey(tables.meta, `spine/${this.#log}`), value: encodeFrontier(frontier) }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const start = this.#verified.size + BigInt(this.#pending.reduce((sum, piece) => sum + piece.length / 32, 0))
    const answer = await this.#options.calls.readLog({
      start, limit: limits.spineLeavesMax, waitMs: limits.pollWaitMsMax, receiptsAfter: this.#receipts,
    }, signal)
    await this.#keepReceipts(answer.upperReceipts, answer.receiptsNext)
    if (answer.leafHashes.length % 32 !== 0) throw new HuxinError('argument_invalid', 'the parent sent a torn piece of its spine')
    const { context } = this.#options
    const checkpoint = openCheckpoint(answer.checkpoint, [parseVkey(this.#parentVkey())], this.#log)
    const have = start + BigInt(answer.leafHashes.length / 32)
    if (checkpoint.size < this.#verified.size) {
      throw new HuxinError('log_behind', `the parent shows a log of ${checkpoint.size} entries after one of ${this.#verified.size}`)
    }
    if (have > checkpoint.size) throw new HuxinError('proof_invalid', `the parent sent ${have} leaf hashes for a log of ${checkpoint.size} entries`)
    // Only now: what came with a bad answer is asked for again.
    if (answer.leafHashes.length > 0) this.#pending.push(answer.leafHashes)
    const grown = have === checkpoint.size && have > this.#verified.size ? await this.#verify(checkpoint.size, checkpoint.root, answer.checkpoint) : undefined
    if (grown) {
      await context.store.write(grown.ops)
      grown.remember()
    }
    if (have === checkpoint.size && this.#verified.size === checkpoint.size) this.#wake()
  }

  /** `remember` comes after the rows are written: what memory shows may be cosigned and so kept at any time. */
  async #verify(size: bigint, root: Uint8Array, note: Uint8Array): Promise<{ ops: Op[]; remember(): void }> {
    const leaves = concat(...this.#pending)
    const frontier = appendLeaves(this.#frontier, leaves)
    // Not yet durable: the witness loop makes it so before it cosigns (flush).
    if (!equalBytes(frontierRoot(frontier), root)) {
      await this.#fork(size, frontierRoot(frontier), note)
    }
    const tiles = await this.#grow(leaves)
    const ops = [
      ...[...tiles].map(([tile, value]) => ({ key: spineKey(this.#log, tile), value })),
      this.#frontierOp(frontier),
      witnessOp(this.#log, { size, root, note }),
    ]
    const remember = (): void => {
      this.#frontier = frontier
      this.#verified = { size, root, note }
      this.#pending = []
      for (const [tile, value] of tiles) this.#keep(tile, value)
      this.#options.context.alarms.clear('parent log')
    }
    return { ops, remember }
  }

  /** The parent's checkpoint does not extend what was verified: keep both, stop following. */
  async #fork(size: bigint, computed: Uint8Array, note: Uint8Array): Promise<never> {
    this.#pending = []
    const { context, onEvidence } = this.#options
    const text = `The log ${this.#log} signed a tree of ${size} entries that does not have the root ${hex(computed)} of the leaf hashes it sent.\n` +
      `Last verified before:\n\n${Buffer.from(this.#verified.note).toString()}\nNow:\n\n${Buffer.from(note).toString()}`
    await onEvidence(`fork-${this.#log.replaceAll('/', '-')}-${size}.txt`, utf8(text))
    context.alarms.raise('parent log', `the parent shows a log of ${size} entries that does not extend the one verified at ${this.#verified.size}: evidence is kept, nothing more is taken from it`)
    throw new HuxinError('log_forked', `the parent's log of ${size} entries does not have the root that its leaf hashes give`)
  }

  async #grow(leaves: Uint8Array): Promise<Map<bigint, Uint8Array>> {
    const changed = new Map<bigint, Uint8Array>()
    const from = this.#verified.size
    let at = 0
    for (let tile = from / 256n; at < leaves.length; tile++) {
      // A stored tile may hold more than was verified when the node stopped.
      const before = at === 0 && from % 256n !== 0n ? (await this.#tile(tile)).subarray(0, Number(from % 256n) * 32) : new Uint8Array()
      const room = 8192 - before.length
      const value = concat(before, leaves.subarray(at, at + room))
      at += room
      changed.set(tile, value)
    }
    return changed
  }

  async #leaf(index: bigint): Promise<Uint8Array> {
    const tile = await this.#tile(index / 256n)
    const at = Number(index % 256n) * 32
    return tile.subarray(at, at + 32)
  }

  async #tile(tile: bigint): Promise<Uint8Array> {
    const there = this.#tiles.get(tile)
    if (there) return there
    const stored = await this.#options.context.store.get(spineKey(this.#log, tile))
    if (!stored) throw new HuxinError('store_corrupt', `tile ${tile} of the parent's spine is missing from the store; run huxin fsck`)
    this.#keep(tile, stored)
    return stored
  }

  #keep(tile: bigint, value: Uint8Array): void {
    this.#tiles.delete(tile)
    this.#tiles.set(tile, value)
    if (this.#tiles.size > 64) this.#tiles.delete(this.#tiles.keys().next().value!)
  }

  async #load(): Promise<void> {
    const { context } = this.#options
    const state = await witnessState(context, this.#log)
    const stored = await context.store.get(textKey(tables.meta, `spine/${this.#log}`))
    const frontier = stored ? decodeFrontier(stored) : emptyFrontier
    if (!frontier || (state?.size ?? 0n) !== frontier.size) throw new HuxinError('store_corrupt', 'what is kept of the parent\'s log does not fit together; run huxin fsck')
    this.#frontier = frontier
    this.#verified = state ?? { size: 0n, root: new Uint8Array(32), note: new Uint8Array() }
    this.#pending = []
    this.#tiles.clear()
    const receipts = await context.store.get(textKey(tables.meta, `receipts/${this.#log}`))
    this.#receipts = receipts ? fromBe64(receipts) : 0n
    this.#loaded = this.#log
  }

  async #keepReceipts(receipts: readonly StoredReceipt[], next: bigint): Promise<void> {
    if (next === this.#receipts) return
    const byNode = new Map<string, StoredReceipt[]>()
    for (const receipt of receipts) {
      const node = receiptNode(receipt)
      if (node) byNode.set(node, [...(byNode.get(node) ?? []), receipt])
    }
    const groups = [...byNode].map(([node, list]) => ({ node, receipts: list }))
    await keepReceipts(this.#options.context, groups, [{ key: textKey(tables.meta, `receipts/${this.#log}`), value: be64(next) }])
    this.#receipts = next
    this.#options.context.changes.announce(['receipts'])
  }

  #parentVkey(): string {
    const member = this.#options.context.ledger().federation.member(this.#options.parent)
    const epoch = Number(this.#log.slice(this.#log.lastIndexOf('/') + 1))
    return member?.epochs.find((row) => row.epoch === epoch)?.noteVkey ?? this.#options.parentVkey()
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

/** Name of the node whose log a receipt proves, from the checkpoint in its proof. */
export function receiptNode(receipt: StoredReceipt): string | undefined {
  const text = Buffer.from(receipt.proof).toString()
  const origin = text.slice(text.indexOf('\n\n') + 2).split('\n', 1)[0] ?? ''
  const match = /^([a-z0-9.-]+\/[a-z0-9-]+)\/[1-9][0-9]*$/.exec(origin)
  return match?.[1]
}
