/**
 * Time as this process had it. On a machine with more to do than it can, a clock on the wall goes on while a process stands in
 * the queue: what is promised in milliseconds is judged by the time in which the process could run.
 */
import { existsSync, readFileSync } from 'node:fs'

/** Where Linux says how long the thread of the event loop has run: nanoseconds, the first number. */
const schedstat = `/proc/self/task/${process.pid}/schedstat`
const ofThread = existsSync(schedstat)

/** Processor time of the thread of the event loop; of all threads where the system does not tell them apart. */
export function processorMs(): number {
  if (ofThread) return Number(readFileSync(schedstat, 'latin1').split(' ')[0]) / 1e6
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Milliseconds of one call that nobody interrupts: those in which it ran. */
export function spentMs(call: () => unknown): number {
  const before = { wallMs: performance.now(), usedMs: processorMs() }
  call()
  return Math.min(performance.now() - before.wallMs, processorMs() - before.usedMs)
}

const LOOK_MS = 10
/** A timer of LOOK_MS is as late as this on a machine that has time. */
const LATE_MS = 15

/** Counts from when it is made until it is stopped. */
export class OwnTime {
  #ms = 0
  #wallMs = performance.now()
  #usedMs = processorMs()
  readonly #timer = setInterval(() => this.#look(), LOOK_MS)

  get ms(): number {
    this.#look()
    return this.#ms
  }

  stop(): number {
    clearInterval(this.#timer)
    return this.ms
  }

  #look(): void {
    const wallMs = performance.now()
    const usedMs = processorMs()
    // Beyond a timer that is a little late only work of its own counts.
    this.#ms += Math.min(wallMs - this.#wallMs, Math.max(LOOK_MS + LATE_MS, usedMs - this.#usedMs))
    this.#wallMs = wallMs
    this.#usedMs = usedMs
  }
}

/** Milliseconds that something takes, as this process had them. */
export async function tookMs(doing: () => Promise<unknown>): Promise<number> {
  const time = new OwnTime()
  try {
    await doing()
    return time.ms
  } finally {
    time.stop()
  }
}

/** Until when somebody waits: `timeoutMs` of its own time, and never longer than eight times as long. */
export class Patience {
  readonly #time = new OwnTime()
  readonly #timeoutMs: number
  readonly #endMs: number

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#endMs = performance.now() + 8 * timeoutMs
  }

  get over(): boolean {
    return this.#time.ms > this.#timeoutMs || performance.now() > this.#endMs
  }

  end(): void {
    this.#time.stop()
  }
}
