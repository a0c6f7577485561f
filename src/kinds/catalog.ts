/**
 * Kind `catalog`: items, scales and mappings. What every node checks: the publisher makes catalogs at all and owns the names,
 * the editions are sound and new. By signed data alone that all nodes have.
 */
import { Turns } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import { recordAt } from '../batch/body.ts'
import { bindsAll } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { CatalogRecord, GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import { catalogId, decodeCatalogRecord, standingOf } from '../ledger/catalog.ts'
import type { FoldedBatch, Ledger } from '../ledger/ledger.ts'
import type { RecordFault } from '../record/fault.ts'
import { itemFaults, lastingFaults } from '../record/item.ts'
import { mappingFaults, scaleFaults } from '../record/scales.ts'
import { catalogPrefix, prefixesOf, prefixOwner } from '../topology/catalog-names.ts'
import type { BatchInQuestion, Judging, Kind, OwnBatch } from '../verdict/kind.ts'
import { type Refused, refuse, refusedRecords } from '../verdict/refusal.ts'

export const catalog: Kind = {
  name: 'catalog',
  classes: ['control'],
  reach: 'everybody',
  lasting: true,
  instead: {
    refused: text`an edition of the catalog is not withdrawn and ends on its effective_to; publish the edition that follows it`,
    asked: text`an edition ends on its effective_to, and the next edition changes it`,
  },
  judge: judgeCatalog,
  judgeOwn: judgeOwnCatalog,
  fold: (ledger, batch) => ({ ops: [], remember: () => addEditions(ledger, batch) }),
  forget: (ledger, { idText }) => ledger.catalog.drop(idText),
}

function addEditions(
  { catalog: editions, federation }: Ledger,
  { index, header: { origin, createdMs }, idText: batch, body }: FoldedBatch,
): void {
  for (let i = 0; i < body.count; i++) {
    const record = recordAt(body, i)
    if (record) editions.add(record, { origin, createdMs, batch, index }, federation.all())
  }
}

/** Takes turns with whatever else the node does: the schema of an item may take a tenth of a second. */
async function judgeCatalog(
  { ledger, header, body, terms: { rules } }: BatchInQuestion,
  { clock }: Judging,
): Promise<Refused | undefined> {
  const member = ledger.federation.member(header.origin)
  if (
    member &&
    member.tier !== 'nation' &&
    member.tier !== 'province' &&
    member.parent !== undefined
  ) {
    return refuse(
      'origin_not_allowed',
      text`${header.origin} is a ${term(member.tier)} node; the catalog is made by nation and province`,
    )
  }
  const members = ledger.federation.all()
  const scales = new Map<string, GradeScale>()
  const seen = new Set<string>()
  const turns = new Turns(clock)
  for (let i = 0; i < body.count; i++) {
    if (turns.over) await turns.next()
    const bytes = recordAt(body, i)
    if (!bytes) continue
    try {
      const record = decodeCatalogRecord(bytes)
      const id = catalogId(record)
      const refused = bindsAll(rules) ? judgeName(ledger, header, id) : undefined
      if (refused) return refused
      const holder = ledger.catalog.conflict(record, bytes, {
        origin: header.origin,
        standing: standingOf(id, header.origin, members),
      })
      if (holder !== undefined)
        return refuse(
          'record_invalid',
          text`${id} is published already, by ${holder}, and an edition never changes: give it a new edition`,
        )
      if (id !== '' && seen.has(id))
        return refuse('record_invalid', text`${id} is in the batch twice`)
      seen.add(id)
      if (record.content.case === 'scale') scales.set(id, record.content.value)
      const faults = lastingFaults(
        catalogFaults(
          record.content,
          (scale) => scales.get(scale) ?? ledger.catalog.scale(scale),
        ).filter(({ code }) => code !== 'mapping_order' || bindsAll(rules)),
      )
      if (faults.length > 0)
        return refusedRecords(
          faults.map((fault) => ({ ...fault, index: i })),
          body.count,
        )
    } catch (error) {
      if (!isHuxinError(error) || error.kind === 'unavailable') throw error
      return refuse(error.code, error.text)
    }
  }
  return undefined
}

/**
 * Whether a node may publish under a name: its owner; where nobody owns the prefix the root, and whoever published all
 * earlier editions; and a root that was grafted, what it signed before.
 */
export function judgeName(
  { federation, catalog, periods }: Ledger,
  { origin, createdMs }: Pick<BatchHeader, 'origin' | 'createdMs'>,
  id: string,
): Refused | undefined {
  const prefix = catalogPrefix(id)
  const owner = prefixOwner(federation.all(), prefix)
  if (id === '' || owner?.name === origin || periods.wasRoot(origin, createdMs)) return undefined
  if (
    !owner &&
    (federation.member(origin)?.parent === undefined ||
      catalog.isContinuedBy(origin, id.slice(0, id.indexOf('@'))))
  )
    return undefined
  const whose = owner
    ? text`${owner.name} publishes the names of prefix ${prefix}`
    : text`nobody owns the prefix ${prefix}: the root publishes it, or gives it to ${origin}`
  const member = federation.member(origin)
  const own = member ? prefixesOf(member).join(', ') : ''
  return refuse(
    'catalog_name_not_owned',
    text`${id} is no name of ${origin}: ${whose}; its own prefixes are ${own || text`none`}`,
  )
}

/** Whoever publishes knows what he publishes: what this version does not is a slip of the pen. */
async function judgeOwnCatalog({ body, clock }: OwnBatch): Promise<Refused | undefined> {
  const turns = new Turns(clock)
  for (let i = 0; i < body.count; i++) {
    if (turns.over) await turns.next()
    const { content } = decodeCatalogRecord(recordAt(body, i)!)
    const faults =
      content.case === 'item'
        ? itemFaults(content.value, { own: true })
        : content.case === 'scale'
          ? scaleFaults(content.value)
          : []
    if (content.case === undefined)
      return refuse(
        'record_invalid',
        text`catalog record ${i} is neither an item, a scale nor a mapping`,
      )
    if (faults.length > 0)
      return refusedRecords(
        faults.map((fault) => ({ ...fault, index: i })),
        body.count,
      )
  }
  return undefined
}

/** @throws HuxinError item_unknown when a mapping names a scale that is neither known nor before it in the batch */
function catalogFaults(
  content: CatalogRecord['content'],
  scaleOf: (id: string) => GradeScale | undefined,
): readonly RecordFault[] {
  switch (content.case) {
    case 'item':
      return itemFaults(content.value)
    case 'scale':
      return scaleFaults(content.value)
    case 'mapping': {
      const [from, to] = [content.value.fromScale, content.value.toScale].map((id) => {
        const scale = scaleOf(id)
        if (!scale)
          throw new HuxinError(
            'item_unknown',
            text`grade scale ${id} of mapping ${content.value.id} is not known yet: publish it before the mapping`,
            { details: { item: id } },
          )
        return scale
      })
      return mappingFaults(content.value, from!, to!)
    }
    default:
      return []
  }
}
