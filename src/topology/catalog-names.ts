/**
 * Whose the names of the catalog are. The prefix of an id is what stands before its "/"; of an id without
 * one, what stands before its first "-" (`zj` of `zj/five-grade` and of `zj-5-to-cn`). A prefix has one owner:
 *
 * - the member whose statement names it in its line `catalog`;
 * - `cn`: the member of tier nation;
 * - the letters of a province (GB/T 2260): the member of tier province that serves its division.
 *
 * `cn` and the letters of provinces are nobody else's, also while nobody owns them.
 */
import type { Member } from './member.ts'

/** Letter codes of divisions of the first level: GB/T 2260-2007, table 1; ISO 3166-2:CN has the same. */
const letters: Readonly<Record<string, string>> = {
  110000: 'bj',
  120000: 'tj',
  130000: 'he',
  140000: 'sx',
  150000: 'nm',
  210000: 'ln',
  220000: 'jl',
  230000: 'hl',
  310000: 'sh',
  320000: 'js',
  330000: 'zj',
  340000: 'ah',
  350000: 'fj',
  360000: 'jx',
  370000: 'sd',
  410000: 'ha',
  420000: 'hb',
  430000: 'hn',
  440000: 'gd',
  450000: 'gx',
  460000: 'hi',
  500000: 'cq',
  510000: 'sc',
  520000: 'gz',
  530000: 'yn',
  540000: 'xz',
  610000: 'sn',
  620000: 'gs',
  630000: 'qh',
  640000: 'nx',
  650000: 'xj',
  710000: 'tw',
  810000: 'hk',
  820000: 'mo',
}

const NATION = 'cn'

/** What ownership is read from. */
type Holder = Pick<Member, 'tier' | 'divisions' | 'catalog'>

/** The prefix of a catalog id, with or without edition. */
export function catalogPrefix(id: string): string {
  const at = id.indexOf('@')
  const name = at < 0 ? id : id.slice(0, at)
  const end = name.includes('/') ? name.indexOf('/') : name.indexOf('-')
  return end < 0 ? name : name.slice(0, end)
}

/** The prefixes that a member has by its tier and divisions, and those that its statement names. */
export function prefixesOf({ tier, divisions, catalog = [] }: Holder): readonly string[] {
  return [...new Set([...byPlace({ tier, divisions }), ...catalog])]
}

/** `cn`, or the letters of a province: owned by place and never given. */
export function isReserved(prefix: string): boolean {
  return prefix === NATION || Object.values(letters).includes(prefix)
}

/** Who owns a prefix; undefined when nobody does. Members are in the order in which they came. */
export function prefixOwner(members: readonly Member[], prefix: string): Member | undefined {
  const all = members.filter(({ status }) => status !== 'retired')
  return (
    all.find(({ catalog }) => catalog?.includes(prefix)) ??
    all.find((member) => byPlace(member).includes(prefix))
  )
}

function byPlace({ tier, divisions }: Pick<Holder, 'tier' | 'divisions'>): readonly string[] {
  if (tier === 'nation') return [NATION]
  return tier === 'province' ? divisions.flatMap((code) => letters[code] ?? []) : []
}
