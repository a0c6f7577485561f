/**
 * Cosignatures and delivery receipts, both ways in one call: we cosign the parent's newest verified
 * checkpoint, it cosigns ours; we state what we hold of its log, signed, so that it can forget what is
 * in transit and prove what it delivered. Never on the path of an acknowledgement.
 */
import { sleep } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { keepCosignature } from '../witness/cosigned.ts'
import { addSignatureLines, cosign } from '../note/cosignature.ts'
import { parseNote } from '../note/note.ts'
import { formatReceiptNote } from '../topology/receipt.ts'
import type { Follower } from './follower.ts'
import type { Puller } from './puller.ts'
import type { UplinkOptions } from './link.ts'

/** Milliseconds between two exchanges, so that a trickle of records is not a storm of signatures. */
const PACE_MS = 400
/** Milliseconds after which the state is looked at without a reason. */
const QUIET_MS_MAX = 30_000

export class WitnessLoop {
  readonly #options: UplinkOptions
  readonly #follower: Follower
  readonly #pullers: readonly Puller[]
  #said = ''
  #knownSize = 0n

  constructor(options: UplinkOptions, follower: Follower, pullers: readonly Puller[]) {
    this.#options = options
    this.#follower = follower
    this.#pullers = pullers
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { context, clock } = this.#options
    while (!signal.aborted) {
      const state = this.#state()
      if (state !== this.#said) {
        await this.#exchange(signal)
        this.#said = state
        progress()
      }
      await sleep(clock, PACE_MS, signal)
      if (this.#state() === this.#said) {
        await context.changes.next(['log', 'pulled', 'spine'], QUIET_MS_MAX, signal)
      }
    }
  }

  /** Everything that the other side could want to know of, in short. */
  #state(): string {
    const log = this.#options.context.log()
    return `${log.origin} ${log.signed.size} ${this.#follower.log} ${this.#follower.verified.size} ${this.#pullers.map(({ delivered }) => delivered).join(' ')}`
  }

  async #exchange(signal: AbortSignal): Promise<void> {
    const { context, calls, clock } = this.#options
    const tree = context.log().signed
    const parentTree = await this.#follower.flush()
    const seconds = BigInt(Math.floor(clock.nowMs() / 1000))
    const cosigned =
      parentTree.note.length > 0
        ? addSignatureLines(parentTree.note, [
            cosign(parseNote(parentTree.note).text, context.cosigner, seconds),
          ])
        : new Uint8Array()
    for (let attempt = 0; attempt < 2; attempt++) {
      const consistency =
        this.#knownSize > 0n && this.#knownSize < tree.size
          ? await context.log().proveConsistency(this.#knownSize, tree.size)
          : []
      const answer = await calls.witness(
        {
          oldSize: this.#knownSize,
          consistency: [...consistency],
          checkpoint: tree.size > 0n ? tree.note : new Uint8Array(),
          cosigned,
          receiptNote: this.#follower.log === '' ? new Uint8Array() : this.#receipt(),
        },
        signal,
      )
      if (answer.cosignature.length > 0) {
        await keepCosignature(
          context,
          this.#options.parent,
          addSignatureLines(tree.note, [Buffer.from(answer.cosignature).toString()]),
        )
        this.#knownSize = tree.size
        return
      }
      if (answer.current) return
      if (answer.knownSize > tree.size) {
        throw new HuxinError(
          'log_behind',
          text`the parent has seen ${answer.knownSize} entries of this log, which has ${tree.size}: run huxin node recover`,
        )
      }
      this.#knownSize = answer.knownSize
    }
  }

  #receipt(): Uint8Array {
    const { context, clock } = this.#options
    const [control, amendment, normal, bulk] = this.#pullers.map(({ delivered }) => delivered)
    const tree = context.log().signed
    return formatReceiptNote(
      {
        from: context.self,
        log: this.#follower.log,
        size: this.#follower.verified.size,
        classes: { control: control!, amendment: amendment!, normal: normal!, bulk: bulk! },
        own: { log: context.log().origin, size: tree.size, root: tree.root },
        timeMs: clock.nowMs(),
      },
      [context.noteSigner],
    )
  }
}
