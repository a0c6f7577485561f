/**
 * Room `topology`: who is in the federation, and how things reach them: tiers, members, targets,
 * routes, lanes, and the signed texts by which members come and go. Pure functions over the
 * federation's state; no I/O, no clock.
 *
 * The parent of a node is stated, never derived from the digits of its code: municipalities have no
 * prefecture tier, some prefectures no counties, some counties no city. A parent only must be of a
 * strictly higher tier. Divisions served are GB/T 2260 codes and say nothing about routes.
 */
export const tiers = ['nation', 'province', 'city', 'county'] as const
export type Tier = (typeof tiers)[number]

export function isTier(text: string): text is Tier {
  return (tiers as readonly string[]).includes(text)
}

/** True when `a` is strictly above `b`. */
export function isAbove(a: Tier, b: Tier): boolean {
  return tiers.indexOf(a) < tiers.indexOf(b)
}

/** Node id: by convention a GB/T 2260 code. */
export const NODE_ID = /^[a-z0-9-]{1,32}$/
/** Full name: `<trust domain>/<node id>`. */
export const NODE_NAME = /^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}$/

/** `330825` of `zj.example/330825`; an id stays as it is. */
export function nodeId(nameOrId: string): string {
  return nameOrId.slice(nameOrId.lastIndexOf('/') + 1)
}
