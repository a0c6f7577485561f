/**
 * Whether this node may sign now. Not before those who watch its log have said what they last saw of it, not
 * after that turned out to be another log, not while the clock is wrong. Decides by what it is told; writes
 * nothing.
 *
 * A node asks its parent. A root asks its children: it waits for half of those that ever cosigned its log,
 * because a root's checkpoint is final when more than half have cosigned it, so that one of them knows the
 * last final one. What anybody shows that this node signed and does not have proves by itself
 * that it is an old copy, whoever shows it.
 */
import { equalBytes } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { type Alarms, alarmText } from '../exchange/alarms.ts'
import { ClockGuard } from '../exchange/clock-guard.ts'
import type { Decision } from '../exchange/writer.ts'
import type { Log } from '../log/log.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import type { Recalled } from '../uplink/link.ts'

export interface GateOptions {
  readonly clock: Clock
  readonly alarms: Alarms
  readonly log: () => Log
  readonly epoch: number
  /** Size at which this log was frozen; undefined while it is not. */
  readonly frozenAt: () => bigint | undefined
  /** The log goes on from a frozen one and has no entry of its own yet. */
  readonly mustBegin: () => boolean
  /** Whom it asks; nobody when it was told to start alone. */
  readonly asks: 'parent' | 'children' | 'nobody'
  /** Called once, when it may sign and might not before. */
  readonly onMaySign: () => void
}

export class Gate {
  readonly #options: GateOptions
  readonly #clockGuard: ClockGuard
  /** Everybody who is asked has answered. */
  #recalled = false
  /** Children that are asked; those of them that have answered. */
  #asked: readonly string[] = []
  readonly #heard = new Set<string>()
  #broken: HuxinError | undefined

  constructor(options: GateOptions) {
    this.#options = options
    this.#clockGuard = new ClockGuard(options.clock)
  }

  /** Why this log may never be written again in this epoch. */
  get broken(): HuxinError | undefined {
    return this.#broken
  }

  get maySign(): boolean {
    return !this.#broken && (this.#options.asks === 'nobody' || this.#recalled)
  }

  /** The last entry of the log is of that time: a clock behind it is wrong, whoever is not told to go on alone. */
  notBefore(ms: number): void {
    if (this.#options.asks !== 'nobody') this.#clockGuard.notBefore(ms)
  }

  /** A root begins to wait for those children, by full name, that ever cosigned its log. */
  waitFor(children: readonly string[]): void {
    if (this.#options.asks !== 'children') return
    this.#asked = children
    this.#count()
  }

  /** Whether entries other than the first of a successor may be written. */
  get mayAppend(): boolean {
    return this.maySign && this.#options.frozenAt() === undefined && !this.#options.mustBegin()
  }

  /** @throws HuxinError log_frozen | clock_wrong | not_ready, or why the node is broken */
  mayWrite({ entries, begins }: Pick<Decision, 'entries' | 'begins'>): void {
    if (this.#broken) throw new HuxinError(this.#broken.code, this.#broken.message)
    if (entries.length === 0) return
    const frozen = this.#options.frozenAt()
    if (frozen !== undefined) {
      throw new HuxinError('log_frozen', `the log ${this.#options.log().origin} is frozen at ${frozen} entries: its successor takes what comes now (huxin log status)`)
    }
    if (begins !== true && this.#options.mustBegin()) throw new HuxinError('not_ready', `the log ${this.#options.log().origin} has not begun yet: send again in a moment`)
    this.checkClock()
    if (this.maySign) return
    const who = this.#options.asks === 'parent' ? 'its parent' : 'enough of its children'
    throw new HuxinError('not_ready', `this node has not heard from ${who} since it started and signs nothing before: is the link up? (huxin node status; --alone overrides)`)
  }

  /** Nothing is signed from here on. */
  break(error: HuxinError): void {
    this.#broken = error
  }

  /** Compares clock and log with what the parent says of them. @throws HuxinError log_behind | log_forked */
  async recall(seen: Recalled): Promise<void> {
    this.#clockGuard.hear(seen.parentTimeMs)
    this.clockIsRight()
    await this.#judge(async () => {
      // The next epoch of a frozen log may be signed already, with the answer lost: nothing is written here until it is taken.
      const next = this.#options.frozenAt() !== undefined && seen.epoch === this.#options.epoch + 1
      if (seen.epoch > this.#options.epoch && !next) {
        throw new HuxinError('log_behind', `the federation has epoch ${seen.epoch} of this node, the keys here are of epoch ${this.#options.epoch}: run huxin node recover`)
      }
      if (seen.lastCheckpoint.length > 0) await this.#compareLog('the parent', seen.lastCheckpoint)
    })
    if (this.#options.asks === 'parent') this.#open()
  }

  /** Compares the log with what anybody has seen of it, as a note that this node signed; other notes say nothing. */
  async show(who: string, checkpoint: Uint8Array): Promise<void> {
    if (checkpoint.length > 0) await this.#judge(() => this.#compareLog(who, checkpoint)).catch(() => undefined)
  }

  /** A child has shown what it last saw of this log, if anything. */
  hear(child: string): void {
    if (this.#options.asks !== 'children') return
    this.#heard.add(child)
    this.#count()
  }

  /** Nothing is signed any more when it throws that this is an old copy or another log. */
  async #judge(compare: () => Promise<void>): Promise<void> {
    try {
      await compare()
    } catch (error) {
      if (isHuxinError(error, 'log_behind') || isHuxinError(error, 'log_forked')) {
        this.#broken = error
        this.#options.alarms.raise('log', error.message)
      }
      throw error
    }
  }

  #count(): void {
    if (this.#recalled) return
    const { alarms } = this.#options
    const all = this.#asked.length
    const heard = this.#asked.filter((child) => this.#heard.has(child)).length
    if (heard * 2 < all) {
      alarms.raise('start', `nothing is signed until ${Math.ceil(all / 2)} of the ${all} children that cosigned this log have said what they last saw of it; ${heard} did (--alone overrides)`)
      return
    }
    alarms.clear('start')
    this.#open()
  }

  #open(): void {
    if (this.#recalled) return
    this.#recalled = true
    this.#options.onMaySign()
  }

  /** Raises and clears the alarm of the clock. @throws HuxinError clock_wrong */
  checkClock(): void {
    const { alarms } = this.#options
    try {
      this.#clockGuard.check()
      alarms.clear('clock')
    } catch (error) {
      alarms.raise('clock', alarmText(error))
      throw error
    }
  }

  clockIsRight(): boolean {
    try {
      this.checkClock()
      return true
    } catch {
      return false
    }
  }

  /** Milliseconds since 1970, also while the clock is wrong. */
  trustedMs(): number {
    return this.#clockGuard.trustedMs()
  }

  async #compareLog(who: string, checkpoint: Uint8Array): Promise<void> {
    const log = this.#options.log()
    const seen = openCheckpoint(checkpoint, [log.verifier], log.origin)
    const what = this.#options.asks === 'parent' ? 'run huxin node recover' : 'stop it, and restore its newest backup (huxin node restore)'
    if (seen.size > log.size) {
      throw new HuxinError('log_behind', `${who} has seen ${seen.size} entries of this log, there are ${log.size}: ` +
        `the database is an old copy (a rollback, not fraud); nothing is signed; ${what}`)
    }
    if (seen.size > 0n && !equalBytes(await log.root(seen.size), seen.root)) {
      throw new HuxinError('log_forked', `the first ${seen.size} entries of this log are not those that ${who} saw; nothing is signed; ${what}`)
    }
  }
}
