/** Who waits for what: long polls and loops wake when the log grows, without anyone asking in turns. */
import { onAbort } from '../base/abort.ts'
import type { Clock } from '../base/clock.ts'

/** What is called, while it is wanted. */
interface Waiting {
  wake: (() => void) | undefined
}

interface Topic {
  /** How often it was announced. */
  announced: number
  readonly waiting: Set<Waiting>
}

export class Changes {
  readonly #clock: Clock
  readonly #topics = new Map<string, Topic>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Wakes everyone who waits for one of these topics. */
  announce(topics: Iterable<string>): void {
    for (const name of topics) {
      const topic = this.#topic(name)
      topic.announced++
      for (const { wake } of [...topic.waiting]) wake?.()
    }
  }

  /** How often a topic was announced: ask before looking, and what comes while one looks is not missed. */
  count(topic: string): number {
    return this.#topic(topic).announced
  }

  /** Resolves at the next announcement of one of the topics, after `waitMs`, or when the signal is aborted. */
  next(topics: readonly string[], waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted || waitMs <= 0) return resolve()
      const among = topics.map((name) => this.#topic(name).waiting)
      const waiting: Waiting = { wake: undefined }
      const wake = (): void => {
        waiting.wake = undefined
        cancel()
        forget?.()
        for (const all of among) all.delete(waiting)
        resolve()
      }
      waiting.wake = wake
      for (const all of among) all.add(waiting)
      const cancel = this.#clock.after(waitMs, wake)
      const forget = signal && onAbort(signal, wake)
    })
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name)
    if (!topic) this.#topics.set(name, (topic = { announced: 0, waiting: new Set() }))
    return topic
  }
}
