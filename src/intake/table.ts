/**
 * Room `intake`: what departments hand over becomes rows, and rows records. A tolerant reader before a
 * strict contract: what is certain is taken and said, what is not is named, nothing is guessed. It reads
 * files, knows no node, sends nothing and prints nothing.
 *
 * This file: what every kind of file is read into.
 */

/** One row, with the physical line on which it ends. */
export interface SourceRow {
  readonly line: number
  readonly cells: readonly string[]
  /** Why the row cannot be read as one of this table. */
  readonly fault?: RowFault
}

/** One reason why a row was rejected. */
export interface RowFault {
  readonly column: string
  readonly code: string
  readonly reason: string
  readonly reasonZh: string
}

export interface TableSource {
  readonly header: readonly string[]
  readonly encoding: string
  /** Bytes of the file, and how many of them were read. */
  readonly bytes: number
  readonly bytesRead: () => number
  readonly rows: AsyncIterable<SourceRow>
}

/** Characters of one row; a quote that is never closed would swallow the rest of the file. */
export const ROW_LENGTH_MAX = 1 << 20
