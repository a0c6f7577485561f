/** Reads tables as an import does, for tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isHuxinError } from '../../src/base/errors.ts'
import type { CatalogItem } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { type OpenOptions, openTable } from '../../src/intake/open.ts'
import type { SourceRow } from '../../src/intake/table.ts'
import { starterItems } from '../../src/record/data/items.ts'

export const industryItem: CatalogItem = starterItems.find(
  ({ id }) => id === 'zj/industry-evaluation',
)!

/** A table as it was read: each row by the names that the item has for its columns. */
export interface ReadTable {
  readonly encoding: string
  readonly rows: readonly SourceRow[]
  readonly records: readonly Readonly<Record<string, string>>[]
  /** `line code`, for rows that are none of the table. */
  readonly faults: readonly string[]
  readonly notices: readonly string[]
  readonly noticesZh: readonly string[]
}

export async function readTable(file: string, more: Partial<OpenOptions> = {}): Promise<ReadTable> {
  const source = await openTable(file, {
    item: industryItem,
    encoding: 'auto',
    ignoreExtra: false,
    ...more,
  })
  const rows: SourceRow[] = []
  for await (const row of source.rows) rows.push(row)
  const good = rows.filter(({ fault }) => fault === undefined)
  return {
    encoding: source.encoding,
    rows,
    faults: rows.flatMap(({ line, fault }) => (fault ? [`${line} ${fault.code}`] : [])),
    records: good.map(({ cells }) =>
      Object.fromEntries(
        source.mapping.columns.map(({ at, column }) => [column.headerZh, cells[at] ?? '']),
      ),
    ),
    notices: source.notices().map(({ code, text }) => `${code}: ${text.en}`),
    noticesZh: source.notices().map(({ text }) => text.zh),
  }
}

/** What a refused file is told, in English and Chinese; the file's folder is left out. */
export async function refusal(
  file: string,
  more: Partial<OpenOptions> = {},
): Promise<{ en: string; zh: string }> {
  try {
    const { rows, notices } = await readTable(file, more)
    return { en: `taken: ${rows.length} rows, ${notices.join('; ')}`, zh: '' }
  } catch (error) {
    if (!isHuxinError(error, 'argument_invalid')) throw error
    const short = (words: string): string => words.replaceAll(`${dirname(file)}/`, '')
    return { en: short(error.message), zh: short(error.messageZh) }
  }
}

/** A folder for files of one test file, removed at the end of the process. */
export class Scratch {
  readonly #folder = mkdtempSync(join(tmpdir(), 'huxin-intake-'))
  #files = 0

  constructor() {
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  save(content: string | Uint8Array, name = 'a.csv'): string {
    const file = join(this.#folder, `${++this.#files}-${name}`)
    writeFileSync(file, content)
    return file
  }
}
