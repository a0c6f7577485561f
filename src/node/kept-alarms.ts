/**
 * Alarms of what somebody did once, or what was lost once: no loop of this node comes upon the cause again, so that they are
 * kept in the store and stand again after a start. Each code has its end here, decided from what is stored. What is
 * found anew by looking (a gap, a full disk, a parent that is away) is not kept.
 *
 * Every other code of `alarm-table.ts` is raised and ended by whoever looks; a test walks the table.
 */
import { bilingual, type Text } from '../base/text.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Op } from '../store/store.ts'
import { parseLaneKey } from '../topology/lane.ts'
import type { AlarmCode } from '../alarm/alarm-table.ts'
import type { StandingAlarm } from '../alarm/alarms.ts'
import type { Context } from '../commit/context.ts'
import { childReceipt } from '../witness/delivery.ts'
import { alarmRows } from './own-rows.ts'

/** An alarm as the store holds it. */
interface KeptAlarm {
  readonly code: AlarmCode
  readonly subject: string
  readonly en: string
  readonly zh: string
  readonly sinceMs: number
  /** Epoch of whom it is about when it was raised. */
  readonly epoch: number
  /** Size of this log then, decimal. */
  readonly size: string
}

type Ended = (context: Context, alarm: KeptAlarm) => boolean | Promise<boolean>

const DAY_MS = 86_400_000
/** Days for which a loss is said that nobody can undo: time to see to it. */
const LOST_DAYS = 7

/** Whoever an alarm is about has begun another epoch, which ends what was done with the keys of this one, or is gone. */
const epochEnded: Ended = (context, { subject, epoch }) => {
  const member = context.ledger().federation.member(subject.split(' ')[0]!)
  return !member || member.status === 'retired' || member.epoch !== epoch
}
const ownEpochEnded: Ended = ({ epoch: now }, { epoch }) => now !== epoch
const older =
  (days: number): Ended =>
  (context, { sinceMs }) =>
    context.clock.nowMs() - sinceMs > days * DAY_MS

/** When each of them is over. */
export const keptAlarms: Partial<Record<AlarmCode, Ended>> = {
  rollback: epochEnded,
  unproven: epochEnded,
  fork: epochEnded,
  frozen_child: epochEnded,
  unreadable: epochEnded,
  two_trees: ownEpochEnded,
  receipts: older(1),
  lost: older(LOST_DAYS),
  lane_fork: (context, { subject }) =>
    !context.ledger().quarantined.has(parseLaneKey(subject)?.origin ?? ''),
  // A statement that stands on the first one settles which of them it was.
  statement: (context, { subject }) => {
    const [name = '', serial = ''] = subject.split(' ')
    const member = context.ledger().federation.member(name)
    return !member || member.status === 'retired' || member.serial > Number(serial)
  },
  // The child has read what came after them, and knows what it lacks.
  transit: async (context, { subject, size }) => {
    const member = context.ledger().federation.member(subject)
    if (member?.status === 'retired' || member?.parent !== context.self) return true
    const held = await childReceipt(context, subject)
    return (
      held !== undefined && Object.values(held.receipt.classes).every((end) => end >= BigInt(size))
    )
  },
}

export class KeptAlarms {
  readonly #context: Context
  /** As the store has them. */
  #kept: ReadonlyMap<string, KeptAlarm>

  private constructor(context: Context, kept: Map<string, KeptAlarm>) {
    this.#context = context
    this.#kept = kept
  }

  /** Raises again what stood. */
  static async open(context: Context): Promise<KeptAlarms> {
    const kept = new Map<string, KeptAlarm>()
    for (const [key, value] of await context.store.range(alarmRows.range)) {
      const alarm = readAlarm(key, value)
      if (!alarm) continue
      kept.set(nameOf(alarm), alarm)
      if (!context.alarms.has(alarm.code, alarm.subject))
        context.alarms.restore({ ...alarm, text: bilingual(alarm.en, alarm.zh) })
    }
    return new KeptAlarms(context, kept)
  }

  /** Ends what is over, and keeps what stands now. A write that failed is made by the next look. */
  async review(): Promise<void> {
    const { alarms, store } = this.#context
    const now = new Map<string, KeptAlarm>()
    for (const standing of alarms.standing()) {
      const ended = keptAlarms[standing.code]
      if (!ended) continue
      const name = nameOf(standing)
      const alarm = this.#keep(standing, this.#kept.get(name))
      if (await ended(this.#context, alarm)) alarms.clear(alarm.code, alarm.subject)
      else now.set(name, alarm)
    }
    const ops: Op[] = [
      ...[...now]
        .filter(([name, alarm]) => this.#kept.get(name) !== alarm)
        .map(([, alarm]) => rowOf(alarm)),
      ...[...this.#kept]
        .filter(([name]) => !now.has(name))
        .map(([, { code, subject }]) => ({ key: keyOf(code, subject), value: undefined })),
    ]
    if (ops.length > 0) await store.write(ops)
    this.#kept = now
  }

  #keep({ code, subject, sinceMs, text }: StandingAlarm, before: KeptAlarm | undefined): KeptAlarm {
    const { ledger, epoch: own, log } = this.#context
    if (before?.en === text.en) return before
    const about =
      keptAlarms[code] === ownEpochEnded
        ? undefined
        : ledger().federation.member(subject.split(' ')[0]!)
    return {
      code,
      subject,
      sinceMs,
      ...wordsOf(text),
      epoch: about?.epoch ?? own,
      size: String(log().signed.size),
    }
  }
}

function nameOf({ code, subject }: Pick<KeptAlarm, 'code' | 'subject'>): string {
  return `${code} ${subject}`
}

function wordsOf({ en, zh }: Text): { en: string; zh: string } {
  return { en, zh }
}

function keyOf(code: AlarmCode, subject: string): Uint8Array {
  return alarmRows.key(`${code}/${subject}`)
}

function rowOf(alarm: KeptAlarm): Op {
  const key = keyOf(alarm.code, alarm.subject)
  return { key, value: checkedValue(key, Buffer.from(JSON.stringify(alarm))) }
}

/** Undefined for a damaged row, and for a code that this version does not keep. */
function readAlarm(key: Uint8Array, value: Uint8Array): KeptAlarm | undefined {
  const words = openChecked(key, value)
  if (!words) return undefined
  const alarm = JSON.parse(Buffer.from(words).toString()) as KeptAlarm
  return keptAlarms[alarm.code] ? alarm : undefined
}
