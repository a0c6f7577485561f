/** Opens a file of any kind that departments hand over, as a table of one catalog item. */
import { extname } from 'node:path'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { CatalogItem } from '../gen/huxin/v1/catalog_pb.ts'
import { openCsv } from './csv.ts'
import { openText, readBeginning } from './encoding.ts'
import { kindOf } from './file-kind.ts'
import { HeaderNames } from './header.ts'
import { markupOf, openMarkup } from './markup.ts'
import { openNdjson } from './ndjson.ts'
import { findHeader, tableOf } from './shape.ts'
import { openSpreadsheet } from './spreadsheet.ts'
import type { TableSource } from './table.ts'

export interface OpenOptions {
  readonly item: CatalogItem
  /** `auto`, or one of the encodings. */
  readonly encoding: string
  /** Leaves out columns whose name is like that of a missing one. */
  readonly ignoreExtra: boolean
  /** Sheet of a workbook. */
  readonly sheet?: string | undefined
  /** The sheet is a preference of all files of a department: one that is no workbook has none. */
  readonly anyKind?: boolean
  /** Further names of columns: name in the file → field, or name in the item. */
  readonly names?: Readonly<Record<string, string>>
}

/** @throws HuxinError argument_invalid for a file that is no such table, in words for whoever made it */
export async function openTable(
  file: string,
  { item, encoding, ignoreExtra, sheet, anyKind = false, names: more }: OpenOptions,
): Promise<TableSource> {
  const names = new HeaderNames(item, more)
  const { beginning, bytes } = await readBeginning(file)
  if (bytes === 0)
    throw new HuxinError('argument_invalid', text`${file} is empty: a header line is wanted`)
  const kind = kindOf(file, beginning)
  if (kind === 'workbook')
    return tableOf(await openSpreadsheet(file, names, sheet), { file, names, ignoreExtra })
  if (sheet !== undefined && !anyKind)
    throw new HuxinError('argument_invalid', text`--sheet is for workbooks, and ${file} is none`)
  const source = await openText(file, encoding)
  const markup = markupOf(file, source.sample)
  if (markup)
    return tableOf(
      await openMarkup(file, { kind: markup, open: () => openText(file, encoding), names }),
      { file, names, ignoreExtra },
    )
  const whole = await source.isWhole()
  if (['.ndjson', '.jsonl'].includes(extname(file).toLowerCase())) {
    const table = await openNdjson(file, source, names)
    if (whole) return table
    for await (const _row of table.rows);
    throw notWhole(file)
  }
  if (/^[\ufeff\s]*\[/.test(source.sample))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is a list in JSON: write one object a line, and name the file .ndjson`,
    )
  const grid = openCsv(file, source, (rows) => findHeader(rows, names)?.found ?? 0)
  // Which row it is that is not of the encoding shows when the rows before it are read. Nothing of such a file is handed on.
  if (whole) return tableOf(grid, { file, names, ignoreExtra })
  for (let next = await grid.rows.next(); !next.done;) next = await grid.rows.next()
  throw notWhole(file)
}

/** What is of its encoding and yet not whole. */
function notWhole(file: string): HuxinError {
  return new HuxinError(
    'argument_invalid',
    text`${file} ends in zero bytes: it was not copied whole. Copy it again, and import it then`,
  )
}
