/**
 * The one writer. Proposals queue here; each round takes what has gathered, lets every proposal decide
 * against the state as the round leaves it, makes all of it durable in one atomic compare-and-set
 * write, seals the checkpoint, and only then answers. One fsync serves everyone in the round: under
 * load the rounds grow by themselves, alone a single record waits for nobody.
 *
 * A proposal that throws while deciding is answered with its error and leaves no trace. When the write
 * itself fails the outcome is unknown ("failed but happened"): every proposal of the round is answered
 * unavailable, and the node reloads itself from the store before the next round. What was looked up before that is
 * looked up again (`moment`): a batch that happened was not there yet.
 */
import { asBuffer, equalBytes } from '../base/bytes.ts'
import { isHuxinError, HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import type { Log, SignedTree } from '../log/log.ts'
import type { Op, Store } from '../store/store.ts'

const ROUND_PROPOSALS_MAX = 1_024
/** Bytes of one round: while a few megabytes are written the next are read, checked and queued. */
const ROUND_BYTES_MAX = 2 << 20
const QUEUE_BYTES_MAX = 128 << 20

/** What a proposal puts into the round. */
export interface Decision {
  /** Log entries to append, in order; most have one, some have none. */
  readonly entries: readonly Uint8Array[]
  readonly ops: readonly Op[]
  /** It is the first entry of a log that goes on from a frozen one; no other may come before it. */
  readonly begins?: boolean
  /** It comes back to a root that lost it, also before the log has begun. */
  readonly givenBack?: boolean
  /** It is the final entry of the log. */
  readonly ends?: boolean
  /** Changes memory; runs in order, after the round is durable and before anyone is answered. */
  remember(): void
}

/** What a round left behind, for one proposal. */
export interface Committed {
  /** Log index of its first entry. */
  readonly index: bigint
  /** The signed tree that contains it. */
  readonly tree: SignedTree
  /** Leaf hashes of its entries. */
  readonly leafHashes: readonly Uint8Array[]
}

/** The store as the round leaves it so far: what earlier proposals put comes before what is stored. */
export interface RoundView {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** Rows under a prefix that earlier proposals of the round put. */
  readonly staged: (prefix: Uint8Array) => readonly Op[]
}

/**
 * Decides against the present state. `index` is where the first entry will stand. Runs alone, after
 * the effects of earlier proposals of the round on memory; those on the store are in `view`. May not
 * wait for the writer.
 */
export type Decide = (index: bigint, view: RoundView) => Decision | Promise<Decision>

/** Until when what was read holds (`Writer.moment`): a number that changes when the state is loaded again. */
export type Moment = number

interface Proposal {
  readonly bytes: number
  readonly decide: Decide
  /** Undoes what `decide` staged in memory, when the round fails. */
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

export interface WriterOptions {
  readonly store: Store
  readonly log: () => Log
  /** Called for each decision; throws when it may not be written now. */
  readonly mayWrite: (decision: Decision) => void
  /** Whether entries that were durable and unsigned at the start may be signed now. */
  readonly maySign: () => boolean
  /** Called after each round that appended, with the new size. */
  readonly onAppend: (size: bigint) => void
  /** Called when a write failed: reload everything from the store. */
  readonly onFailure: (error: unknown) => Promise<void>
}

export class Writer {
  readonly #options: WriterOptions
  #queue: Proposal[] = []
  #queuedBytes = 0
  #running: Promise<void> | undefined
  #closed = false
  /** Set while the store is being opened again after a failed write. */
  #failed: HuxinError | undefined
  /** How often the state was loaded again. */
  #loads = 0

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /**
   * The moment from which on a use case reads what its proposal will rest on: whether something is there already.
   * @throws HuxinError store_failed while the state is loaded again: what memory and store show then may lack a batch that is durable
   */
  moment(): Moment {
    if (this.#failed) throw this.#failed
    return this.#loads
  }

  /**
   * Puts a proposal into the next round and answers when that round is sealed. With `moment`, nothing is proposed when the state was
   * loaded again since.
   * @throws HuxinError what the proposal throws; overloaded; store_failed
   */
  propose(bytes: number, decide: Decide, moment: Moment = this.#loads): Promise<Committed> {
    if (this.#closed) return Promise.reject(new HuxinError('not_ready', text`the node is stopping`))
    if (this.#failed) return Promise.reject(this.#failed)
    if (moment !== this.#loads)
      return Promise.reject(
        new HuxinError(
          'store_failed',
          text`a write failed while this was prepared, and may have happened: send it again`,
        ),
      )
    if (this.#queuedBytes > QUEUE_BYTES_MAX) {
      return Promise.reject(
        new HuxinError(
          'overloaded',
          text`too many batches wait to be written: send again in a moment`,
        ),
      )
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, decide, resolve, reject })
      this.#queuedBytes += bytes
      this.#running ??= this.#run()
    })
  }

  /** Durable rows without a log entry (receipts, cursors, witness state), in the same rounds. */
  async save(ops: readonly Op[]): Promise<void> {
    await this.propose(0, () => ({ entries: [], ops, remember: () => undefined }))
  }

  /**
   * A signed tree that contains the entry at `index`, once its round is through: what is durable alone is
   * answered to nobody.
   * @throws HuxinError store_failed | not_ready
   */
  async sealed(index: bigint): Promise<SignedTree> {
    if (index >= this.#options.log().signed.size) await this.save([])
    const { signed } = this.#options.log()
    if (index < signed.size) return signed
    throw new HuxinError(
      'not_ready',
      text`entry ${index} is not under a signed checkpoint yet: send it again in a moment`,
    )
  }

  /** Waits for the rounds under way and takes no more. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    // Let everything that arrived in this turn of the event loop join the first round.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#round(this.#take())
    this.#running = undefined
  }

  #take(): Proposal[] {
    let bytes = 0
    let count = 0
    while (count < this.#queue.length && count < ROUND_PROPOSALS_MAX && bytes < ROUND_BYTES_MAX)
      bytes += this.#queue[count++]!.bytes
    this.#queuedBytes -= bytes
    return this.#queue.splice(0, count)
  }

  async #round(proposals: readonly Proposal[]): Promise<void> {
    const log = this.#options.log()
    const decided: { proposal: Proposal; decision: Decision; index: bigint }[] = []
    const entries: Uint8Array[] = []
    const view = roundView(this.#options.store, decided)
    for (const proposal of proposals) {
      const index = log.size + BigInt(entries.length)
      try {
        const deciding = proposal.decide(index, view)
        const decision = deciding instanceof Promise ? await deciding : deciding
        this.#options.mayWrite(decision)
        // Later proposals of the round must see this one; a failed write reloads everything.
        decision.remember()
        entries.push(...decision.entries)
        decided.push({ proposal, decision, index })
      } catch (error) {
        proposal.reject(error)
      }
    }
    if (decided.length === 0) return
    try {
      const { tree, leafHashes } = await this.#write(
        log,
        decided.flatMap(({ decision }) => decision.ops),
        entries,
      )
      if (entries.length > 0) this.#options.onAppend(log.size)
      for (const { proposal, decision, index } of decided) {
        const from = Number(index - (log.size - BigInt(entries.length)))
        proposal.resolve({
          index,
          tree,
          leafHashes: leafHashes.slice(from, from + decision.entries.length),
        })
      }
    } catch (error) {
      await this.#fail(
        decided.map(({ proposal }) => proposal),
        error,
      )
    }
  }

  async #write(
    log: Log,
    ops: readonly Op[],
    entries: readonly Uint8Array[],
  ): Promise<{ tree: SignedTree; leafHashes: readonly Uint8Array[] }> {
    if (entries.length === 0) {
      if (ops.length > 0) await this.#options.store.commit(ops)
      const rest = log.size > log.signed.size && this.#options.maySign()
      return { tree: rest ? await log.seal() : log.signed, leafHashes: [] }
    }
    const staged = log.stage(entries)
    await this.#options.store.commit([...ops, ...staged.ops], staged.expect)
    staged.apply()
    return { tree: await log.seal(), leafHashes: staged.leafHashes }
  }

  async #fail(proposals: readonly Proposal[], error: unknown): Promise<void> {
    const code = isHuxinError(error) ? error.code : 'store_failed'
    const message = textOf(error)
    this.#failed = new HuxinError(
      code,
      text`${message}; whether it was written is found out now: send it again`,
      { cause: error },
    )
    // Nobody waits for the disk: it may be full for hours.
    for (const proposal of [...proposals, ...this.#queue.splice(0)]) proposal.reject(this.#failed)
    this.#queuedBytes = 0
    await this.#options.onFailure(error)
    this.#loads++
    this.#failed = undefined
  }
}

/** What earlier decisions of the round put is gathered when somebody asks; few proposals do. */
function roundView(store: Store, decided: readonly { readonly decision: Decision }[]): RoundView {
  const begins = (key: Uint8Array, prefix: Uint8Array): boolean =>
    key.length >= prefix.length && equalBytes(key.subarray(0, prefix.length), prefix)
  const put = new Map<string, Uint8Array | undefined>()
  let gathered = 0
  return {
    async get(key) {
      for (; gathered < decided.length; gathered++)
        for (const op of decided[gathered]!.decision.ops)
          put.set(asBuffer(op.key).toString('latin1'), op.value)
      const name = asBuffer(key).toString('latin1')
      return put.has(name) ? put.get(name) : store.get(key)
    },
    staged: (prefix) =>
      decided.flatMap(({ decision }) =>
        decision.ops.filter(({ key, value }) => value !== undefined && begins(key, prefix)),
      ),
  }
}
