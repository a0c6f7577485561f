/** The catalog in force: items, scales and mappings by edition, folded from batches of kind "catalog". */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { equalBytes } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import {
  type CatalogItem,
  type CatalogRecord,
  CatalogRecordSchema,
  type GradeMapping,
  type GradeScale,
} from '../gen/huxin/v1/catalog_pb.ts'
import { type CompiledItem, compileItem, understoodItem } from '../record/item.ts'
import { catalogPrefix, prefixOwner } from '../topology/catalog-names.ts'
import type { Member } from '../topology/member.ts'

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
    throw new HuxinError('record_invalid', text`a catalog record does not decode: ${textOf(error)}`)
  }
  throw new HuxinError(
    'record_invalid',
    text`a catalog record is neither an item, a scale nor a mapping`,
  )
}

export function encodeCatalogRecord(record: CatalogRecord): Uint8Array {
  return toBinary(CatalogRecordSchema, record)
}

/** `<id>@<edition or version>` of a catalog record; empty for what is none of those. */
export function catalogId(record: CatalogRecord): string {
  const { content } = record
  switch (content.case) {
    case 'item':
      return `${content.value.id}@${content.value.edition}`
    case 'scale':
    case 'mapping':
      return `${content.value.id}@${content.value.version}`
    default:
      return ''
  }
}

/** In whose name an edition was published. */
export type Standing = 'owner' | 'stand-in'

/** The batch by which an edition came. */
export interface Publication {
  /** Full name of its origin. */
  readonly origin: string
  /** When the origin signed it. */
  readonly createdMs: number
  /** Batch id, in hexadecimal digits. */
  readonly batch: string
  /** Log index here. */
  readonly index: bigint
}

interface Candidate extends CatalogEntry, Publication {
  readonly standing: Standing
}

/**
 * Every edition that was accepted, by id. Where several nodes published one, the owner's is in force; among
 * those who stood in for an owner the one that was signed first, which every node sees alike. One that a node
 * above refused afterwards is dropped.
 */
export class Catalog {
  /** The one in force stands first. */
  readonly #entries = new Map<string, readonly Candidate[]>()
  readonly #compiled = new Map<string, CompiledItem>()
  readonly #beyond = new Map<string, boolean>()

  /**
   * The node whose edition stands against this one: an edition never changes, and an owner's is not replaced. What
   * only stood in for an owner gives way.
   */
  conflict(
    record: CatalogRecord,
    bytes: Uint8Array,
    { origin, standing }: Pick<Candidate, 'origin' | 'standing'>,
  ): string | undefined {
    const against = (this.#entries.get(catalogId(record)) ?? []).find(
      (one) => one.origin === origin || (one.standing === 'owner' && standing === 'owner'),
    )
    return against && !equalBytes(against.bytes, bytes) ? against.origin : undefined
  }

  /** Adds what was accepted. `members` tells who owns the name. */
  add(bytes: Uint8Array, publication: Publication, members: readonly Member[]): void {
    const record = decodeCatalogRecord(bytes)
    const id = catalogId(record)
    if (id === '') return
    const standing = standingOf(id, publication.origin, members)
    const before = this.#entries.get(id) ?? []
    const own = before.find(({ origin }) => origin === publication.origin)
    if (own && (own.standing === standing || own.standing === 'owner')) return
    this.#set(
      id,
      [
        ...before.filter((one) => one !== own),
        { ...publication, standing, id, record, bytes },
      ].sort(rank),
    )
  }

  /** Forgets what a batch published: it is refused after all. */
  drop(batch: string): void {
    for (const [id, candidates] of this.#entries) {
      const left = candidates.filter((candidate) => candidate.batch !== batch)
      if (left.length < candidates.length) this.#set(id, left)
    }
  }

  /** True when this node published an edition of an id, and nobody else did. The id is without edition. */
  isContinuedBy(origin: string, id: string): boolean {
    const editions = [...this.#entries.values()].flat().filter((one) => one.id.startsWith(`${id}@`))
    return editions.length > 0 && editions.every((one) => one.origin === origin)
  }

  #set(id: string, candidates: readonly Candidate[]): void {
    if (candidates.length > 0) this.#entries.set(id, candidates)
    else this.#entries.delete(id)
    this.#compiled.clear()
    this.#beyond.delete(id)
  }

  entries(): readonly CatalogEntry[] {
    return [...this.#entries.values()].map(([first]) => first!)
  }

  /** An edition as a node published it, whether it is in force or another's is. */
  published(id: string, origin: string): CatalogEntry | undefined {
    return this.#entries.get(id)?.find((one) => one.origin === origin)
  }

  entry(id: string): CatalogEntry | undefined {
    return this.#entries.get(id)?.[0]
  }

  item(id: string): CatalogItem | undefined {
    const content = this.#entries.get(id)?.[0]?.record.content
    return content?.case === 'item' ? content.value : undefined
  }

  scale(id: string): GradeScale | undefined {
    const content = this.#entries.get(id)?.[0]?.record.content
    return content?.case === 'scale' ? content.value : undefined
  }

  mapping(id: string): GradeMapping | undefined {
    const content = this.#entries.get(id)?.[0]?.record.content
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

/** How a node stands to a name that it publishes. */
export function standingOf(id: string, origin: string, members: readonly Member[]): Standing {
  return prefixOwner(members, catalogPrefix(id))?.name === origin ? 'owner' : 'stand-in'
}

function rank(a: Candidate, b: Candidate): number {
  if (a.standing !== b.standing) return a.standing === 'owner' ? -1 : 1
  // An edition of an owner never changes, also when its prefix has gone to another since.
  if (a.standing === 'owner') return Number(a.index - b.index)
  return a.createdMs - b.createdMs || (a.origin < b.origin ? -1 : 1)
}
