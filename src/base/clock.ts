/**
 * Clock and timers. Everything that asks the time or waits gets a Clock passed in, so that tests can
 * move it. Times in texts are RFC 3339 UTC with whole seconds; dates are civil dates without a zone,
 * in China's calendar (Asia/Shanghai, UTC+8, no daylight saving since 1991).
 */
import { onAbort } from './abort.ts'
import { HuxinError } from './errors.ts'
import { bilingual, type Text, text } from './text.ts'

export interface Clock {
  /** Milliseconds since 1970 UTC. */
  nowMs(): number
  /** Milliseconds of a clock that nobody can set; only differences mean anything. */
  monotonicMs(): number
  /** Calls back once after `delayMs`; returns a function that cancels. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void
  /** Resolves when whatever else is ready has run. */
  turn(): Promise<void>
}

/** What long work needs of a clock. */
export type TurnClock = Pick<Clock, 'monotonicMs' | 'turn'>

const HOLD_TICK_MS = 60_000

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/** Resolves after `delayMs`, or at once when `signal` is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      cancel()
      forget?.()
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    const forget = signal && onAbort(signal, done)
  })
}

/** Milliseconds of work after which others get their turn. */
const TURN_MS = 10

/** Long work in turns: ask it often, and it lets others run whenever its share of the time is used. */
export class Turns {
  readonly #clock: TurnClock
  readonly #signal: (() => AbortSignal) | undefined
  #endMs: number

  /** `signal` is asked for at the end of the first turn: most work ends before, and a signal costs something. */
  constructor(clock: TurnClock, signal?: () => AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    this.#endMs = clock.monotonicMs() + TURN_MS
  }

  /** True when it is time to wait for `next`. */
  get over(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs
  }

  /** Resolves when others have run. @throws HuxinError cancelled when nobody wants the answer any more */
  async next(): Promise<void> {
    await this.#clock.turn()
    if (this.#signal?.().aborted)
      throw new HuxinError('cancelled', text`the caller gave the call up, or its deadline passed`)
    this.#endMs = this.#clock.monotonicMs() + TURN_MS
  }
}

/**
 * Keeps the process alive until the returned function is called: timers of a Clock do not, so that a
 * command that only waits for one would end in silence.
 */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, HOLD_TICK_MS)
  return () => clearInterval(timer)
}

/** `2026-11-23T01:14:07Z` */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== lastTime.second)
    lastTime = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` }
  return lastTime.text
}

const DURATION_UNITS = [
  [86_400, 'd', '天'],
  [3_600, 'h', '小时'],
  [60, 'min', '分钟'],
  [1, 's', '秒'],
] as const

/** How long something lasts, in the two largest units that say it: `3 d 4 h`, `2 min 5 s`, `120 ms`; with a minus when it is negative. */
export function durationOf(ms: number): Text {
  const magnitude = Math.abs(ms)
  const sign = ms < 0 ? '-' : ''
  if (magnitude < 1_000)
    return bilingual(`${sign}${Math.round(magnitude)} ms`, `${sign}${Math.round(magnitude)} 毫秒`)
  const seconds = Math.round(magnitude / 1_000)
  const first = DURATION_UNITS.findIndex(([size]) => seconds >= size)
  const parts = DURATION_UNITS.slice(first, first + 2)
    .map(([size, en, zh], i) => ({
      count: Math.floor((i === 0 ? seconds : seconds % DURATION_UNITS[first]![0]) / size),
      en,
      zh,
    }))
    .filter(({ count }) => count > 0)
  return bilingual(
    `${sign}${parts.map(({ count, en }) => `${count} ${en}`).join(' ')}`,
    `${sign}${parts.map(({ count, zh }) => `${count} ${zh}`).join(' ')}`,
  )
}

/** A time that somebody states in seconds since 1970, which may be any number: beyond the year 9999 as it is. */
export function formatSeconds(seconds: bigint): string {
  return seconds < 0n || seconds > 253_402_300_799n
    ? `${seconds} s`
    : formatTime(Number(seconds) * 1000)
}

/** What was formatted or parsed last: the headers and entries of one second have one text. */
let lastTime = { second: 0, text: '1970-01-01T00:00:00Z' }

/** Milliseconds of a time in exactly the form of formatTime; undefined for anything else. */
export function parseTime(text: string): number | undefined {
  if (text === lastTime.text) return lastTime.second * 1000
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) || formatTime(ms) !== text ? undefined : ms
}

/** Civil date in China of an instant, `YYYY-MM-DD`. */
export function civilDate(ms: number): string {
  const day = Math.floor((ms + CHINA_OFFSET_MS) / DAY_MS)
  if (day !== lastDay.day)
    lastDay = { day, text: new Date(day * DAY_MS).toISOString().slice(0, 10) }
  return lastDay.text
}

/** The instant at which a civil day `YYYY-MM-DD` begins in China, in milliseconds; NaN for none. */
export function civilDayMs(day: string): number {
  return Date.parse(`${day}T00:00:00+08:00`)
}

const DAY_MS = 86_400_000
const CHINA_OFFSET_MS = 8 * 3_600_000
/** The day that was asked for last: most questions are of today. */
let lastDay = { day: 0, text: '1970-01-01' }

/** True for a real civil date in exactly the form `YYYY-MM-DD`. */
export function isCivilDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  if (!match) return false
  const year = Number(match[1])
  const month = Number(match[2])
  const day = Number(match[3])
  if (month < 1 || month > 12 || day < 1) return false
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= (month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)
}
