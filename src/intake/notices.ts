/** What was taken although it was not written as it is wanted, and what is doubtful: counted by column and kind, and said once. */
import { bilingual, type Text } from '../base/text.ts'
import { shown } from './header.ts'
import type { Notice } from './table.ts'

/** One thing about one cell that was taken. */
export interface CellNotice {
  readonly column: string
  readonly code: string
  readonly text: Text
}

interface Count extends CellNotice {
  cells: number
  readonly line: number
}

/** Kinds of notices that are kept: columns times kinds, and a file may have thousands of columns. */
const KINDS_MAX = 200

/** Gathers the notices of a file. Its size does not grow with the file. */
export class CellNotices {
  readonly #counts = new Map<string, Count>()

  add(line: number, notices: readonly CellNotice[]): void {
    for (const notice of notices) {
      const key = `${notice.code} ${notice.column}`
      const known = this.#counts.get(key)
      if (known) known.cells++
      else if (this.#counts.size < KINDS_MAX) this.#counts.set(key, { ...notice, cells: 1, line })
    }
  }

  /** Most frequent first. */
  list(): readonly Notice[] {
    return [...this.#counts.values()]
      .sort((a, b) => b.cells - a.cells)
      .map(({ column, code, text, cells, line }) => ({
        code,
        text: bilingual(
          `${shown(column)}: ${text.en} (${cells} ${cells === 1 ? 'cell' : 'cells'}, first in row ${line})`,
          `“${shown(column)}”：${text.zh}（${cells} 格，首见第 ${line} 行）`,
        ),
      }))
  }
}

/** Notices whether all rows of a file have the same text in a column where each should have its own. */
export class SameText {
  #text: string | undefined
  #rows = 0
  #same = true

  add(text: string): void {
    this.#rows++
    if (this.#rows === 1) this.#text = text
    else if (text !== this.#text) this.#same = false
  }

  /** @param column name of the column */
  list(column: string): readonly Notice[] {
    if (this.#rows < ROWS_MIN || !this.#same) return []
    return [
      {
        code: 'column_constant',
        text: bilingual(
          `all ${this.#rows} rows have the same ${column}: was the column filled in?`,
          `全部 ${this.#rows} 行的“${column}”都相同，请核对该列是否误填`,
        ),
      },
    ]
  }
}

const ROWS_MIN = 5
