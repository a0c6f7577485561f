/** Publishing the catalog: what is new of it, with the act of the person who decided. */
import { create } from '@bufbuild/protobuf'
import { equalBytes } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { Context } from '../commit/context.ts'
import { ActSchema, type CatalogRecord } from '../gen/huxin/v1/catalog_pb.ts'
import { judgeName } from '../kinds/catalog.ts'
import { catalogId, encodeCatalogRecord } from '../ledger/catalog.ts'
import type { PersonalAct } from './actor.ts'
import { publish, type Published } from './publish.ts'

const RECORDS_MAX = 1_000

/** Records of the catalog, and who wants them in force. */
export interface CatalogPublication {
  readonly act: PersonalAct
  readonly records: readonly CatalogRecord[]
  /** Records under a name that another member owns are left out instead of refused. */
  readonly ownedOnly: boolean
  readonly source: EntrySource
}

/**
 * Publishes the records that say something else than what this node published under their names before.
 * @returns what was published, undefined when all of it stands as it is; and how many records stood already
 * @throws HuxinError argument_invalid, and what publishing throws
 */
export async function publishCatalog(
  context: Context,
  { act, records, ownedOnly, source }: CatalogPublication,
): Promise<{ published: Published | undefined; existing: number }> {
  if (act.reason === '' || act.document === '')
    throw new HuxinError(
      'argument_invalid',
      text`an act on the catalog states its reason and document: give --reason and --document`,
    )
  if (records.length < 1 || records.length > RECORDS_MAX)
    throw new HuxinError(
      'argument_invalid',
      text`${records.length} catalog records in one call, allowed are 1 to 1000`,
    )
  const { catalog } = context.ledger()
  const spoken = { origin: context.self, createdMs: context.clock.nowMs() }
  const given = ownedOnly
    ? records.filter(
        (record) => judgeName(context.ledger(), spoken, catalogId(record)) === undefined,
      )
    : records
  const content = (record: CatalogRecord): Uint8Array =>
    encodeCatalogRecord({ ...record, act: undefined })
  const wanted = given.filter((record) => {
    const before = catalog.published(catalogId(record), context.self)
    return !before || !equalBytes(content(before.record), content(record))
  })
  const existing = given.length - wanted.length
  if (wanted.length === 0) return { published: undefined, existing }
  const published = await publish(context, {
    kind: 'catalog',
    item: undefined,
    provider: context.body,
    targets: ['**'],
    batchClass: 'control',
    source,
    records: wanted.map((record) =>
      encodeCatalogRecord({ ...record, act: create(ActSchema, act) }),
    ),
  })
  return { published, existing }
}
