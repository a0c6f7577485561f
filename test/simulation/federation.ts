/** A whole federation in one process: memory for disks, a network and a clock that obey one seed. No files, no TLS. */
import { createHash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { hex } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import type { Context } from '../../src/commit/context.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { approveMember, rootStatement } from '../../src/members/members.ts'
import { type NodeConfig, parseConfig } from '../../src/node/config.ts'
import { createSubjectKey, makeKeys } from '../../src/node/keys.ts'
import { Node } from '../../src/node/node.ts'
import type { NodeLog } from '../../src/node/node-log.ts'
import type { PeerIdentity } from '../../src/pki/identity.ts'
import { publish } from '../../src/publish/publish.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { tables } from '../../src/store/keys.ts'
import { formatJoinFile, signApplication } from '../../src/topology/join.ts'
import type { Tier } from '../../src/topology/tier.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import { VirtualTime } from './time.ts'

export const DOMAIN = 'zj.example'
export const BODY = '11330825TT00000903'
export const ITEM = 'zj/industry-evaluation@2026.1'
export const ACT = { actor: '张三', reason: 'simulation', document: '测〔2026〕1号' }

/** Milliseconds that a node may take to start, and a federation to become quiet. */
const START_MS_MAX = 120_000

export interface Place {
  readonly id: string
  readonly tier: Tier
  readonly parent: string | undefined
}

export class SimulatedFederation {
  readonly time = new VirtualTime()
  readonly network = new Network(this.time)
  /** Decides what the world does; nodes have sequences of their own. */
  readonly random: SeededRandom
  readonly places: Place[] = []
  /** Those that run. */
  readonly nodes = new Map<string, Node>()
  /** What nodes said, with the time. */
  readonly lines: string[] = []
  /** A node that could not be started, which a test looks at in the end. */
  readonly startErrors: string[] = []
  /** Epochs that were begun. */
  rotations = 0
  readonly #seed: string
  readonly #machines = new Map<string, Machine>()
  readonly #starts = new Map<string, number>()
  readonly #running = new Map<string, Promise<Node>>()

  constructor(seed: string) {
    this.#seed = seed
    this.random = new SeededRandom(seed)
  }

  machine(id: string): Machine {
    return this.#machines.get(id)!
  }

  context(id: string): Context {
    return this.node(id).context
  }

  node(id: string): Node {
    const node = this.nodes.get(id)
    if (!node) throw new Error(`${id} does not run`)
    return node
  }

  place(id: string): Place {
    return this.places.find((place) => place.id === id)!
  }

  /** Whether a node stands at or below another. */
  isWithin(id: string, above: string): boolean {
    for (let at: string | undefined = id; at !== undefined; at = this.place(at).parent)
      if (at === above) return true
    return false
  }

  /** Initializes, admits and starts a node; its parent runs. */
  async add(place: Place): Promise<Node> {
    const machine = new Machine(this.time, new SeededRandom(`${this.#seed} machine ${place.id}`))
    this.#machines.set(place.id, machine)
    const { files } = machine.disk()
    const random = new SeededRandom(`${this.#seed} keys ${place.id}`)
    const folder = folderOf(place.id)
    const keys = await makeKeys(`${folder}/keys/1`, nameOf(place.id), { random, files })
    await createSubjectKey(folder, { random, files })
    const base = {
      member: nameOf(place.id),
      tier: place.tier,
      divisions: [place.id],
      body: BODY,
      host: undefined,
      noteVkey: keys.note.vkey,
      cosignVkey: keys.cosign.vkey,
      authorities: [authorityOf(place.id)],
    }
    if (place.parent === undefined) {
      const statement = rootStatement(
        { ...base, epoch: 1, validFrom: '2026-01-01', validTo: '2036-12-31', ...ACT },
        keys.note,
      )
      await files.writeWhole(
        `${folder}/join.json`,
        formatJoinFile({
          anchors: [{ name: base.member, vkey: keys.note.vkey }],
          statements: [statement],
          parentCheckpoint: new Uint8Array(),
          heads: [],
          parentAddress: '',
          protocol: 1000,
        }),
      )
    } else {
      const parent = this.node(place.parent)
      await this.until(
        `${place.parent} knows itself`,
        () => parent.context.ledger().federation.member(parent.context.self) !== undefined,
      )
      const { joinFile } = await approveMember(parent.context, {
        application: signApplication({ ...base, parent: nameOf(place.parent) }, keys.note),
        act: ACT,
        rekey: false,
        anchors: parent.join.anchors,
        parentAddress: `${place.parent}:7443`,
        source: { kind: 'self' },
      })
      await files.writeWhole(`${folder}/join.json`, joinFile)
    }
    // Only now: whoever admits it may die meanwhile.
    this.places.push(place)
    return this.start(place.id)
  }

  /** Starts the process of a node, again when it does not start: its machine may be ill. */
  start(id: string): Promise<Node> {
    let running = this.#running.get(id)
    if (!running) this.#running.set(id, (running = this.#start(id)))
    // Whoever has no process may be started again.
    running.catch(() => this.#running.delete(id))
    return running
  }

  async #start(id: string): Promise<Node> {
    const machine = this.machine(id)
    const { process } = machine
    const times = (this.#starts.get(id) ?? 0) + 1
    this.#starts.set(id, times)
    const node = await process.hear(
      Node.start({
        config: this.#config(this.place(id)),
        disk: machine.disk(process),
        transport: this.network.transport(process, identityOf(id)),
        clock: this.time.clock(() => process.alive),
        random: new SeededRandom(`${this.#seed} node ${id} ${times}`),
        log: this.#log(id),
      }).catch((error: unknown) => {
        this.startErrors.push(`${id}: ${String(error)}`)
        machine.kill('stays')
        throw error
      }),
    )
    this.nodes.set(id, node)
    void process
      .hear(node.succeeded)
      .then(() => this.#nextEpoch(id))
      .catch(() => undefined)
    return node
  }

  /** As the command that runs a node does. */
  async #nextEpoch(id: string): Promise<void> {
    this.rotations++
    await this.close(id)
    await this.start(id)
  }

  /** The process of a node ends without a word. */
  kill(id: string, power: 'stays' | 'fails'): void {
    this.machine(id).kill(power)
    this.gone(id)
  }

  /** Call when the process of a node has ended. */
  gone(id: string): void {
    this.nodes.delete(id)
    this.#running.delete(id)
    this.network.broke(nameOf(id))
  }

  /** Ends the process of a node in order. */
  async close(id: string): Promise<void> {
    const node = this.node(id)
    const { process } = this.machine(id)
    this.nodes.delete(id)
    await process.hear(node.close())
    this.kill(id, 'stays')
  }

  /** Publishes the scale and the item that records of the simulation are of, where their names belong. */
  async publishCatalog(id: string): Promise<void> {
    const records = [
      ...starterScales
        .filter(({ id }) => id === 'zj/five-grade')
        .map((value) => ({ case: 'scale' as const, value })),
      ...starterItems
        .filter(({ id }) => id === 'zj/industry-evaluation')
        .map((value) => ({ case: 'item' as const, value })),
    ].map((content) => encodeCatalogRecord(create(CatalogRecordSchema, { content, act: ACT })))
    const { refusal } = await publish(this.context(id), {
      kind: 'catalog',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      records,
      source: { kind: 'self' },
    })
    if (refusal) throw new Error(refusal.message)
  }

  /** Waits until something holds. */
  async until(
    what: string,
    holds: () => boolean | Promise<boolean>,
    msMax = START_MS_MAX,
  ): Promise<void> {
    const endMs = this.time.nowMs + msMax
    while (!(await holds())) {
      if (this.time.nowMs > endMs)
        throw new Error(`waited ${msMax / 1000} s in vain: ${what}\n${this.alarms().join('\n')}`)
      await this.time.sleep(100)
    }
  }

  alarms(): string[] {
    return [...this.nodes].flatMap(([id, node]) =>
      node.alarms.list().map((line) => `${id}: ${line}`),
    )
  }

  /** Every finding of fsck at every node that runs. */
  async findings(): Promise<string[]> {
    const lines: string[] = []
    for (const [id, node] of this.nodes) {
      const { findings } = await checkStore(node.context.store, node.context.log(), node.genesis())
      lines.push(...findings.map((finding) => `${id}: ${String(finding)}`))
    }
    return lines
  }

  /** SHA-256 of every entry of every log, of the tree that was signed over it and of the bodies beside it. */
  async digest(): Promise<Readonly<Record<string, string>>> {
    const digests: Record<string, string> = {}
    for (const { id } of this.places) {
      const { store, log } = this.context(id)
      const digest = createHash('sha256').update(log().signed.note)
      for (const table of [tables.entry, tables.body]) {
        for (const [key, value] of await store.range({
          gte: table,
          lt: Buffer.from([table[0]! + 1]),
        }))
          digest.update(key).update(value)
      }
      digests[id] = hex(digest.digest())
    }
    return digests
  }

  #config({ id, tier, parent }: Place): NodeConfig {
    const { config, faults } = parseConfig(
      `node: ${nameOf(id)}\ntier: ${tier}\nbody: ${BODY}\ndivisions: ['${id}']\nlisten: 127.0.0.1:7443\n` +
        (parent === undefined
          ? ''
          : `parent:\n  node: ${nameOf(parent)}\n  address: ${parent}:7443\n`) +
        `scrub:\n  bytesPerDay: 100000000\ntls:\n  certificate: a\n  key: b\n  roots: [c]\n`,
      folderOf(id),
    )
    if (!config)
      throw new Error(faults.map(({ path, message }) => `${path} ${String(message)}`).join('; '))
    return config
  }

  #log(id: string): NodeLog {
    const keep =
      (level: string) =>
      (fields: object, message: string): void => {
        this.lines.push(
          `${(this.time.passedMs / 1000).toFixed(3)} ${id} ${level} ${message} ${JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
        )
      }
    return { debug: () => undefined, info: keep('info'), warn: keep('warn'), error: keep('error') }
  }
}

export function nameOf(id: string): string {
  return `${DOMAIN}/${id}`
}

function folderOf(id: string): string {
  return `/nodes/${id}`
}

function authorityOf(id: string): string {
  return createHash('sha256').update(`authority of ${id}`).digest('hex')
}

function identityOf(id: string): PeerIdentity {
  return {
    trustDomain: DOMAIN,
    role: 'node',
    nodeId: id,
    name: '',
    serial: createHash('sha256').update(id).digest('hex').slice(0, 16).toUpperCase(),
    issuer: authorityOf(id),
    notBeforeMs: Date.UTC(2026, 0, 1),
    notAfterMs: Date.UTC(2036, 0, 1),
    nodeName: nameOf(id),
  }
}
