/**
 * Administrative divisions (GB/T 2260 with the yearly changes of the Ministry of Civil Affairs), as one
 * versioned table: Zhejiang in full, and elsewhere the divisions that break "exactly four tiers".
 *
 * A code says nothing reliable about a parent: some counties have no city, some cities no county, and one
 * code may have covered two territories. `city` is stated, not derived; routes come from `topology`.
 */
import { irregular } from './data/irregular.ts'
import { zhejiang } from './data/zhejiang.ts'
import type { Division } from './division.ts'

/** Names the state of the table: data sets compared and their cut-off. */
export const divisionsVersion = 'mca-2026-04'

const divisions = new Map<string, Division>()
for (const division of [...zhejiang, ...irregular])
  divisions.set(division.code, Object.freeze(division))

/** Every division of the table, in use or withdrawn. */
export function allDivisions(): readonly Division[] {
  return [...divisions.values()]
}

/** The division with a code, in use or withdrawn; undefined when the table does not have it. `100000` is the nation. */
export function findDivision(code: string): Division | undefined {
  return divisions.get(code === '100000' ? '000000' : code)
}

/**
 * The divisions in use that now cover the territory of a code: itself when it is in use, several when it
 * was split, none when the table does not know.
 */
export function successorsOf(code: string): readonly Division[] {
  const division = findDivision(code)
  if (!division) return []
  if (!division.withdrawn) return [division]
  return (division.successors ?? []).flatMap((next) => successorsOf(next))
}
