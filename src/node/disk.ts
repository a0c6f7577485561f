/**
 * Room on the disk, in bytes and in files. It is warned of before it ends; then records are refused, so that what is left is
 * there for amendments, erasures, statements, checkpoints, and for LevelDB, which has to write to be opened again.
 */
import { HuxinError } from '../base/errors.ts'
import type { Files, Space } from '../base/files.ts'
import { type Text, text } from '../base/text.ts'
import type { Alarms } from '../alarm/alarms.ts'
import type { BatchClass } from '../topology/lane.ts'

export interface DiskOptions {
  /** Lies on the disk that is looked at. */
  readonly folder: string
  /** Bytes; undefined: 2 GiB and 256 MiB, or an eighth and a sixteenth of a smaller disk. */
  readonly warnBytes: number | undefined
  readonly reserveBytes: number | undefined
  readonly alarms: Alarms
  readonly files: Pick<Files, 'space'>
}

const WARN_BYTES = 2 ** 31
const WARN_SHARE = 1 / 8
const RESERVE_BYTES = 256 << 20
const RESERVE_SHARE = 1 / 16
/** Inodes: a database has a file for each two megabytes. */
const WARN_FILES = 20_000
const WARN_FILES_SHARE = 1 / 20
const RESERVE_FILES = 1_000
const RESERVE_FILES_SHARE = 1 / 100

export class DiskSpace {
  readonly #options: DiskOptions
  /** Why no records are taken; undefined while they are. */
  #full: Text | undefined
  /** Free bytes and files that the alarms name. */
  #named = { bytes: Infinity, files: Infinity }

  constructor(options: DiskOptions) {
    this.#options = options
  }

  /** Looks how much is free, and raises or clears the alarms `disk`, `inodes` and `disk_full`. Where that cannot be said nothing is refused. */
  async look(): Promise<void> {
    const found = await this.#options.files.space(this.#options.folder).catch(() => undefined)
    if (!found) return
    const [bytes, files] = [this.#bytes(found), this.#files(found)]
    const full = bytes ?? files
    const was = this.#full
    this.#full = full
    if (!full) this.#options.alarms.clear('disk_full')
    else if (!was || !this.#options.alarms.has('disk_full'))
      this.#options.alarms.raise('disk_full', '', full)
  }

  /** Call before records are taken. @throws HuxinError disk_full */
  check(batchClass: BatchClass): void {
    if ((batchClass !== 'normal' && batchClass !== 'bulk') || !this.#full) return
    throw new HuxinError(
      'disk_full',
      text`${this.#full}: the operator of this node has to make room`,
    )
  }

  /** @returns why no records are taken */
  #bytes({ blocks, bsize, bavail }: Space): Text | undefined {
    const { folder, warnBytes, reserveBytes, alarms } = this.#options
    const total = blocks * bsize
    const free = bavail * bsize
    const reserve = reserveBytes ?? Math.min(RESERVE_BYTES, total * RESERVE_SHARE)
    const warn = Math.max(reserve, warnBytes ?? Math.min(WARN_BYTES, total * WARN_SHARE))
    if (free >= warn || free < reserve) {
      this.#named.bytes = Infinity
      alarms.clear('disk')
      return free < reserve
        ? text`${mb(free)} MB are free of ${mb(total)} MB at ${folder}, and ${mb(reserve)} MB (disk.reserveBytes) are kept for amendments and erasures`
        : undefined
    }
    // Said anew when a tenth of it is gone, or is there again.
    if (!differs(free, this.#named.bytes)) return undefined
    this.#named.bytes = free
    alarms.raise(
      'disk',
      '',
      text`${mb(free)} MB are free of ${mb(total)} MB at ${folder}, less than ${mb(warn)} MB (disk.warnBytes): no records are taken from ${mb(reserve)} MB on`,
    )
    return undefined
  }

  /** @returns why no records are taken */
  #files({ files, ffree }: Space): Text | undefined {
    const { folder, alarms } = this.#options
    const reserve = Math.min(RESERVE_FILES, files * RESERVE_FILES_SHARE)
    if (files === 0 || ffree >= Math.min(WARN_FILES, files * WARN_FILES_SHARE) || ffree < reserve) {
      this.#named.files = Infinity
      alarms.clear('inodes')
      return files > 0 && ffree < reserve
        ? text`${ffree} files (inodes) of ${files} are free at ${folder}, and ${Math.ceil(reserve)} are kept for amendments and erasures`
        : undefined
    }
    if (!differs(ffree, this.#named.files)) return undefined
    this.#named.files = ffree
    alarms.raise(
      'inodes',
      '',
      text`${ffree} files (inodes) of ${files} are free at ${folder}: no records are taken from ${Math.ceil(reserve)} on`,
    )
    return undefined
  }
}

function differs(now: number, named: number): boolean {
  return !(Math.abs(now - named) < named / 10)
}

function mb(bytes: number): number {
  return Math.round(bytes / 1e6)
}
