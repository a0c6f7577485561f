/** The doors of the nodes that run in this process, for tests that hold what a node's use cases work with and hand it a batch. */
import type { Context } from '../../src/commit/context.ts'
import type { Door } from '../../src/exchange/door.ts'
import type { Node } from '../../src/node/node.ts'

const nodes = new WeakMap<Context, Node>()

/** Call for each node that was started. */
export function noteNode(node: Node): void {
  nodes.set(node.context, node)
}

export function nodeOf(context: Context): Node {
  const node = nodes.get(context)
  if (!node) throw new Error(`no node of this process has this context: ${context.self}`)
  return node
}

export function doorOf(context: Context): Door {
  return nodeOf(context).door
}
