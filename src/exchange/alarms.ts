/** What is wrong now. An alarm stands until its cause is gone; each has a name and one line of text. */
import { isHuxinError, messageOf } from '../base/errors.ts'
import { oneLine } from '../base/printable.ts'

export interface AlarmLog {
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
}

export class Alarms {
  readonly #standing = new Map<string, string>()
  readonly #log: AlarmLog

  constructor(log: AlarmLog) {
    this.#log = log
  }

  /** A message may quote what a neighbour says. */
  raise(name: string, quoted: string): void {
    const message = oneLine(quoted)
    if (this.#standing.get(name) === message) return
    this.#standing.set(name, message)
    this.#log.warn({ alarm: name }, message)
  }

  clear(name: string): void {
    if (this.#standing.delete(name)) this.#log.info({ alarm: name }, 'alarm is over')
  }

  /** Clears every alarm whose name begins so. */
  clearAll(prefix: string): void {
    for (const name of [...this.#standing.keys()]) if (name.startsWith(prefix)) this.clear(name)
  }

  /** One line each, oldest first. */
  list(): readonly string[] {
    return [...this.#standing].map(([name, message]) => `${name}: ${message}`)
  }

  has(name: string): boolean {
    return this.#standing.has(name)
  }
}

/** An error as an alarm says it: its code, for programs, and its message. */
export function alarmText(error: unknown): string {
  return isHuxinError(error) ? `${error.code}: ${error.message}` : messageOf(error)
}
