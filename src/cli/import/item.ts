/** The catalog item of an import, as the node knows it. */
import { fromBinary } from '@bufbuild/protobuf'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import {
  type CatalogItem,
  CatalogRecordSchema,
  type GradeScale,
} from '../../gen/huxin/v1/catalog_pb.ts'
import { compileItem, type CompiledItem } from '../../record/item.ts'
import { scaleId } from '../../record/scales.ts'
import { allPages } from '../pages.ts'

/** What knows the catalog; RecordService satisfies it. */
export interface CatalogSource {
  listCatalog(request: { id?: string; pageToken?: string }): Promise<{
    entries: { id: string; record: Uint8Array; standing?: string }[]
    nextPageToken: string
  }>
}

/** The item and its id with edition. @throws HuxinError argument_invalid */
export async function loadItem(
  publisher: CatalogSource,
  asked: string,
): Promise<{ compiled: CompiledItem; item: string }> {
  const entries = await allPages(
    (pageToken) => publisher.listCatalog({ pageToken }),
    (answer) => answer.entries,
  )
  const scales = new Map<string, GradeScale>()
  const items = new Map<string, { item: CatalogItem; inForce: boolean }>()
  for (const { id, record, standing } of entries) {
    const { content } = fromBinary(CatalogRecordSchema, record)
    if (content.case === 'scale') scales.set(scaleId(content.value), content.value)
    if (content.case === 'item')
      items.set(id, { item: content.value, inForce: standing === 'in_force' })
  }
  const newest = [...items]
    .filter(([, { item, inForce }]) => item.id === asked && inForce)
    .sort(([, a], [, b]) => (a.item.effectiveFrom < b.item.effectiveFrom ? -1 : 1))
    .at(-1)
  const [item, found] = newest ?? [asked, items.get(asked)]
  if (!found)
    throw new HuxinError(
      'argument_invalid',
      text`catalog item ${JSON.stringify(asked)} is not known at the node; known are ${[...items.keys()].join(', ') || text`none`}`,
    )
  return { compiled: compileItem(found.item, (scale) => scales.get(scale)), item }
}
