/**
 * How long the event loop of this process stands still while something is done: so long everybody else waits. On a
 * machine with more to do than it can, a loop is late without having done anything; what counts is therefore the
 * processor time of this process between two looks, where that is less.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { processorMs } from './own-time.ts'

/** Milliseconds between two looks. */
const RESOLUTION_MS = 5

export interface LoopDelay {
  /** The longest time, in milliseconds, in which this process worked and its loop did not turn. */
  readonly worstMs: number
  /** The longest time between two turns by the clock, also when others had the processor. */
  readonly wallMs: number
}

/** What `doing` gives, and the delays meanwhile. Both ends of a call in this process count. */
export async function withLoopDelay<T>(
  doing: () => Promise<T>,
): Promise<LoopDelay & { readonly value: T }> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const watch = new Watch()
  histogram.enable()
  // Work that begins at once and never yields is seen by a look after it.
  await pause()
  histogram.reset()
  await pause()
  try {
    watch.start()
    const value = await doing()
    await pause()
    return {
      value,
      worstMs: watch.worstMs,
      wallMs: Math.max(0, histogram.max / 1e6 - RESOLUTION_MS),
    }
  } finally {
    watch.stop()
    histogram.disable()
  }
}

class Watch {
  worstMs = 0
  #timer: NodeJS.Timeout | undefined
  #wallMs = 0
  #cpuMs = 0

  start(): void {
    this.#wallMs = performance.now()
    this.#cpuMs = processorMs()
    this.#timer = setInterval(() => this.#look(), RESOLUTION_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const wallMs = performance.now()
    const usedMs = processorMs()
    this.worstMs = Math.max(
      this.worstMs,
      Math.min(wallMs - this.#wallMs, usedMs - this.#cpuMs) - RESOLUTION_MS,
    )
    this.#wallMs = wallMs
    this.#cpuMs = usedMs
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3 * RESOLUTION_MS))
}
