/**
 * The reject file: rows that did not become records, to be mended there and imported again. It has the columns of the
 * original file and five of its own behind them, which an import leaves out; one line a row, with all reasons. Its cells
 * are those of the original, persons' numbers among them: it is for its owner alone.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { extname } from 'node:path'
import { HuxinError } from '../base/errors.ts'
import { fileDigest } from '../base/files.ts'
import { text, textOf } from '../base/text.ts'
import { isRejectColumn, isRejectHeader, OWN_COLUMNS } from './reject-columns.ts'
import type { RowFault, SourceRow } from './table.ts'
import { toTextCell } from './text-cell.ts'

const HEAD_BYTES = 65_536
const ENDING = '.rejected.csv'

/** Where the rows of a file go that are rejected. What is left of a reject file stays in it. */
export function rejectFileOf(file: string): string {
  return file.endsWith(ENDING) ? file : `${file}${ENDING}`
}

/** What imports wrote as reject files, by the SHA-256 of their bytes: a file that has other bytes may be somebody's work. */
export interface WrittenRejects {
  has(sha256: string): Promise<boolean>
  add(sha256: string): Promise<void>
}

/** How a reject file ended. */
export interface RejectEnd {
  /** The file with the rows of this import, when there are any. */
  readonly file: string | undefined
  /** Files in the way that somebody may have worked on: they are as they were. */
  readonly kept: readonly string[]
}

export interface RejectPlace {
  readonly file: string
  readonly written: WrittenRejects
  /** The file is replaced, whoever wrote it. */
  readonly force: boolean
}

/** Written beside the place where it is wanted, and put there when all rows were seen. */
export class RejectFile {
  readonly #file: string
  readonly #place: RejectPlace
  readonly #header: readonly string[]
  readonly #own: ReadonlySet<number>
  readonly #digest = createHash('sha256')
  #handle: FileHandle | undefined

  /** @param header names of the columns of the file that is imported */
  constructor(place: RejectPlace, header: readonly string[]) {
    this.#file = place.file
    this.#place = place
    this.#header = header
    this.#own = new Set(
      isRejectHeader(header) ? [...header.keys()].filter((at) => isRejectColumn(header[at]!)) : [],
    )
  }

  /** @throws HuxinError argument_invalid when it cannot be written */
  async add(row: SourceRow, faults: readonly RowFault[]): Promise<void> {
    const columns = this.#header.filter((_, at) => !this.#own.has(at))
    if (!this.#handle) {
      this.#handle = await openOwnerOnly(this.#partial, this.#file)
      await this.#write(this.#handle, `\ufeff${csvLine([...columns, ...OWN_COLUMNS])}`)
    }
    const cells = row.cells.filter((_, at) => !this.#own.has(at))
    const said = (reason: (fault: RowFault) => string, colon: string, separator: string): string =>
      faults
        .map((fault) =>
          fault.column === '' ? reason(fault) : `${fault.column}${colon}${reason(fault)}`,
        )
        .join(separator)
    await this.#write(
      this.#handle,
      csvLine([
        ...columns.map((_, at) => cells[at] ?? ''),
        String(row.line),
        [...new Set(faults.map(({ column }) => column).filter((column) => column !== ''))].join(
          '、',
        ),
        [...new Set(faults.map(({ code }) => code))].join(' '),
        said(({ reasonZh }) => reasonZh, '：', '；'),
        said(({ reason }) => reason, ': ', '; '),
        // More cells than the header has columns stand at the end, where they are too many again.
        ...cells.slice(columns.length),
      ]),
    )
  }

  async #write(handle: FileHandle, line: string): Promise<void> {
    this.#digest.update(line)
    await handle.write(line)
  }

  /**
   * Ends the file. It takes the place of one of before that nobody changed, which goes when no row was rejected. One that
   * somebody changed stays as it is, and the new one has a number. An import that ended early replaces nothing. A file that
   * an import was made from keeps its place unless all of it was seen.
   * @param complete every row was seen, and every good one is in
   * @param read every row was seen, whether or not it was sent
   * @param imported the file is the one that was imported
   */
  async end({
    complete,
    read,
    imported,
  }: {
    complete: boolean
    read: boolean
    imported: boolean
  }): Promise<RejectEnd> {
    if (!this.#handle) return { file: undefined, kept: complete ? await this.#clear(imported) : [] }
    await this.#handle.close()
    const sha256 = this.#digest.digest('hex')
    const { file, kept } = imported
      ? { file: complete ? this.#file : undefined, kept: [] }
      : await this.#free(sha256, read)
    if (file === undefined) {
      await rm(this.#partial, { force: true })
      return { file, kept }
    }
    await this.#place.written.add(sha256)
    await rename(this.#partial, file)
    return { file, kept }
  }

  /** Removes what this or an earlier import wrote. @returns what is left, since somebody changed it */
  async #clear(imported: boolean): Promise<string[]> {
    const kept: string[] = []
    for (const file of names(this.#file)) {
      const standing = await hashOf(file)
      if (standing === undefined) break
      if ((imported && file === this.#file) || (await this.#place.written.has(standing)))
        await rm(file, { force: true })
      else if (await isRejectFile(file)) kept.push(file)
    }
    return kept
  }

  /** The first name at which nothing stands that somebody may have changed; none for rows of a part where a file of before stands. */
  async #free(sha256: string, read: boolean): Promise<RejectEnd> {
    const { written, force } = this.#place
    const kept: string[] = []
    for (const file of names(this.#file)) {
      const standing = force ? undefined : await hashOf(file)
      if (standing === undefined || standing === sha256) return { file, kept }
      if (!read) return { file: undefined, kept: [] }
      if (await written.has(standing)) return { file, kept }
      kept.push(file)
    }
    throw new HuxinError(
      'argument_invalid',
      text`there are too many reject files beside ${this.#file}: import them or put them elsewhere`,
    )
  }

  get #partial(): string {
    return `${this.#file}.partial`
  }
}

/** Whether a file has the header of a reject file. */
export async function isRejectFile(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
      // A spreadsheet may have saved it in the encoding of the machine.
      const names = ['utf-8', 'gb18030'].map(
        (encoding) =>
          new TextDecoder(encoding).decode(buffer.subarray(0, bytesRead)).split(/[\r\n]/, 1)[0]!,
      )
      return names.some((line) => OWN_COLUMNS.every((name) => line.includes(name)))
    } finally {
      await handle.close()
    }
  } catch {
    return false
  }
}

const NAMES_MAX = 100

/** The name that is wanted, and those with numbers: `x.csv.rejected.csv`, `x.csv.2.rejected.csv`. */
function* names(file: string): Generator<string> {
  yield file
  const ending = file.endsWith(ENDING) ? ENDING : extname(file)
  for (let number = 2; number <= NAMES_MAX; number++)
    yield `${file.slice(0, file.length - ending.length)}.${number}${ending}`
}

/** SHA-256 of a file in hexadecimal; undefined where there is none. @throws HuxinError argument_invalid */
async function hashOf(file: string): Promise<string | undefined> {
  try {
    return await fileDigest(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new HuxinError('argument_invalid', text`${file} cannot be read: ${textOf(error)}`)
  }
}

async function openOwnerOnly(partial: string, file: string): Promise<FileHandle> {
  try {
    await rm(partial, { force: true })
    return await open(partial, 'wx', 0o600)
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`the reject file ${file} cannot be written: ${textOf(error)}; name another with --reject`,
    )
  }
}

function csvLine(cells: readonly string[]): string {
  return `${cells
    .map(toTextCell)
    .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',')}\r\n`
}
