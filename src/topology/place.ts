/**
 * What a new member's place below its parent allows, and which prefixes of the catalog a statement may name.
 * These rules came after the first logs were written: they are asked when a statement is judged, and not
 * when a recorded verdict is replayed.
 */
import { term, type Text, text } from '../base/text.ts'
import { isReserved, prefixesOf, prefixOwner } from './catalog-names.ts'
import { covers, type Member, type MemberStatement } from './member.ts'
import { nodeId } from './tier.ts'
import { invalid } from './transition.ts'

const DIVISION = /^[0-9]{6}$/

/**
 * Why an id, a trust domain or divisions do not belong below a parent; undefined when they do.
 * - An id of six digits is a division code, and lies within the divisions of the parent.
 * - Below a province and below a city everybody is of the parent's trust domain: domains meet at the nation alone.
 * - Below a city an id that is no division code says by its divisions where it belongs.
 */
function misplaced(
  { name, divisions }: { readonly name: string; readonly divisions: readonly string[] },
  parent: Member,
): Text | undefined {
  if (parent.tier === 'nation') return undefined
  const id = nodeId(name)
  const domain = name.slice(0, name.lastIndexOf('/'))
  if (squats(name, parent))
    return text`has the id ${id}, a division that its parent ${parent.name} does not serve`
  if (domain !== parent.trustDomain)
    return text`is of the trust domain ${domain}, and its parent ${parent.name} of ${parent.trustDomain}`
  if (parent.tier === 'city' && !DIVISION.test(id) && divisions.length === 0)
    return text`serves no division, and its id ${id} is none`
  return undefined
}

/**
 * True for a member whose id is a division code that its parent does not serve: its place, and not its trust domain
 * or anything that may be right in a federation of before.
 */
export function squats(name: string, parent: Member | undefined): boolean {
  return (
    parent !== undefined &&
    parent.tier !== 'nation' &&
    DIVISION.test(nodeId(name)) &&
    !covers(parent.divisions, nodeId(name))
  )
}

/** Nothing is said of a statement that is not the next one of its member. @throws HuxinError statement_invalid */
export function checkNew(statement: MemberStatement, members: ReadonlyMap<string, Member>): void {
  const before = members.get(statement.member)
  if (statement.serial !== (before?.serial ?? -1) + 1) return
  const parent = statement.parent === undefined ? undefined : members.get(statement.parent)
  const why =
    !before && parent
      ? misplaced({ name: statement.member, divisions: statement.divisions }, parent)
      : undefined
  if (why !== undefined) throw invalid(statement, why)
  const added = (statement.catalog ?? []).filter((prefix) => !before?.catalog?.includes(prefix))
  for (const prefix of added) checkPrefix(statement, prefix, [...members.values()])
}

function checkPrefix(statement: MemberStatement, prefix: string, members: readonly Member[]): void {
  if (
    statement.tier !== 'nation' &&
    statement.tier !== 'province' &&
    statement.parent !== undefined
  ) {
    throw invalid(
      statement,
      text`names the catalog prefix ${prefix}, and is of tier ${term(statement.tier)}: the catalog is made by nation and province`,
    )
  }
  if (isReserved(prefix) && !prefixesOf({ ...statement, catalog: [] }).includes(prefix)) {
    throw invalid(
      statement,
      text`names the catalog prefix ${prefix}, which is of whoever serves that place`,
    )
  }
  const owner = prefixOwner(members, prefix)
  if (owner && owner.name !== statement.member)
    throw invalid(statement, text`takes the catalog prefix ${prefix} of ${owner.name}`)
}
