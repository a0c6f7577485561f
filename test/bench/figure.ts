/** What a part of the benchmark is given, what it answers, and how that is printed. */
import type { MachineLimits } from './limits.ts'

/** One line of the table. */
export interface Figure {
  readonly part: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** What the project promises on two cores of a small server. */
  readonly floor?: number
  /** What the machine can do at most, measured in the same run. */
  readonly limit?: string
  readonly note?: string
}

/** What every part is given. */
export interface Bench {
  /** Records of each part that moves records. */
  readonly records: number
  readonly limits: MachineLimits
}

export type Part = (bench: Bench) => Promise<readonly Figure[]>

export function formatFigure({ part, figure, value, unit, floor, limit, note }: Figure): string {
  const shown = value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1)
  return `${part.padEnd(10)} ${figure.padEnd(46)} ${shown.padStart(12)} ${unit.padEnd(10)}` +
    `${floor === undefined ? '' : ` floor ${floor.toLocaleString('en-US')}`}${limit ? `  limit: ${limit}` : ''}${note ? `  (${note})` : ''}\n`
}

export function rate(value: number): string {
  return `${Math.round(value / 1000)} k/s`
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
