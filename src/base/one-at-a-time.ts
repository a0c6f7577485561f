/** What must not run at once, one after the other: each sees what the one before did. */
export class OneAtATime {
  /** What runs or waits last, by key. */
  readonly #last = new Map<string, Promise<unknown>>()

  /** Waits for those before of the same key; that one of them failed is no matter here. */
  run<T>(key: string, doing: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const mine = before ? before.catch(() => undefined).then(doing) : doing()
    this.#last.set(key, mine)
    const forget = (): void => {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
    mine.then(forget, forget)
    return mine
  }
}

/** What is prepared side by side and done in the order of the calls, by key. */
export class InOrderOfCalls {
  /** The call that came last. */
  readonly #last = new Map<string, Promise<void>>()

  /** A place in the row: `before` is over when those before have released theirs. Every place is released once, at least. */
  take(key: string): { before: Promise<void>; release: () => void } {
    const before = this.#last.get(key) ?? Promise.resolve()
    let release = (): void => undefined
    const mine = new Promise<void>((resolve) => {
      release = resolve
    })
    const chained = before.then(() => mine)
    this.#last.set(key, chained)
    void chained.then(() => {
      if (this.#last.get(key) === chained) this.#last.delete(key)
    })
    return { before, release }
  }
}
