/** The catalog in force: items, scales and mappings by edition, folded from batches of kind "catalog". */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { equalBytes } from '../base/bytes.ts'
import { HuxinError, messageOf } from '../base/errors.ts'
import { type CatalogItem, type CatalogRecord, CatalogRecordSchema, type GradeMapping, type GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import { type CompiledItem, compileItem, understoodItem } from '../record/item.ts'

/** One published edition. */
export interface CatalogEntry {
  /** `<id>@<edition or version>` */
  readonly id: string
  readonly record: CatalogRecord
  readonly bytes: Uint8Array
  /** Log index of its batch here. */
  readonly index: bigint
}

/** Decodes a catalog record. @throws HuxinError record_invalid */
export function decodeCatalogRecord(bytes: Uint8Array): CatalogRecord {
  try {
    const record = fromBinary(CatalogRecordSchema, bytes)
    // Of a later minor version: carried, and not in the catalog here.
    if (record.content.case !== undefined || (record.$unknown?.length ?? 0) > 0) return record
  } catch (error) {
    throw new HuxinError('record_invalid', `a catalog record does not decode: ${messageOf(error)}`)
  }
  throw new HuxinError('record_invalid', 'a catalog record is neither an item, a scale nor a mapping')
}

export function encodeCatalogRecord(record: CatalogRecord): Uint8Array {
  return toBinary(CatalogRecordSchema, record)
}

/** `<id>@<edition or version>` of a catalog record; empty for what is none of those. */
export function catalogId(record: CatalogRecord): string {
  const { content } = record
  switch (content.case) {
    case 'item': return `${content.value.id}@${content.value.edition}`
    case 'scale':
    case 'mapping': return `${content.value.id}@${content.value.version}`
    default: return ''
  }
}

export class Catalog {
  readonly #entries = new Map<string, CatalogEntry>()
  readonly #compiled = new Map<string, CompiledItem>()
  readonly #beyond = new Map<string, boolean>()

  /** True when the same edition was published with other content: an edition never changes. */
  conflicts(record: CatalogRecord, bytes: Uint8Array): boolean {
    const before = this.#entries.get(catalogId(record))
    return before !== undefined && !equalBytes(before.bytes, bytes)
  }

  add(bytes: Uint8Array, index: bigint): void {
    const record = decodeCatalogRecord(bytes)
    const id = catalogId(record)
    if (id === '' || this.#entries.has(id)) return
    this.#entries.set(id, { id, record, bytes, index })
    this.#compiled.clear()
  }

  entries(): readonly CatalogEntry[] {
    return [...this.#entries.values()]
  }

  entry(id: string): CatalogEntry | undefined {
    return this.#entries.get(id)
  }

  item(id: string): CatalogItem | undefined {
    const content = this.#entries.get(id)?.record.content
    return content?.case === 'item' ? content.value : undefined
  }

  scale(id: string): GradeScale | undefined {
    const content = this.#entries.get(id)?.record.content
    return content?.case === 'scale' ? content.value : undefined
  }

  mapping(id: string): GradeMapping | undefined {
    const content = this.#entries.get(id)?.record.content
    return content?.case === 'mapping' ? content.value : undefined
  }

  /** True for an edition of an item that says what this version does not know. */
  beyond(id: string): boolean {
    const before = this.#beyond.get(id)
    if (before !== undefined) return before
    const item = this.item(id)
    const beyond = item !== undefined && !understoodItem(item)
    if (item) this.#beyond.set(id, beyond)
    return beyond
  }

  /** The item ready to check records with; undefined when it is not known here, or not understood. */
  compiled(id: string): CompiledItem | undefined {
    const before = this.#compiled.get(id)
    if (before) return before
    const item = this.item(id)
    if (!item || this.beyond(id)) return undefined
    const compiled = compileItem(item, (scale) => this.scale(scale))
    this.#compiled.set(id, compiled)
    return compiled
  }
}
