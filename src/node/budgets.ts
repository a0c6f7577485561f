/** What callers may take of this node: as node.yaml says it, and by how they stand to it. */
import type { Context } from '../exchange/context.ts'
import { standingOf } from '../service/standing.ts'
import type { WireServerOptions } from '../wire/server.ts'
import type { NodeConfig } from './config.ts'

export function budgetsOf({ connectionsMax, perCaller, heldBytesMax }: NodeConfig, context: () => Context): Pick<WireServerOptions, 'budgets' | 'standing'> {
  return {
    budgets: { connections: connectionsMax, connectionsPerPeer: perCaller.connections, callsPerPeer: perCaller.calls, bytes: heldBytesMax, bytesPerPeer: perCaller.bytes },
    standing: (peer) => standingOf(context(), peer),
  }
}
