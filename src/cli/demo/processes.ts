/** The demo's seven nodes: set up with the same steps as real ones, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { holdProcess, sleep, systemClock } from '../../base/clock.ts'
import { systemRandom } from '../../base/random.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { initNode, joinNode } from '../../node/setup.ts'
import {
  createDevelopmentPki,
  type DevelopmentPki,
  issueDevelopmentLeaf,
} from '../../pki/devpki.ts'
import { type Tier, tiers } from '../../topology/tier.ts'
import { connect, type Connection } from '../connect.ts'
import { BODY } from './data.ts'

export const DOMAIN = 'gx.example'

export interface DemoPlace {
  readonly id: string
  readonly tier: Tier
  readonly parent: string | undefined
  readonly zh: string
  readonly en: string
}

export const places: readonly DemoPlace[] = [
  { id: '000000', tier: 'nation', parent: undefined, zh: '国家', en: 'National' },
  { id: '330000', tier: 'province', parent: '000000', zh: '浙江省', en: 'Zhejiang' },
  { id: '330100', tier: 'city', parent: '330000', zh: '杭州市', en: 'Hangzhou' },
  { id: '330700', tier: 'city', parent: '330000', zh: '金华市', en: 'Jinhua' },
  { id: '330106', tier: 'county', parent: '330100', zh: '西湖区', en: 'Xihu' },
  { id: '330110', tier: 'county', parent: '330100', zh: '余杭区', en: 'Yuhang' },
  { id: '330782', tier: 'county', parent: '330700', zh: '义乌市', en: 'Yiwu' },
]

const CALL = { timeoutMs: 30_000 }
const STEP_MS = 25
const START_MS_MAX = 30_000
const STOP_MS_MAX = 5_000

export class DemoProcesses {
  readonly folder: string
  readonly #pki: DevelopmentPki
  readonly #ports = new Map<string, number>()
  readonly #running = new Map<string, ChildProcess>()
  readonly #connections = new Map<string, Connection>()
  readonly #stop = new AbortController()

  constructor(folder: string) {
    this.folder = folder
    this.#pki = {
      folder: join(folder, 'certs'),
      trustDomain: DOMAIN,
      clock: systemClock,
      random: systemRandom,
    }
  }

  /** Aborted when everything is to end. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  name(id: string): string {
    return `${DOMAIN}/${id}`
  }

  nodeFolder(id: string): string {
    return join(this.folder, 'nodes', id)
  }

  /** PKI, folders, keys, admissions, processes: parents first. */
  async setUp(onNode: (place: DemoPlace) => void): Promise<void> {
    await createDevelopmentPki(this.#pki, tiers)
    for (const place of places) {
      await this.#setUpNode(place)
      await this.start(place.id)
      onNode(place)
    }
  }

  async #setUpNode(place: DemoPlace): Promise<void> {
    for (const [role, name] of [
      ['node', ''],
      ['operator', '王芳'],
    ] as const) {
      await issueDevelopmentLeaf(this.#pki, { tier: place.tier, role, nodeId: place.id, name })
    }
    const port = await freePort()
    this.#ports.set(place.id, port)
    const folder = this.nodeFolder(place.id)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const application = await initNode(
      folder,
      {
        node: this.name(place.id),
        tier: place.tier,
        divisions: [place.id],
        body: BODY,
        listen: `127.0.0.1:${port}`,
        certs: join(this.#pki.folder, place.id),
        actor: '王芳',
        parent:
          place.parent === undefined
            ? undefined
            : {
                node: this.name(place.parent),
                address: `127.0.0.1:${this.#ports.get(place.parent)}`,
              },
      },
      { clock: systemClock, random: systemRandom },
    )
    await writeFile(
      join(folder, 'node.yaml'),
      `${await readFile(join(folder, 'node.yaml'), 'utf8')}transitGraceHours: 0\n`,
    )
    if (application === undefined || place.parent === undefined) return
    const parent = await this.connection(place.parent)
    const { joinFile } = await parent.admin.approveMember(
      {
        application: await readFile(application),
        act: { reason: '演示接入', document: '演〔2026〕1号' },
      },
      CALL,
    )
    await joinNode(folder, joinFile)
  }

  /** Starts the process of a node and waits until it serves. */
  async start(
    id: string,
    script: readonly string[] = [
      fileURLToPath(new URL('../main.js', import.meta.url)),
      'node',
      'start',
      '--node',
      this.nodeFolder(id),
    ],
  ): Promise<void> {
    // A scene may be between two processes when everything is stopped.
    if (this.#stop.signal.aborted)
      throw new HuxinError('cancelled', text`node ${id} is not started: the demo is stopping`)
    const child = spawn(process.execPath, [...script], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    const log = createWriteStream(join(this.nodeFolder(id), 'node.log'), {
      flags: 'a',
      mode: 0o600,
    })
    child.stdout!.pipe(log)
    child.stderr!.pipe(log)
    this.#running.set(id, child)
    const connection = await this.connection(id)
    for (const begin = systemClock.monotonicMs(); ;) {
      const status = await connection.admin
        .getStatus({}, { timeoutMs: 2_000 })
        .catch(() => undefined)
      if (status && status.state !== 'starting') return
      if (
        child.exitCode !== null ||
        child.signalCode !== null ||
        systemClock.monotonicMs() - begin > START_MS_MAX
      ) {
        throw new HuxinError(
          'not_ready',
          text`node ${id} did not start; see ${join(this.nodeFolder(id), 'node.log')}`,
        )
      }
      await pause(STEP_MS)
    }
  }

  /** Starts a node that hides one batch from its children. */
  startWithholding(id: string, lane: string, number: number): Promise<void> {
    return this.start(id, [
      fileURLToPath(new URL('withholding-node.js', import.meta.url)),
      this.nodeFolder(id),
      lane,
      String(number),
    ])
  }

  /** Ends a node: in order, or at once as a power cut would. */
  async stop(id: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#running.get(id)
    this.#running.delete(id)
    this.#connections.get(id)?.close()
    this.#connections.delete(id)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    const giveUp = systemClock.after(STOP_MS_MAX, () => child.kill('SIGKILL'))
    await ended
    giveUp()
  }

  /** Ends every process, and starts no other; may be called at any moment, more than once. */
  async stopAll(): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id)))
  }

  async connection(id: string): Promise<Connection> {
    const before = this.#connections.get(id)
    if (before) return before
    const connection = await connect({ node: this.nodeFolder(id) })
    this.#connections.set(id, connection)
    return connection
  }
}

/** Waits until `look` gives something; undefined when `timeoutMs` passed or the signal is aborted. */
export async function until<T>(
  look: () => Promise<T | undefined>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  for (
    const begin = systemClock.monotonicMs();
    !signal.aborted && systemClock.monotonicMs() - begin < timeoutMs;
  ) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await pause(STEP_MS)
  }
  return undefined
}

/** A pause that keeps the process alive. */
export function pause(ms: number): Promise<void> {
  return sleep(systemClock, ms).finally(holdProcess())
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
      })
  })
}
