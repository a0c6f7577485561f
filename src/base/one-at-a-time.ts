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
