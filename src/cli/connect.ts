/** Connects a command to the running node of a folder, with an operator's certificate. */
import { formatAddress } from '../base/address.ts'
import { readFile } from 'node:fs/promises'
import { systemClock } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { AdminService, LogService } from '../gen/huxin/v1/admin_service_pb.ts'
import { RecordService } from '../gen/huxin/v1/record_service_pb.ts'
import { loadConfig, type NodeConfig } from '../node/config.ts'
import { certificatesOf, identityOfCertificate, type PeerIdentity } from '../pki/identity.ts'
import { loadTlsMaterial } from '../pki/material.ts'
import { certificateOf } from './operators.ts'
import { type TypedClient, WireChannel } from '../wire/channel.ts'

export interface ConnectOptions {
  /** The node's folder. */
  readonly node: string
  /** Name of the operator, or certificate file; the only operator beside the node's certificate by default. */
  readonly as?: string | undefined
  /** `host:port` where the node answers, when it is not the one it listens on. */
  readonly address?: string | undefined
}

/** The services of one running node. */
export interface Connection {
  readonly config: NodeConfig
  /** Whose certificate it is. */
  readonly identity: PeerIdentity
  readonly admin: TypedClient<(typeof AdminService)['method']>
  readonly records: TypedClient<(typeof RecordService)['method']>
  readonly log: TypedClient<(typeof LogService)['method']>
  close(): void
}

/** @throws HuxinError config_invalid */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const config = await loadConfig(options.node)
  const certificateFile = await certificateOf(options.as, config.tls.certificate)
  const { material } = await loadTlsMaterial(
    {
      certificateFile,
      keyFile: certificateFile.replace(/\.crt$/, '.key'),
      rootFiles: config.tls.roots,
    },
    systemClock.nowMs(),
  )
  // The node's own file is at hand, where the command runs beside it.
  const own = await readFile(config.tls.certificate, 'utf8').then(certificatesOf, () => [])
  const allowed = [
    material.identity.issuer,
    ...own.slice(0, 1).map((leaf) => identityOfCertificate(leaf, own.slice(1)).issuer),
  ]
  const host =
    config.listen.host === '0.0.0.0'
      ? '127.0.0.1'
      : config.listen.host === '::'
        ? '::1'
        : config.listen.host
  const channel = WireChannel.dial({
    address: options.address ?? formatAddress({ host, port: config.listen.port }),
    expectedNodeName: config.node,
    checkServer: (server) => checkAuthority(server, allowed),
    material,
    clock: systemClock,
    connectTimeoutMs: 5_000,
  })
  return {
    config,
    identity: material.identity,
    admin: explain(channel.client(AdminService), options),
    records: explain(channel.client(RecordService), options),
    log: explain(channel.client(LogService), options),
    close: () => channel.close(),
  }
}

function checkAuthority({ issuer, nodeName }: PeerIdentity, allowed: readonly string[]): void {
  if (issuer !== '' && allowed.includes(issuer)) return
  throw new HuxinError(
    'unauthenticated',
    text`the server shows a certificate of ${nodeName} that was issued by another authority (sha256:${issuer}) than the node's own file and your certificate`,
  )
}

/** An unreachable node is most often one that is not started. */
function explain<T extends object>(client: T, { node }: ConnectOptions): T {
  return new Proxy(client, {
    get(target, name) {
      const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        try {
          return await call(...args)
        } catch (error) {
          if (
            error instanceof HuxinError &&
            (error.code === 'peer_unreachable' || error.code === 'deadline_exceeded')
          ) {
            throw new HuxinError(
              'peer_unreachable',
              text`${textOf(error)}. Is the node running? Start it with: huxin node start --node ${node}`,
              { cause: error },
            )
          }
          throw error
        }
      }
    },
  })
}
