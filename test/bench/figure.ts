/** What a part of the benchmark is given, what it answers, and how that is printed. */
import { availableParallelism } from 'node:os'
import type { MachineLimits } from './limits.ts'

const PROCESSORS = availableParallelism()

/** What the machine can do at most, in the unit of the figure beside it. */
export interface Limit {
  readonly what: string
  readonly value: number
}

/** Processor time of a part while it was measured. */
export interface CpuSeconds {
  readonly nodes: number
  /** Whoever makes the load. */
  readonly client: number
  /** What all processors had to give in that time. */
  readonly of: number
}

/** One line of the table. */
export interface Figure {
  readonly part: string
  readonly figure: string
  readonly value: number
  /** Per second, more is better; anything else, less is. */
  readonly unit: string
  /** What the project promises on two cores of a small server. */
  readonly floor?: number
  readonly limits?: readonly Limit[]
  readonly cpu?: CpuSeconds
  /** What the node that the figure is about wrote to its folder and kept. */
  readonly diskBytesPerRecord?: number
  readonly note?: string
}

/** What every part is given. */
export interface Bench {
  /** Records of each part that moves records. */
  readonly records: number
  /** Entries of the logs of part `log`. */
  readonly logSizes: readonly bigint[]
  /** Where part `log` keeps its logs for the next run; undefined: nowhere. */
  readonly logFolder: string | undefined
  /** Minutes of part `soak`. */
  readonly minutes: number
  readonly limits: MachineLimits
}

export type Part = (bench: Bench) => Promise<readonly Figure[]>

/** Something that knows the processor time used so far (processes.ts). */
interface CpuCounter {
  cpuSeconds(): Promise<{ nodes: number; client: number }>
}

/** Starts counting; the answer stops. */
export async function countCpu(
  counter: CpuCounter,
): Promise<() => Promise<CpuSeconds & { readonly seconds: number }>> {
  const before = await counter.cpuSeconds()
  const start = performance.now()
  return async () => {
    const seconds = (performance.now() - start) / 1000
    const after = await counter.cpuSeconds()
    return {
      nodes: after.nodes - before.nodes,
      client: after.client - before.client,
      of: seconds * PROCESSORS,
      seconds,
    }
  }
}

export function formatFigure(row: Figure): string {
  const { part, figure, value, unit, floor, limits = [], cpu, diskBytesPerRecord, note } = row
  const beside = [
    ...(floor === undefined
      ? []
      : [`${isRate(unit) ? 'floor' : 'at most'} ${floor.toLocaleString('en-US')}`]),
    ...limits.map(
      (limit) => `${limit.what} ${shown(limit.value)} (${ratio(value, limit.value, unit)})`,
    ),
    ...(cpu
      ? [`CPU ${cpu.nodes.toFixed(1)} + ${cpu.client.toFixed(1)} of ${cpu.of.toFixed(1)} s`]
      : []),
    ...(diskBytesPerRecord === undefined
      ? []
      : [`${Math.round(diskBytesPerRecord)} bytes on disk each`]),
    ...(note === undefined ? [] : [note]),
  ]
  return `${part.padEnd(12)} ${figure.padEnd(46)} ${shown(value).padStart(11)} ${unit.padEnd(10)} ${beside.join('; ')}\n`
}

function ratio(value: number, limit: number, unit: string): string {
  return isRate(unit)
    ? `${((100 * value) / limit).toFixed(value * 10 < limit ? 1 : 0)} %`
    : `× ${(value / limit).toFixed(1)}`
}

function isRate(unit: string): boolean {
  return unit.endsWith('/s')
}

function shown(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString('en-US')
    : value.toFixed(value < 10 ? 2 : 1)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
