/**
 * Room `intake`: what departments hand over becomes rows, and rows records. A tolerant reader before a
 * strict contract: what is certain is taken and said, what is not is named, nothing is guessed. It reads
 * files, knows no node, sends nothing and prints nothing.
 *
 * This file: what every kind of file is read into. A file is first a grid, rows of cells as a spreadsheet shows them;
 * the header is found in it by the names of the catalog item (`shape.ts`), and what is left is the table.
 */
import type { Text } from '../base/text.ts'
import type { Mapping } from './header.ts'

/** One row. */
export interface SourceRow {
  /** Number of the row as a spreadsheet shows it after opening the file, from 1. For NDJSON: the number of the line. */
  readonly line: number
  readonly cells: readonly string[]
  /** Why the row cannot be read as one of this table. */
  readonly fault?: RowFault
}

/** One row before it is known what it is. */
export interface GridRow extends SourceRow {
  /** Positions of cells that the file calls dates, for a column that is no date. */
  readonly dates?: ReadonlySet<number>
  /** Positions of cells that show another number than they have. */
  readonly unlike?: ReadonlySet<number>
}

/** One reason why a row was rejected. */
export interface RowFault {
  readonly column: string
  readonly code: string
  readonly reason: string
  readonly reasonZh: string
}

/** What the reader did on its own account, said once for the whole file. */
export interface Notice {
  readonly code: string
  readonly text: Text
}

/** Rows of cells, blank ones left out. */
export interface Grid {
  /** An encoding for text, `xlsx` for a workbook. */
  readonly encoding: string
  /** Bytes of the file, and how many of them were read. */
  readonly bytes: number
  readonly bytesRead: () => number
  /** Whether empty cells at the end of a row are left out, so that a short row is no fault. */
  readonly sparse?: boolean
  /** Cells of the last line where the file ends without an end of line. */
  readonly openEnd?: readonly string[] | undefined
  /** One pass. @throws HuxinError argument_invalid where the file breaks off or is of two kinds */
  readonly rows: AsyncIterator<GridRow>
  /** Complete when the rows are read. */
  readonly notices: () => readonly Notice[]
}

export interface TableSource {
  /** Names of the columns as the file has them; those of a header of two lines joined. */
  readonly header: readonly string[]
  readonly mapping: Mapping
  readonly encoding: string
  readonly bytes: number
  readonly bytesRead: () => number
  readonly rows: AsyncIterable<SourceRow>
  readonly notices: () => readonly Notice[]
}

/** Characters of one row; a quote that is never closed would swallow the rest of the file. */
export const ROW_LENGTH_MAX = 1 << 20

/**
 * Stands for a cell whose content is not known, in a row that has a fault: in a file of rejected rows it is refused again
 * until somebody fills it in.
 */
export const UNREAD = '#VALUE!'

/** A fault in both languages. */
export function rowFault(code: string, reason: Text, column = ''): RowFault {
  return { column, code, reason: reason.en, reasonZh: reason.zh }
}

/** A few row numbers, and how many there are. */
export class RowNumbers {
  readonly #first: number[] = []
  count = 0

  add(line: number): void {
    this.count++
    if (this.#first.length < 5) this.#first.push(line)
  }

  toString(): string {
    return `${this.#first.join(', ')}${this.count > this.#first.length ? ', …' : ''}`
  }
}
