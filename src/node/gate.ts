/**
 * Whether this node may sign now. Not before those who watch its log have said what they last saw of it, not
 * after that turned out to be another log, not while the clock is wrong. Decides by what it is told; writes
 * nothing.
 *
 * A node asks its parent. A root asks its children: it waits for half of those that ever cosigned its log,
 * because a root's checkpoint is final when more than half have cosigned it, so that one of them knows the
 * last final one. What anybody shows that this node signed and does not have proves by itself
 * that it is an old copy, whoever shows it.
 *
 * An operator may answer for what nobody said (`--alone`). At a node with a parent his word is enough. At a root
 * whose log has cosigners he says how many entries a child has cosigned, and a log with fewer is an old copy. What fixes a
 * tree for good, the final entry and the statement of the next epoch, waits for those who are asked all the same.
 */
import { equalBytes, hex } from '../base/bytes.ts'
import { type Clock, formatTime } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { type Said, type Text, text } from '../base/text.ts'
import { type Alarms, alarmText } from '../alarm/alarms.ts'
import { ClockGuard } from './clock-guard.ts'
import type { Decision } from '../commit/writer.ts'
import type { Log } from '../log/log.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import type { FederationState } from '../topology/federation.ts'
import type { Recalled } from '../uplink/link.ts'

/** Milliseconds after the start in which whoever is asked may answer before anybody is told: a start of both takes less. */
const PATIENCE_MS = 10_000
/** Statements looked at in one call. */
const STATEMENTS_MAX = 64

export interface GateOptions {
  readonly clock: Clock
  readonly alarms: Alarms
  readonly log: () => Log
  readonly epoch: number
  /** Size at which this log was frozen; undefined while it is not. */
  readonly frozenAt: () => bigint | undefined
  /** The log goes on from a frozen one and has no entry of its own yet. */
  readonly mustBegin: () => boolean
  /** Whom it asks. */
  readonly asks: 'parent' | 'children'
  /** Full name of this node. */
  readonly self: string
  readonly federation: () => FederationState
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
  /** The operator answers for what was not asked. */
  #alone = false
  #broken: HuxinError | undefined
  readonly #started: { readonly ms: number; readonly monotonicMs: number }

  constructor(options: GateOptions) {
    this.#options = options
    this.#started = { ms: options.clock.nowMs(), monotonicMs: options.clock.monotonicMs() }
    this.#clockGuard = new ClockGuard(options.clock, () =>
      options.asks === 'children'
        ? options
            .federation()
            .children(options.self)
            .filter(({ status }) => status === 'active')
            .map(({ name }) => name)
        : [],
    )
  }

  /** Why this log may never be written again in this epoch. */
  get broken(): HuxinError | undefined {
    return this.#broken
  }

  /** It goes on by the word of its operator. */
  get alone(): boolean {
    return this.#alone
  }

  get maySign(): boolean {
    return !this.#broken && (this.#alone || this.#recalled)
  }

  /** Those who are asked have spoken, and nothing speaks against this log: it may be ended. */
  get heard(): boolean {
    return !this.#broken && this.#recalled
  }

  /**
   * Takes the operator's word. At a root that was cosigned, his word is the number of entries that a child has cosigned;
   * without a number nothing is answered for.
   */
  answerFor(
    word: boolean | bigint,
    { cosigners, size }: { cosigners: number; size: bigint },
  ): void {
    if (word === false) return
    if (typeof word === 'bigint' && size < word) {
      this.breakFor(
        new HuxinError(
          'log_behind',
          text`the operator says that ${word} entries of this log were cosigned, there are ${size}: the database is an old copy; nothing is signed; run huxin node recover`,
        ),
      )
      return
    }
    this.#alone = this.#options.asks === 'parent' || cosigners === 0 || typeof word === 'bigint'
  }

  /** The last entry of the log is of that time: a clock behind it is wrong, whoever is not told to go on alone. */
  notBefore(ms: number): void {
    if (!this.#alone) this.#clockGuard.notBefore(ms)
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
  mayWrite({
    entries,
    begins,
    ends,
    givenBack,
  }: Pick<Decision, 'entries' | 'begins' | 'ends' | 'givenBack'>): void {
    if (this.#broken) throw new HuxinError(this.#broken.code, this.#broken.text)
    if (entries.length === 0) return
    const frozen = this.#options.frozenAt()
    if (frozen !== undefined) {
      throw new HuxinError(
        'log_frozen',
        text`the log ${this.#options.log().origin} is frozen at ${frozen} entries: its successor takes what comes now (huxin log status)`,
      )
    }
    if (begins !== true && givenBack !== true && this.#options.mustBegin())
      throw new HuxinError(
        'not_ready',
        text`the log ${this.#options.log().origin} has not begun yet: send again in a moment`,
      )
    this.checkClock()
    const who = this.#options.asks === 'parent' ? text`its parent` : text`enough of its children`
    if (ends === true && !this.#recalled)
      throw new HuxinError(
        'not_ready',
        text`this node has not heard from ${who} since it started: a log is not ended before, --alone or not; is the link up? (huxin node status)`,
      )
    if (this.maySign) return
    // Whoever sends again until the node is ready would wait for as long as the parent is away.
    if (this.#isLate) throw new HuxinError('unconfirmed', this.#unheard)
    throw new HuxinError(
      'not_ready',
      text`this node has just started and has not heard from ${who} yet: send again in a moment`,
    )
  }

  get #isLate(): boolean {
    return this.#options.clock.monotonicMs() - this.#started.monotonicMs >= PATIENCE_MS
  }

  get #unheard(): Text {
    const suspended = this.#options.alarms.standing().find(({ code }) => code === 'suspended')
    if (suspended)
      return text`${suspended.text}; since this node was started again it takes and signs nothing, and goes on by itself when the parent's operator has lifted that (huxin member activate)`
    const since = formatTime(this.#started.ms)
    return this.#options.asks === 'parent'
      ? text`since it was started, ${since}, this node has not heard from its parent what that last saw of its log, and takes and signs nothing before: is the parent up (huxin node status)? Where it is gone for long, stop this node and start it with huxin node start --alone`
      : text`since it was started, ${since}, this node has not heard from enough of its children what they last saw of its log, and takes and signs nothing before: are they up (huxin node status)? Where they are gone for long, stop this node and start it with huxin node start --alone <entries>`
  }

  /** Says after a while that nothing is signed, and why. Call it now and then while nothing is. */
  review(): void {
    const { asks, alarms } = this.#options
    if (asks !== 'parent' || this.maySign || this.#broken || !this.#isLate) return
    // One alarm says it, with reason and document: the parent is there, and --alone would help nobody.
    if (alarms.has('suspended')) alarms.clear('start')
    else alarms.raise('start', '', this.#unheard)
  }

  get #override(): Text {
    return this.#options.asks === 'parent'
      ? text`--alone overrides`
      : text`--alone <entries> overrides, with the number that a child cosigned: its operator reads it in huxin node status`
  }

  /** Nothing is signed from here on. */
  break(error: HuxinError): void {
    this.#broken = error
    this.#options.alarms.clear('start')
  }

  /** Nothing is signed from here on, and an alarm says why. */
  breakFor(error: HuxinError): void {
    this.break(error)
    this.#options.alarms.raise('log', '', error.text)
  }

  /** Compares clock and log with what the parent says of them. @throws HuxinError log_behind | log_forked */
  async recall(seen: Recalled): Promise<void> {
    this.#clockGuard.hear(seen.parentTimeMs)
    this.clockIsRight()
    await this.#judge(async () => {
      // The next epoch of a frozen log may be signed already, with the answer lost: nothing is written here until it is taken.
      const next = this.#options.frozenAt() !== undefined && seen.epoch === this.#options.epoch + 1
      if (seen.epoch > this.#options.epoch && !next) {
        throw new HuxinError(
          'log_behind',
          text`the federation has epoch ${seen.epoch} of this node, the keys here are of epoch ${this.#options.epoch}: run huxin node recover`,
        )
      }
      if (seen.lastCheckpoint.length > 0)
        await this.#compareLog(text`the parent`, seen.lastCheckpoint)
    })
    if (this.#options.asks === 'parent') this.#open()
  }

  /** Compares the log with what anybody has seen of it, as a note that this node signed; other notes say nothing. */
  async show(who: string, checkpoint: Uint8Array): Promise<void> {
    if (checkpoint.length > 0)
      await this.#judge(() => this.#compareLog(who, checkpoint)).catch(() => undefined)
  }

  /**
   * Takes the statements of this node that anybody shows. One that begins a later epoch and follows by the rules of every
   * statement proves that these keys and this log are of before.
   */
  showStatements(who: string, notes: readonly Uint8Array[]): void {
    const federation = this.#options.federation()
    const known = new Set(federation.history(this.#options.self).map(hex))
    const unknown = notes.slice(-STATEMENTS_MAX).filter((note) => !known.has(hex(note)))
    const shown =
      unknown.length === 0 ? undefined : federation.foresee(unknown).member(this.#options.self)
    if (!shown || this.#broken) return
    const other = shown.epochs.some(
      ({ epoch, noteVkey }) =>
        epoch === this.#options.epoch && noteVkey !== this.#options.log().vkey,
    )
    if (shown.epoch <= this.#options.epoch && !other) return
    this.breakFor(
      new HuxinError(
        'log_behind',
        text`${who} shows that the federation has epoch ${shown.epoch} of this node${other ? text` with other keys` : ''}, the keys here are of epoch ${this.#options.epoch}: this is an old copy; nothing is signed; ${this.#options.asks === 'parent' ? text`run huxin node recover` : text`stop it, and restore a backup that has the keys of that epoch (huxin node restore)`}`,
      ),
    )
  }

  /** A child has shown what it last saw of this log, if anything, and what its own clock shows. */
  hear(child: string, clockMs: number): void {
    if (this.#options.asks !== 'children') return
    this.#clockGuard.show(child, clockMs)
    this.clockIsRight()
    this.#heard.add(child)
    this.#count()
  }

  /** Nothing is signed any more when it throws that this is an old copy or another log. */
  async #judge(compare: () => Promise<void>): Promise<void> {
    try {
      await compare()
    } catch (error) {
      if (isHuxinError(error, 'log_behind') || isHuxinError(error, 'log_forked')) {
        this.breakFor(error)
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
      if (!this.#alone)
        alarms.raise(
          'start',
          '',
          text`nothing is signed until ${Math.ceil(all / 2)} of the ${all} children that cosigned this log have said what they last saw of it; ${heard} did (${this.#override})`,
        )
      return
    }
    this.#open()
  }

  #open(): void {
    if (this.#recalled) return
    this.#recalled = true
    this.#options.alarms.clear('start')
    this.#options.onMaySign()
  }

  /** Raises and clears the alarm of the clock. @throws HuxinError clock_wrong */
  checkClock(): void {
    const { alarms } = this.#options
    try {
      this.#clockGuard.check()
      alarms.clear('clock')
    } catch (error) {
      alarms.raise('clock', '', alarmText(error))
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

  async #compareLog(who: Said, checkpoint: Uint8Array): Promise<void> {
    const log = this.#options.log()
    const seen = openCheckpoint(checkpoint, [log.verifier], log.origin)
    const what =
      this.#options.asks === 'parent'
        ? text`run huxin node recover`
        : text`stop it, and restore its newest backup (huxin node restore), or run huxin node recover`
    if (seen.size > log.size) {
      throw new HuxinError(
        'log_behind',
        text`${who} has seen ${seen.size} entries of this log, there are ${log.size}: the database is an old copy (a rollback, not fraud); nothing is signed; ${what}`,
      )
    }
    if (seen.size > 0n && !equalBytes(await log.root(seen.size), seen.root)) {
      throw new HuxinError(
        'log_forked',
        text`the first ${seen.size} entries of this log are not those that ${who} saw; nothing is signed; ${what}`,
      )
    }
  }
}
