/** Of part `log`: tiles and entry bundles over HTTPS with an auditor's certificate, beside a plain server of as many bytes. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom, systemRandom } from '../../src/base/random.ts'
import { entriesPath, tilePath } from '../../src/merkle/tile.ts'
import { createDevelopmentPki, issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { BenchLog, realEntries } from './bench-log.ts'
import type { Figure } from './figure.ts'
import { cpuSecondsOf, type Script, startScript } from './script.ts'

const SIZE = 100_096
const CONNECTIONS = 8
const SECONDS = 1

interface Served {
  readonly perSecond: number
  /** Of the server's processor time. */
  readonly cpuMicros: number
  /** Mean of the bodies. */
  readonly bytes: number
}

/** Fills a log of 100,096 entries of real size in the folder and serves it. */
export async function serveLog(folder: string): Promise<Figure[]> {
  const bench = await BenchLog.open(join(folder, 'log'))
  await bench.fill(BigInt(SIZE), realEntries())
  await bench.settle()
  await bench.close()
  const pki = {
    folder: join(folder, 'certs'),
    trustDomain: 'bench.example',
    clock: systemClock,
    random: systemRandom,
  }
  await createDevelopmentPki(pki, ['province'])
  const node = await issueDevelopmentLeaf(pki, {
    tier: 'province',
    role: 'node',
    nodeId: '330000',
    name: '',
  })
  const auditor = await issueDevelopmentLeaf(pki, {
    tier: 'province',
    role: 'auditor',
    nodeId: '330000',
    name: 'bench',
  })
  const root = join(pki.folder, 'root.crt')
  const tls = {
    ca: await readFile(root),
    cert: await readFile(auditor.certificateFile),
    key: await readFile(auditor.keyFile),
    checkServerIdentity: () => undefined,
  }
  const server = await startScript('audit-process.js', [
    join(folder, 'log'),
    node.certificateFile,
    node.keyFile,
    root,
  ])
  const plain = await startScript('audit-process.js', [
    'raw',
    node.certificateFile,
    node.keyFile,
    root,
  ])
  const figures: Figure[] = []
  const random = new SeededRandom('tiles')
  const full = SIZE >> 8
  const index = (): bigint => BigInt(random.below(full))
  for (const [what, path, headers] of [
    ['full tiles', () => tilePath(0, index()), ''],
    ['partial tiles', () => tilePath(0, index(), 1 + random.below(255)), ''],
    ['entry bundles', () => entriesPath(index()), ''],
    ['entry bundles, gzip', () => entriesPath(index()), 'Accept-Encoding: gzip\r\n'],
  ] as const) {
    const paths = Array.from({ length: 2_000 }, path)
    await request(server, tls, paths, headers, 0.5)
    const found = await request(server, tls, paths, headers, SECONDS)
    const most = await request(plain, tls, [`/${Math.round(found.bytes)}`], headers, SECONDS)
    figures.push({
      part: 'log',
      figure: `HTTPS, ${what}`,
      value: found.perSecond,
      unit: 'requests/s',
      limits: [{ what: 'plain node:https', value: most.perSecond }],
      note: `${Math.round(found.bytes).toLocaleString('en-US')} bytes each; ${found.cpuMicros.toFixed(0)} µs CPU each, plain ${most.cpuMicros.toFixed(0)}`,
    })
  }
  await server.stop()
  await plain.stop()
  return figures
}

/** One request after the other on each of a few connections. */
async function request(
  server: Script,
  tls: ConnectionOptions,
  paths: readonly string[],
  headers: string,
  seconds: number,
): Promise<Served> {
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      Connection.open({ ...tls, host: '127.0.0.1', port: server.port }),
    ),
  )
  const cpu = await cpuSecondsOf(server.child.pid!)
  const start = performance.now()
  const end = start + 1000 * seconds
  let count = 0
  let bytes = 0
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() < end) {
        const path = paths[count++ % paths.length]!
        const length = await connection.get(path.startsWith('/') ? path : `/${path}`, headers)
        bytes += length
      }
    }),
  )
  const took = (performance.now() - start) / 1000
  const used = (await cpuSecondsOf(server.child.pid!)) - cpu
  for (const connection of connections) connection.close()
  return { perSecond: count / took, cpuMicros: (1e6 * used) / count, bytes: bytes / count }
}

/** As little of HTTP/1.1 as is wanted: the client shares the machine with what is measured. */
class Connection {
  readonly #socket: TLSSocket
  /** Head of the answer until its end was seen. */
  #head = ''
  #bodyLeft = 0
  #length = 0
  #done: (length: number) => void = () => undefined
  #failed: (error: Error) => void = () => undefined

  static async open(options: ConnectionOptions): Promise<Connection> {
    const socket = connect(options)
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    return new Connection(socket)
  }

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (piece: Buffer) => this.#take(piece))
    socket.on('error', (error) => this.#failed(error))
  }

  /** @returns length of the body */
  get(path: string, headers: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#failed = reject
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n${headers}\r\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(piece: Buffer): void {
    let at = 0
    if (this.#bodyLeft === 0) {
      this.#head += piece.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#head.slice(0, end)
      const [, length] = /^HTTP\/1\.1 200 [^]*\r\ncontent-length: (\d+)/i.exec(head) ?? []
      if (length === undefined)
        return this.#failed(new Error(`the server answers ${head.slice(0, 200)}`))
      at = piece.length - (this.#head.length - end - 4)
      this.#head = ''
      this.#length = this.#bodyLeft = Number(length)
    }
    this.#bodyLeft -= piece.length - at
    if (this.#bodyLeft === 0) this.#done(this.#length)
  }
}
