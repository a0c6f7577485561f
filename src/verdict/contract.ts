/** The contract of a batch of records: whether its catalog item is in force, and lets its origin write to its targets. */
import { civilDate } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { Judged } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { CatalogItem } from '../gen/huxin/v1/catalog_pb.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { CompiledItem } from '../record/item.ts'
import { parseTarget, targetWithin } from '../topology/target.ts'
import { type Refused, refuse } from './refusal.ts'

/**
 * Item, origin and targets of a header, before its records are looked at.
 * @returns undefined when the item says what this version does not know: who does judges the records
 */
export function judgeContract(
  ledger: Ledger,
  header: Pick<BatchHeader, 'kind' | 'item' | 'origin' | 'lanes'>,
  judged: Judged,
): Refused | CompiledItem | undefined {
  if (header.item === undefined)
    return refuse(
      'item_kind_mismatch',
      text`a batch of kind ${term(header.kind)} names no catalog item`,
    )
  const item = itemOf(ledger, header.item)
  const compiled = ledger.catalog.compiled(header.item)
  const absent = compiled?.missingScales[0]
  if (absent !== undefined) {
    throw new HuxinError(
      'item_unknown',
      text`grade scale ${absent} of ${header.item} is not known at ${ledger.self} yet: it is asked for again later`,
      { details: { item: absent } },
    )
  }
  if (item.kind !== header.kind)
    return refuse(
      'item_kind_mismatch',
      text`catalog item ${header.item} is for batches of kind ${term(item.kind)}, not ${term(header.kind)}`,
    )
  return judgeItem(ledger, { ...header, item: header.item }, judged) ?? compiled
}

function itemOf(ledger: Ledger, id: string): CatalogItem {
  const item = ledger.catalog.item(id)
  if (!item)
    throw new HuxinError(
      'item_unknown',
      text`catalog item ${id} is not known at ${ledger.self} yet: it is asked for again later`,
      { details: { item: id } },
    )
  return item
}

/**
 * Whether an item is in force and lets this origin write to these targets; it binds also what is carried unread.
 * @throws HuxinError item_unknown | member_unknown
 */
export function judgeItem(
  ledger: Ledger,
  header: Pick<BatchHeader, 'origin' | 'lanes'> & { readonly item: string },
  judged: Judged,
): Refused | undefined {
  const item = itemOf(ledger, header.item)
  const outside = outOfForce(item, header.item, civilDate(judged.timeMs))
  if (outside) return outside
  if (!ledger.federation.member(header.origin)) {
    throw new HuxinError(
      'member_unknown',
      text`${header.origin} is not known at ${ledger.self} yet: send the batch again later`,
    )
  }
  if (!matches(ledger, item.originators, header.origin)) {
    return refuse(
      'origin_not_allowed',
      text`${header.origin} may not originate ${header.item}; allowed are ${item.originators.join(', ')}`,
    )
  }
  const beyond = header.lanes.find(({ target }) => !targetAllowed(ledger, item, target))
  if (beyond)
    return refuse(
      'target_not_allowed',
      text`${header.item} may not go to ${beyond.target}; allowed are ${item.recipients.join(', ')}`,
    )
  return undefined
}

/** The refusal of a batch of an item that is not in force on a day. */
export function outOfForce(
  { effectiveFrom, effectiveTo }: CatalogItem,
  id: string,
  date: string,
): Refused | undefined {
  if (date >= effectiveFrom && (effectiveTo === '' || date <= effectiveTo)) return undefined
  return refuse(
    'item_not_in_force',
    text`catalog item ${id} is in force from ${effectiveFrom} to ${effectiveTo || text`further notice`}, not on ${date}`,
  )
}

/** True when a node is named by one of the patterns: id, `<id>/**`, `tier:<tier>` or `**`. */
export function matches(ledger: Ledger, patterns: readonly string[], nodeName: string): boolean {
  const member = ledger.federation.member(nodeName)
  if (!member) return false
  return patterns.some(
    (pattern) =>
      pattern === '**' ||
      pattern === member.id ||
      pattern === `tier:${member.tier}` ||
      (pattern.endsWith('/**') && ledger.federation.isWithin(member.id, pattern.slice(0, -3))),
  )
}

/** @throws HuxinError member_unknown */
function targetAllowed(ledger: Ledger, item: CatalogItem, target: string): boolean {
  const named = parseTarget(target)
  if (
    !item.recipients.includes('**') &&
    named &&
    named.kind !== 'everyone' &&
    !ledger.federation.member(named.id)
  ) {
    throw new HuxinError(
      'member_unknown',
      text`the target ${target} names no member that is known at ${ledger.self} yet: send the batch again later`,
      { details: { member: named.id } },
    )
  }
  return item.recipients.some((pattern) => {
    if (pattern === '**') return true
    if (pattern.startsWith('tier:'))
      return !target.endsWith('**') && ledger.federation.member(target)?.tier === pattern.slice(5)
    return targetWithin(target, pattern, ledger.federation)
  })
}
