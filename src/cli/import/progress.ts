/** How far an import is: a bar on a terminal, elsewhere a line from time to time. */
import type { Clock } from '../../base/clock.ts'
import { type Output, progress, say } from '../output.ts'

/** Milliseconds between two lines. */
const LINE_MS = 10_000

export class ImportProgress {
  readonly #output: Output
  readonly #clock: Clock
  readonly #bars: Readonly<Record<'check' | 'send', ReturnType<typeof progress>>>
  #phase: 'check' | 'send' = 'check'
  #lastMs: number

  constructor(output: Output, clock: Clock) {
    this.#output = output
    this.#clock = clock
    this.#lastMs = clock.monotonicMs()
    this.#bars = {
      check: progress(output, say(output, 'checked', '已检查')),
      send: progress(output, say(output, 'sent', '已报送')),
    }
  }

  show(phase: 'check' | 'send', rows: number, share: number): void {
    if (phase !== this.#phase) this.end()
    this.#phase = phase
    this.#bars[phase].show(rows, share)
    if (
      this.#output.terminal ||
      this.#output.json ||
      this.#clock.monotonicMs() - this.#lastMs < LINE_MS
    )
      return
    this.#lastMs = this.#clock.monotonicMs()
    const percent = Math.floor(100 * Math.min(1, share))
    this.#output.writeError(
      `${
        phase === 'check'
          ? say(
              this.#output,
              `checked: ${rows} rows (${percent} %)`,
              `已检查 ${rows} 行（${percent}%）`,
            )
          : say(
              this.#output,
              `sent: ${rows} rows (${percent} %)`,
              `已报送 ${rows} 行（${percent}%）`,
            )
      }\n`,
    )
  }

  end(): void {
    this.#bars[this.#phase].end()
  }
}
