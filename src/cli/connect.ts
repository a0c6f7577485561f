/** Connects a command to the running node of a folder, with an operator's certificate. */
import { formatAddress } from '../base/address.ts'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { AdminService, LogService } from '../gen/huxin/v1/admin_service_pb.ts'
import { RecordService } from '../gen/huxin/v1/record_service_pb.ts'
import { loadConfig, type NodeConfig } from '../node/config.ts'
import { certificatesOf, identityOfCertificate, type PeerIdentity } from '../pki/identity.ts'
import { loadTlsMaterial } from '../pki/material.ts'
import { type TypedClient, WireChannel } from '../wire/channel.ts'

export interface ConnectOptions {
  /** The node's folder. */
  readonly node: string
  /** Certificate file of the operator; the first operator-*.crt beside the node's certificate by default. */
  readonly as?: string | undefined
  /** `host:port` where the node answers, when it is not the one it listens on. */
  readonly address?: string | undefined
}

/** The services of one running node. */
export interface Connection {
  readonly config: NodeConfig
  readonly admin: TypedClient<(typeof AdminService)['method']>
  readonly records: TypedClient<(typeof RecordService)['method']>
  readonly log: TypedClient<(typeof LogService)['method']>
  close(): void
}

/** @throws HuxinError config_invalid */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const config = await loadConfig(options.node)
  const certificateFile = options.as ?? await operatorCertificate(config)
  if (!certificateFile.endsWith('.crt')) throw new HuxinError('argument_invalid', text`--as ${certificateFile}: name the certificate, <name>.crt; its key is <name>.key beside it`)
  if (options.as !== undefined) await checkThere(options.as)
  const { material } = await loadTlsMaterial({
    certificateFile, keyFile: certificateFile.replace(/\.crt$/, '.key'), rootFiles: config.tls.roots,
  }, systemClock.nowMs())
  // The node's own file is at hand, where the command runs beside it.
  const own = await readFile(config.tls.certificate, 'utf8').then(certificatesOf, () => [])
  const allowed = [material.identity.issuer, ...own.slice(0, 1).map((leaf) => identityOfCertificate(leaf, own.slice(1)).issuer)]
  const host = config.listen.host === '0.0.0.0' ? '127.0.0.1' : config.listen.host === '::' ? '::1' : config.listen.host
  const channel = WireChannel.dial({
    address: options.address ?? formatAddress({ host, port: config.listen.port }), expectedNodeName: config.node, checkServer: (server) => checkAuthority(server, allowed), material, clock: systemClock, connectTimeoutMs: 5_000,
  })
  return {
    config,
    admin: explain(channel.client(AdminService), options),
    records: explain(channel.client(RecordService), options),
    log: explain(channel.client(LogService), options),
    close: () => channel.close(),
  }
}

function checkAuthority({ issuer, nodeName }: PeerIdentity, allowed: readonly string[]): void {
  if (issuer !== '' && allowed.includes(issuer)) return
  throw new HuxinError('unauthenticated', text`the server shows a certificate of ${nodeName} that was issued by another authority (sha256:${issuer}) than the node's own file and your certificate`)
}

/** `huxin pki issue` encodes names in file names: whoever writes a person's name as it is sees which files there are. */
async function checkThere(file: string): Promise<void> {
  const names = await readdir(dirname(file)).catch((): string[] => [])
  if (names.includes(basename(file))) return
  const others = names.filter((name) => /^operator-.*\.crt$/.test(name)).slice(0, 10)
  throw new HuxinError('argument_invalid', text`--as ${file} cannot be read: there is no such file${others.length === 0 ? '' : text`, but ${others.join(', ')} (names of persons are encoded in file names)`}`)
}

async function operatorCertificate(config: NodeConfig): Promise<string> {
  const folder = dirname(config.tls.certificate)
  const names = await readdir(folder).catch(() => [])
  const name = names.sort((a, b) => (a < b ? -1 : 1)).find((file) => /^operator-.*\.crt$/.test(file))
  if (!name) throw new HuxinError('config_invalid', text`there is no operator certificate in ${folder}: name one with --as, or issue one with huxin pki issue --role operator`)
  return join(folder, name)
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
          if (error instanceof HuxinError && (error.code === 'peer_unreachable' || error.code === 'deadline_exceeded')) {
            throw new HuxinError('peer_unreachable', text`${error.message}. Is the node running? Start it with: huxin node start --node ${node}`, { cause: error })
          }
          throw error
        }
      }
    },
  })
}
