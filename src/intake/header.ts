/** Header lines become mappings: which column of a file feeds which field of a record. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { CatalogItem, Column } from '../gen/huxin/v1/catalog_pb.ts'

/** Which column of the file feeds which field. */
export interface Mapping {
  readonly columns: readonly { readonly at: number; readonly column: Column; readonly header: string }[]
  readonly defaults: readonly Column[]
}

/**
 * Maps a header line by the item's columns.
 * @throws HuxinError argument_invalid for an unknown, doubled or missing column
 */
export function mapHeader(item: CatalogItem, header: readonly string[], ignoreExtra: boolean): Mapping {
  const columns: { at: number; column: Column; header: string }[] = []
  for (const [at, name] of header.entries()) {
    const plain = name.trim().toLowerCase()
    const column = item.columns.find(({ headerZh, headerEn, field }) => [headerZh, headerEn, field].some((known) => known.toLowerCase() === plain))
    if (!column) {
      if (ignoreExtra || plain === '') continue
      throw new HuxinError('argument_invalid', text`column ${JSON.stringify(name)} is not one of ${item.id}@${item.edition}: ${item.columns.map(({ headerZh, headerEn }) => `${headerZh} (${headerEn})`).join(', ')}; --ignore-extra leaves it out`)
    }
    if (columns.some((other) => other.column === column)) throw new HuxinError('argument_invalid', text`column ${JSON.stringify(name)} stands twice in the header`)
    columns.push({ at, column, header: name })
  }
  const absent = item.columns.filter((column) => !columns.some((mapped) => mapped.column === column))
  const required = absent.find((column) => column.required && column.defaultValue === '')
  if (required) throw new HuxinError('argument_invalid', text`the file has no column ${required.headerZh} (${required.headerEn}), which ${item.id}@${item.edition} requires`)
  return { columns, defaults: absent.filter(({ defaultValue }) => defaultValue !== '') }
}
