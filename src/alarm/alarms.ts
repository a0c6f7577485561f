/**
 * What is wrong now. An alarm stands until its cause is gone. It has a code of the table (`alarm-table.ts`), a subject
 * where the code may stand for several, since when it stands, and a text in both languages.
 */
import type { Clock } from '../base/clock.ts'
import { isHuxinError } from '../base/errors.ts'
import { oneLine } from '../base/printable.ts'
import { mapped, type Said, type Text, text, textOf } from '../base/text.ts'
import { type AlarmCode, alarmTable, type Severity } from './alarm-table.ts'

export interface AlarmLog {
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
}

/** An alarm that stands. */
export interface StandingAlarm {
  readonly code: AlarmCode
  /** '' where the code stands once. */
  readonly subject: string
  readonly severity: Severity
  readonly text: Text
  /** Milliseconds since 1970; a changed text does not change it. */
  readonly sinceMs: number
}

export class Alarms {
  readonly #standing = new Map<string, StandingAlarm>()
  readonly #log: AlarmLog
  readonly #clock: Pick<Clock, 'nowMs'>

  constructor({ log, clock }: { readonly log: AlarmLog; readonly clock: Pick<Clock, 'nowMs'> }) {
    this.#log = log
    this.#clock = clock
  }

  /** A message may quote what a neighbour says. */
  raise(code: AlarmCode, subject: string, quoted: Said): void {
    const name = nameOf(code, subject)
    const said = mapped(quoted, oneLine)
    const before = this.#standing.get(name)
    if (before?.text.en === said.en) return
    const { severity } = alarmTable[code]
    this.#standing.set(name, {
      code,
      subject,
      severity,
      text: said,
      sinceMs: before?.sinceMs ?? this.#clock.nowMs(),
    })
    this.#log.warn(
      { alarm: code, ...(subject === '' ? {} : { subject }), severity, ...valuesOf(quoted) },
      said.en,
    )
  }

  /** An alarm that stood before the last start. */
  restore({ code, subject, text: said, sinceMs }: Omit<StandingAlarm, 'severity'>): void {
    const { severity } = alarmTable[code]
    this.#standing.set(nameOf(code, subject), { code, subject, severity, text: said, sinceMs })
    this.#log.warn(
      { alarm: code, ...(subject === '' ? {} : { subject }), severity, sinceMs },
      said.en,
    )
  }

  clear(code: AlarmCode, subject = ''): void {
    if (this.#standing.delete(nameOf(code, subject)))
      this.#log.info({ alarm: code, ...(subject === '' ? {} : { subject }) }, 'alarm is over')
  }

  /** Clears every alarm of a code whose subject begins so. */
  clearAll(code: AlarmCode, prefix: string): void {
    for (const alarm of [...this.#standing.values()])
      if (alarm.code === code && alarm.subject.startsWith(prefix)) this.clear(code, alarm.subject)
  }

  /** Oldest first. */
  standing(): readonly StandingAlarm[] {
    return [...this.#standing.values()]
  }

  /** One line of English each, oldest first. */
  list(): readonly string[] {
    return this.standing().map(
      ({ code, subject, text: { en } }) => `${nameOf(code, subject)}: ${en}`,
    )
  }

  has(code: AlarmCode, subject = ''): boolean {
    return this.#standing.has(nameOf(code, subject))
  }

  /** The worst that stands; undefined when nothing does. */
  get worst(): Severity | undefined {
    const severities = this.standing().map(({ severity }) => severity)
    return severities.includes('fault') ? 'fault' : severities[0]
  }
}

function nameOf(code: AlarmCode, subject: string): string {
  return subject === '' ? code : `${code} ${subject}`
}

/** What stands in the places of the text, for programs that read the log. */
function valuesOf(said: Said): { values?: readonly string[] } {
  return typeof said === 'string' || said.values.length === 0
    ? {}
    : { values: said.values.map(oneLine) }
}

/** An error as an alarm says it: its code, for programs, and its message. */
export function alarmText(error: unknown): Text {
  return isHuxinError(error) ? text`${error.code}: ${error}` : textOf(error)
}
