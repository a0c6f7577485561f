/** Targets: a node (`330106`), a node and everything below it (`330100/**`), everyone (`**`). */
import type { FederationState } from './federation.ts'
import { nodeId } from './tier.ts'

export type Target =
  | { readonly kind: 'node' | 'subtree'; readonly id: string }
  | { readonly kind: 'everyone' }

/** Undefined for anything that is not a target. */
export function parseTarget(text: string): Target | undefined {
  if (text === '**') return { kind: 'everyone' }
  const match = /^([a-z0-9-]{1,32})(\/\*\*)?$/.exec(text)
  return match ? { kind: match[2] ? 'subtree' : 'node', id: match[1]! } : undefined
}

/** True when the target addresses the node itself. */
export function targetReaches(text: string, node: string, federation: FederationState): boolean {
  const target = parseTarget(text)
  if (!target) return false
  if (target.kind === 'everyone') return true
  return target.kind === 'node' ? target.id === nodeId(node) : federation.isWithin(node, target.id)
}

/** True when the target addresses the node or something below it. */
export function intersectsSubtree(
  text: string,
  node: string,
  federation: FederationState,
): boolean {
  const target = parseTarget(text)
  if (!target) return false
  if (target.kind === 'everyone') return true
  if (federation.isWithin(target.id, node)) return true
  return target.kind === 'subtree' && federation.isWithin(node, target.id)
}

/** True when the target addresses something that is neither the node nor below it, or nothing known here. */
export function leavesSubtree(text: string, node: string, federation: FederationState): boolean {
  const target = parseTarget(text)
  if (!target) return false
  if (target.kind === 'everyone')
    return federation.roots().length !== 1 || federation.member(node)?.parent !== undefined
  return !federation.isWithin(target.id, node)
}

/** True when everyone whom the target addresses is addressed by the pattern too. */
export function targetWithin(
  text: string,
  patternText: string,
  federation: FederationState,
): boolean {
  const target = parseTarget(text)
  const pattern = parseTarget(patternText)
  if (!target || !pattern) return false
  if (pattern.kind === 'everyone') return true
  if (target.kind === 'everyone') return false
  if (pattern.kind === 'node') return target.kind === 'node' && target.id === pattern.id
  return federation.isWithin(target.id, pattern.id)
}
