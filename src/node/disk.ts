/**
 * Room on the disk. It is warned of before it ends; then records are refused, so that what is left is there for
 * amendments, erasures, statements, checkpoints, and for LevelDB, which has to write to be opened again.
 */
import { statfs } from 'node:fs/promises'
import { HuxinError } from '../base/errors.ts'
import type { Alarms } from '../exchange/alarms.ts'
import type { BatchClass } from '../topology/lane.ts'

export interface DiskOptions {
  /** Lies on the disk that is looked at. */
  readonly folder: string
  /** Bytes; undefined: 2 GiB and 256 MiB, or an eighth and a sixteenth of a smaller disk. */
  readonly warnBytes: number | undefined
  readonly reserveBytes: number | undefined
  readonly alarms: Alarms
}

const WARN_BYTES = 2 ** 31
const WARN_SHARE = 1 / 8
const RESERVE_BYTES = 256 << 20
const RESERVE_SHARE = 1 / 16

export class DiskSpace {
  readonly #options: DiskOptions
  #free = Infinity
  #reserve = 0
  /** Free bytes that the alarm names. */
  #named = Infinity

  constructor(options: DiskOptions) {
    this.#options = options
  }

  /** Looks how much is free, and raises or clears the alarm `disk`. Where that cannot be said nothing is refused. */
  async look(): Promise<void> {
    const { folder, warnBytes, reserveBytes, alarms } = this.#options
    const found = await statfs(folder).catch(() => undefined)
    if (!found) return
    const total = found.blocks * found.bsize
    this.#free = found.bavail * found.bsize
    this.#reserve = reserveBytes ?? Math.min(RESERVE_BYTES, total * RESERVE_SHARE)
    const warn = Math.max(this.#reserve, warnBytes ?? Math.min(WARN_BYTES, total * WARN_SHARE))
    if (this.#free >= warn) {
      this.#named = Infinity
      alarms.clear('disk')
      return
    }
    // Said anew when a tenth of it is gone, or is there again.
    if (Math.abs(this.#free - this.#named) < this.#named / 10 && this.#isFull(this.#free) === this.#isFull(this.#named)) return
    this.#named = this.#free
    alarms.raise('disk', this.#isFull(this.#free)
      ? `disk_full: ${mb(this.#free)} MB are free of ${mb(total)} MB at ${folder}: no records are taken below ${mb(this.#reserve)} MB (disk.reserveBytes); amendments and erasures are. Make room`
      : `${mb(this.#free)} MB are free of ${mb(total)} MB at ${folder}, less than ${mb(warn)} MB (disk.warnBytes): no records are taken from ${mb(this.#reserve)} MB on. Make room`)
  }

  /** Call before records are taken. @throws HuxinError disk_full */
  check(batchClass: BatchClass): void {
    if ((batchClass !== 'normal' && batchClass !== 'bulk') || !this.#isFull(this.#free)) return
    throw new HuxinError('disk_full', `${mb(this.#free)} MB are free on the disk of this node, and ${mb(this.#reserve)} MB are kept for amendments and erasures: its operator has to make room`)
  }

  #isFull(free: number): boolean {
    return free < this.#reserve
  }
}

function mb(bytes: number): number {
  return Math.round(bytes / 1e6)
}
