/** What callers may take of this node: as node.yaml says it, and by how they stand to it. */
import type { Context } from '../commit/context.ts'
import { standingOf } from '../service/standing.ts'
import type { WireServerOptions } from '../wire/server.ts'
import type { NodeConfig } from './config.ts'

const HANDSHAKES_MAX = 1_024

/** Connections that may be in their handshake at once: as many as may be open after it, at most a thousand. */
export function handshakesOf(connectionsMax: number): number {
  return Math.min(HANDSHAKES_MAX, connectionsMax)
}

export function budgetsOf(
  { connectionsMax, perCaller, heldBytesMax }: NodeConfig,
  context: () => Context,
): Pick<WireServerOptions, 'budgets' | 'handshakes' | 'standing'> {
  const handshakes = handshakesOf(connectionsMax)
  return {
    budgets: {
      connections: connectionsMax,
      connectionsPerPeer: perCaller.connections,
      callsPerPeer: perCaller.calls,
      bytes: heldBytesMax,
      bytesPerPeer: perCaller.bytes,
    },
    handshakes: { all: handshakes, perAddress: Math.ceil(handshakes / 2) },
    standing: (peer) => standingOf(context(), peer),
  }
}
