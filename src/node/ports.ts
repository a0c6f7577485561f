/**
 * What a node reaches the world through: time, chance, disk and network. The same `Node` runs on a machine (system-ports.ts), and in
 * a simulation where one seed decides what each of them does (test/simulation).
 *
 * Over the network what is said goes through as bytes of protobuf; who said it comes from the transport and nowhere else.
 */
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Random } from '../base/random.ts'
import type { Text } from '../base/text.ts'
import type { CheckpointSlot } from '../log/slot.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { AuditServerOptions } from '../service/audit-server.ts'
import type { Engine } from '../store/store.ts'
import type { TypedClient, WireChannelOptions } from '../wire/channel.ts'
import type { WireServerOptions } from '../wire/server.ts'
import type { ServiceBinding } from '../wire/service.ts'
import type { NodeConfig } from './config.ts'

export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly transport: Transport
}

/** Where a node keeps what it has. A backup is written and commands for a stopped node run beside it, on the machine's own disk. */
export interface Disk {
  readonly files: Files
  readonly engine: Engine
  /** Opens the file of the last signed checkpoint. @throws HuxinError store_failed */
  openSlot(file: string): Promise<CheckpointSlot>
}

export interface EndOptions {
  readonly config: NodeConfig
  readonly clock: Clock
  /** The node shows another certificate from now on. */
  readonly onChange: (identity: PeerIdentity) => void
  /** What is wrong with its certificate; undefined when nothing is any more. */
  readonly onAlarm: (what: Text | undefined) => void
}

/** Where this node is called. */
export interface Listener {
  readonly port: number
  /** Who is connected now; one for each connection. */
  connectedPeers(): readonly PeerIdentity[]
  setAllServing(serving: boolean): void
  dropPeers(refused: (peer: PeerIdentity) => boolean): number
  close(graceMs: number): Promise<void>
}

/** Where the log is read over HTTPS. */
export type AuditListener = Pick<Listener, 'port' | 'dropPeers' | 'close'>

/** The one link that a node dials. */
export interface Link {
  client<M extends GenServiceMethods>(service: GenService<M>): TypedClient<M>
  /** Looks again at the certificate of the far end. */
  review(): void
  close(): void
}

/** A node's end of the network. */
export interface TransportEnd {
  /** Who this node is to others now. */
  readonly identity: PeerIdentity
  listen(options: Omit<WireServerOptions, 'material'>): Promise<Listener>
  serveAudit(options: Omit<AuditServerOptions, 'material'>): Promise<AuditListener>
  dial(options: Omit<WireChannelOptions, 'material'>): Link
  /** Reads the certificate again now. */
  reload(): Promise<void>
  /** Stops looking at the certificate; listeners and link are closed by whoever opened them. */
  close(): void
}

/** How a node is reached, and reaches its parent. */
export interface Transport {
  /** @throws HuxinError config_invalid when the node has no certificate that can be used */
  open(options: EndOptions): Promise<TransportEnd>
}

/** A transport whose services are others: for faults, and for showing what a dishonest node can do. */
export function withServices(
  transport: Transport,
  wrap: (services: readonly ServiceBinding[]) => readonly ServiceBinding[],
): Transport {
  return {
    async open(options) {
      const end = await transport.open(options)
      return {
        get identity() {
          return end.identity
        },
        listen: (listening) => end.listen({ ...listening, services: wrap(listening.services) }),
        serveAudit: (listening) => end.serveAudit(listening),
        dial: (dialling) => end.dial(dialling),
        reload: () => end.reload(),
        close: () => end.close(),
      }
    },
  }
}
