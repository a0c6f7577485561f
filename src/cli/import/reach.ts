/** Whom targets reach, in words, from the members of the federation. */
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { parseTarget } from '../../topology/target.ts'
import { type Output, say } from '../output.ts'
import { word } from '../words.ts'

/** A member as targets see it. */
export interface Reachable {
  /** Full name. */
  readonly node: string
  readonly tier: string
  /** Full name; '' for a root. */
  readonly parent: string
  readonly status: string
}

export interface Reach {
  /** How many members of which tier get the records, this node left out. */
  readonly byTier: ReadonlyMap<string, number>
  /** Of those, the ones that are neither this node nor above it. */
  readonly beyond: number
}

const tiers = ['nation', 'province', 'city', 'county'] as const

/** @throws HuxinError argument_invalid for what is no target, or names nobody */
export function reachOf(
  members: readonly Reachable[],
  self: string,
  targets: readonly string[],
): Reach {
  const byNode = new Map(members.map((member) => [member.node, member]))
  const lineage = (node: string): string[] => {
    const names: string[] = []
    for (let at = byNode.get(node); at && !names.includes(at.node); at = byNode.get(at.parent))
      names.push(at.node)
    return names
  }
  const idOf = (node: string): string => node.slice(node.lastIndexOf('/') + 1)
  const reached = new Set<string>()
  for (const target of targets) {
    const parsed = parseTarget(target)
    if (!parsed)
      throw new HuxinError(
        'argument_invalid',
        text`target ${JSON.stringify(target)} is neither a node id (330106), a subtree (330100/**) nor everyone (**)`,
      )
    if (parsed.kind !== 'everyone' && !members.some(({ node }) => idOf(node) === parsed.id))
      throw new HuxinError(
        'argument_invalid',
        text`target ${target} names no member of this federation: see huxin member list`,
      )
    for (const { node, status } of members) {
      if (status === 'retired') continue
      if (
        parsed.kind === 'everyone' ||
        (parsed.kind === 'node'
          ? idOf(node) === parsed.id
          : lineage(node).some((above) => idOf(above) === parsed.id))
      )
        reached.add(node)
    }
  }
  const above = lineage(self)
  const others = [...reached].filter((node) => node !== self)
  const byTier = new Map(
    tiers.map((tier) => [
      tier as string,
      others.filter((node) => byNode.get(node)!.tier === tier).length,
    ]),
  )
  return { byTier, beyond: others.filter((node) => !above.includes(node)).length }
}

/** `1 province, 11 cities, 90 counties`. */
export function reachText(output: Pick<Output, 'language'>, { byTier }: Reach): string {
  const plural: Readonly<Record<string, string>> = {
    nation: 'nations',
    province: 'provinces',
    city: 'cities',
    county: 'counties',
  }
  const parts = [...byTier]
    .filter(([, count]) => count > 0)
    .map(([tier, count]) =>
      say(
        output,
        `${count} ${count === 1 ? tier : plural[tier]}`,
        `${word(output, tier)} ${count} 个`,
      ),
    )
  return parts.length === 0
    ? say(output, 'nobody but this node', '仅本节点')
    : parts.join(say(output, ', ', '、'))
}
