/** What an update changes, column by column, in the words of the catalog item. */
import type { CatalogItem, Column } from '../../gen/huxin/v1/catalog_pb.ts'
import type { Record as CreditRecord } from '../../gen/huxin/v1/record_pb.ts'
import { decodeRecord } from '../../record/record.ts'

/** A column whose value is another now. */
export interface ChangedColumn {
  readonly column: string
  readonly from: string
  readonly to: string
}

/** An update of one record. */
export interface Update {
  readonly line: number
  readonly recordId: string
  readonly columns: readonly ChangedColumn[]
}

/** Columns of an item that differ between two versions of a record. */
export function changedColumns(
  item: CatalogItem,
  before: Uint8Array,
  after: Uint8Array,
): ChangedColumn[] {
  const [from, to] = [decodeRecord(before), decodeRecord(after)].map(valuesOf) as [
    Map<string, string>,
    Map<string, string>,
  ]
  const columns = new Map<string, Column>(item.columns.map((column) => [column.field, column]))
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((field) => from.get(field) !== to.get(field))
    .map((field) => ({
      column: columns.get(field)?.headerZh ?? field,
      from: from.get(field) ?? '',
      to: to.get(field) ?? '',
    }))
}

/** Values by field, as columns name them. */
function valuesOf({ subject, content, attributes }: CreditRecord): Map<string, string> {
  const values = new Map<string, string>()
  const add = (prefix: string, message: object | undefined): void => {
    for (const [name, value] of Object.entries(message ?? {})) {
      if (name.startsWith('$') || (typeof value !== 'string' && typeof value !== 'number')) continue
      values.set(
        `${prefix}.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
        String(value),
      )
    }
  }
  add('subject', subject)
  if (content.case)
    add(
      content.case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      content.value,
    )
  if (attributes.length > 0) {
    for (const [name, value] of Object.entries(
      JSON.parse(Buffer.from(attributes).toString()) as object,
    ))
      values.set(`attributes.${name}`, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return values
}
