/**
 * The reject file: rows that did not become records, to be mended there and imported again. It has the columns of the
 * original file and five of its own behind them, which an import leaves out; one line a row, with all reasons. Its cells
 * are those of the original, persons' numbers among them: it is for its owner alone.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import type { RowFault, SourceRow } from './table.ts'
import { toTextCell } from './text-cell.ts'

/** The columns that an import leaves out by itself. */
const OWN_COLUMNS = ['退回行号 (row)', '退回列 (columns)', '退回代码 (codes)', '退回原因', '退回原因 (reasons)'] as const
const HEAD_BYTES = 65_536

export function isRejectColumn(name: string): boolean {
  return (OWN_COLUMNS as readonly string[]).includes(name.trim())
}

/** True for the header of a reject file. */
export function isRejectHeader(header: readonly string[]): boolean {
  return OWN_COLUMNS.every((name) => header.some((one) => one.trim() === name))
}

const ENDING = '.rejected.csv'

/** Where the rows of a file go that are rejected. What is left of a reject file stays in it. */
export function rejectFileOf(file: string): string {
  return file.endsWith(ENDING) ? file : `${file}${ENDING}`
}

/** Written beside the place where it is wanted, and put there when all rows were seen. */
export class RejectFile {
  readonly #file: string
  readonly #header: readonly string[]
  readonly #own: ReadonlySet<number>
  #handle: FileHandle | undefined

  /** @param header names of the columns of the file that is imported */
  constructor(file: string, header: readonly string[]) {
    this.#file = file
    this.#header = header
    this.#own = new Set(isRejectHeader(header) ? [...header.keys()].filter((at) => isRejectColumn(header[at]!)) : [])
  }

  /** @throws HuxinError argument_invalid when it cannot be written */
  async add(row: SourceRow, faults: readonly RowFault[]): Promise<void> {
    const columns = this.#header.filter((_, at) => !this.#own.has(at))
    if (!this.#handle) {
      this.#handle = await openOwnerOnly(this.#partial, this.#file)
      await this.#handle.write(`\ufeff${csvLine([...columns, ...OWN_COLUMNS])}`)
    }
    const cells = row.cells.filter((_, at) => !this.#own.has(at))
    const said = (reason: (fault: RowFault) => string, colon: string, separator: string): string => (
      faults.map((fault) => (fault.column === '' ? reason(fault) : `${fault.column}${colon}${reason(fault)}`)).join(separator)
    )
    await this.#handle.write(csvLine([
      ...columns.map((_, at) => cells[at] ?? ''), String(row.line), [...new Set(faults.map(({ column }) => column).filter((column) => column !== ''))].join('、'),
      [...new Set(faults.map(({ code }) => code))].join(' '),
      said(({ reasonZh }) => reasonZh, '：', '；'), said(({ reason }) => reason, ': ', '; '),
      // More cells than the header has columns stand at the end, where they are too many again.
      ...cells.slice(columns.length),
    ]))
  }

  /**
   * Ends the file: it takes the place of one of before, which goes when no row was rejected. A file that an import was
   * made from keeps its place unless all of it was seen.
   * @param complete every row was seen, and every good one is in
   * @returns the file, when there is one
   */
  async end({ complete, imported }: { complete: boolean; imported: boolean }): Promise<string | undefined> {
    if (this.#handle) {
      await this.#handle.close()
      if (complete || !imported) {
        await rename(this.#partial, this.#file)
        return this.#file
      }
      await rm(this.#partial, { force: true })
    } else if (complete && await isRejectFile(this.#file)) await rm(this.#file, { force: true })
    return undefined
  }

  get #partial(): string {
    return `${this.#file}.partial`
  }
}

/** Whether a file is one that was written here: no other is removed. */
async function isRejectFile(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
      // A spreadsheet may have saved it in the encoding of the machine.
      const names = ['utf-8', 'gb18030'].map((encoding) => new TextDecoder(encoding).decode(buffer.subarray(0, bytesRead)).split(/[\r\n]/, 1)[0]!)
      return names.some((line) => OWN_COLUMNS.every((name) => line.includes(name)))
    } finally {
      await handle.close()
    }
  } catch {
    return false
  }
}

async function openOwnerOnly(partial: string, file: string): Promise<FileHandle> {
  try {
    await rm(partial, { force: true })
    return await open(partial, 'wx', 0o600)
  } catch (error) {
    throw new HuxinError('argument_invalid', text`the reject file ${file} cannot be written: ${textOf(error)}; name another with --reject`)
  }
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map(toTextCell).map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`
}
