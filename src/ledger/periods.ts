/**
 * Since when each statement of a member is in force: the time of the first receipt of the batch that
 * brought it, from the log here. Tells whether a key or a membership had ended at a time in the past.
 *
 * Statements that a join file brought have no time until the control lane is read; until then what they
 * end counts as not ended. Clocks may differ by `limits.clockOffsetMsMax`, in favour of the batch.
 */
import { formatTime } from '../base/clock.ts'
import { term, type Text, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { parseNote } from '../note/note.ts'
import { type MemberStatus, parseStatement } from '../topology/member.ts'

interface Period {
  readonly serial: number
  readonly epoch: number
  readonly status: MemberStatus
  readonly root: boolean
  /** Milliseconds since 1970. */
  readonly fromMs: number
}

export class MemberPeriods {
  /** By full name, in the order of serials. */
  readonly #periods = new Map<string, readonly Period[]>()

  /** Learns when a statement, which was checked before, came; the first time it came is what counts. */
  learn(statementNote: Uint8Array, fromMs: number): void {
    const { member, serial, epoch, status, parent } = parseStatement(parseNote(statementNote).text)
    const known = this.#periods.get(member) ?? []
    if (known.some((period) => period.serial === serial)) return
    this.#periods.set(
      member,
      [...known, { serial, epoch, status, root: parent === undefined, fromMs }].sort(
        (a, b) => a.serial - b.serial,
      ),
    )
  }

  /** That an epoch of a member had ended at a time, and when; undefined when it had not. */
  epochEnded(member: string, epoch: number, timeMs: number): Text | undefined {
    const end = this.#periods.get(member)?.find((period) => period.epoch > epoch)
    return end && timeMs > end.fromMs + limits.clockOffsetMsMax
      ? text`epoch ${epoch} of ${member} ended at ${formatTime(end.fromMs)}`
      : undefined
  }

  /** Whether a member was a root at a time, and has a parent now. */
  wasRoot(member: string, timeMs: number): boolean {
    const periods = this.#periods.get(member) ?? []
    const grafted = periods.findLast(({ root }, i) => !root && periods[i - 1]?.root)
    return grafted !== undefined && timeMs <= grafted.fromMs + limits.clockOffsetMsMax
  }

  /** Why a member could not originate batches of an epoch at a time; undefined when it could. */
  lapse(member: string, epoch: number, timeMs: number): Text | undefined {
    const periods = this.#periods.get(member)
    if (periods === undefined || periods.length < 2) return undefined
    const ended = this.epochEnded(member, epoch, timeMs)
    if (ended !== undefined) return ended
    for (const [i, { status, fromMs }] of periods.entries()) {
      if (status === 'active' || timeMs <= fromMs + limits.clockOffsetMsMax) continue
      const again = periods.find((period, j) => j > i && period.status === 'active')
      if (!again || timeMs < again.fromMs - limits.clockOffsetMsMax)
        return text`${member} is ${term(status)} since ${formatTime(fromMs)}`
    }
    return undefined
  }
}
