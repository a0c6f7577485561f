/** Cells merged downwards: what stands in the first holds for each row below it. */
import { columnOf } from './place.ts'

const MERGES_MAX = 200_000
/** More than an element `mergeCell` has. */
const CARRY = 200

/** Finds the merged areas, which stand behind the rows, on the pass that checks the sheet. */
export class MergeScan {
  readonly merges = new Merges()
  #carried = ''

  read(piece: Buffer): void {
    if (this.#carried === '' && !piece.includes('mergeCell')) {
      this.#carried = piece.subarray(-CARRY).includes('<')
        ? piece.subarray(-CARRY).toString('latin1')
        : ''
      return
    }
    const words = this.#carried + piece.toString('latin1')
    let end = 0
    for (const match of words.matchAll(
      /mergeCell\s+ref="([A-Za-z]{1,3})(\d{1,7}):([A-Za-z]{1,3})(\d{1,7})"/g,
    )) {
      this.merges.add({ at: columnOf(match[1]!), from: Number(match[2]), to: Number(match[4]) })
      end = match.index + match[0].length
    }
    this.#carried = words.slice(Math.max(end, words.length - CARRY))
  }
}

export class Merges {
  /** First row → columns and last rows. */
  readonly #starts = new Map<number, { at: number; to: number }[]>()
  #count = 0
  /** Column → value, up to a row. */
  readonly #open = new Map<number, { value: string; to: number }>()

  add({ at, from, to }: { at: number; from: number; to: number }): void {
    if (to <= from) return
    if (++this.#count > MERGES_MAX) throw new Error(`more than ${MERGES_MAX} merged areas`)
    const starts = this.#starts.get(from)
    if (starts) starts.push({ at, to })
    else this.#starts.set(from, [{ at, to }])
  }

  /** Fills the cells of a row that belong to an area begun above; rows come in order. Returns how many. */
  fill(line: number, cells: string[]): number {
    let filled = 0
    for (const [at, { value, to }] of this.#open) {
      if (line > to) this.#open.delete(at)
      else if ((cells[at] ?? '').trim() === '' && value.trim() !== '') {
        while (cells.length < at) cells.push('')
        cells[at] = value
        filled++
      }
    }
    for (const { at, to } of this.#starts.get(line) ?? [])
      if (at < 1_000) this.#open.set(at, { value: cells[at] ?? '', to })
    return filled
  }
}
