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
  /** Further names of columns: name in the file → field, or name in the item. */
  readonly names?: Readonly<Record<string, string>>
}

/** @throws HuxinError argument_invalid for a file that is no such table, in words for whoever made it */
export async function openTable(file: string, { item, encoding, ignoreExtra, sheet, names: more }: OpenOptions): Promise<TableSource> {
  const names = new HeaderNames(item, more)
  const { beginning, bytes } = await readBeginning(file)
  if (bytes === 0) throw new HuxinError('argument_invalid', text`${file} is empty: a header line is wanted`)
  const kind = kindOf(file, beginning)
  if (kind === 'workbook') return tableOf(await openSpreadsheet(file, names, sheet), { file, names, ignoreExtra })
  const source = await openText(file, encoding)
  const markup = markupOf(file, source.sample)
  if (markup) return tableOf(await openMarkup(file, { kind: markup, open: () => openText(file, encoding), names }), { file, names, ignoreExtra })
  if (['.ndjson', '.jsonl'].includes(extname(file).toLowerCase())) return openNdjson(file, source, names)
  return tableOf(openCsv(file, source, (rows) => findHeader(rows, names)?.found ?? 0), { file, names, ignoreExtra })
}
