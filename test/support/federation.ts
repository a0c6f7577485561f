/**
 * A whole federation in one process, over real mutual TLS on loopback: the same code that runs in
 * production, with the same files on disk. Used by the tests of exchange, faults and recovery.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type Clock, sleep, systemClock } from '../../src/base/clock.ts'
import { SeededRandom, systemRandom } from '../../src/base/random.ts'
import { approveMember, rootStatement } from '../../src/members/members.ts'
import type { Context } from '../../src/commit/context.ts'
import { publish } from '../../src/publish/publish.ts'
import { isProvider, setClient, setProvider } from '../../src/members/register.ts'
import { type CatalogRecord, CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  type RegisteredClient,
  RegisteredClientSchema,
  RegisteredProviderSchema,
} from '../../src/gen/huxin/v1/register_pb.ts'
import { catalogId, encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { loadConfig } from '../../src/node/config.ts'
import { createSubjectKey, makeKeys } from '../../src/node/keys.ts'
import { noteNode } from './doors.ts'
import { Node, type NodeOptions } from '../../src/node/node.ts'
import type { NodeLog } from '../../src/node/node-log.ts'
import {
  createDevelopmentPki,
  type DevelopmentPki,
  issueDevelopmentLeaf,
} from '../../src/pki/devpki.ts'
import { authorityOf, certificatesOf } from '../../src/pki/identity.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterMappings, starterScales } from '../../src/record/data/scales.ts'
import { catalogPrefix, prefixOwner } from '../../src/topology/catalog-names.ts'
import { formatJoinFile, signApplication } from '../../src/topology/join.ts'
import { type Tier, tiers } from '../../src/topology/tier.ts'
import { Patience } from './own-time.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import { MemoryEngine } from '../../src/store/memory/engine.ts'
import type { Engine } from '../../src/store/store.ts'
import { portsOf, type TestOptions } from './ports.ts'

export const BODY = '11330825TT00000903'
export const DOMAIN = 'zj.example'

/** What a test says of a node. */
export interface Place {
  readonly id: string
  readonly tier: Tier
  /** Node id; undefined for the root. */
  readonly parent?: string
  readonly divisions?: readonly string[]
  readonly trustDomain?: string
  /** Who may issue in its name; the CA of its tier by default. */
  readonly authorities?: readonly string[] | undefined
  /** More DNS names and addresses in its certificate, for programs of others that check what they dial. */
  readonly hosts?: readonly string[]
}

/** The demo's seven: a nation, a province, two cities, three counties. */
export const SEVEN: readonly Place[] = [
  { id: '000000', tier: 'nation', divisions: ['000000'] },
  { id: '330000', tier: 'province', parent: '000000', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330700', tier: 'city', parent: '330000', divisions: ['330700'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
  { id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] },
  { id: '330782', tier: 'county', parent: '330700', divisions: ['330782'] },
]

async function enterClient(context: Context, client: RegisteredClient): Promise<void> {
  const entering = {
    act: { actor: '张三', reason: 'test', document: '测〔2026〕4号' },
    source: { kind: 'operator', name: encodeURIComponent('张三') } as const,
  }
  if (!isProvider(context, client.body))
    await setProvider(
      context,
      create(RegisteredProviderSchema, { body: client.body, name: `body ${client.body}` }),
      entering,
    )
  await setClient(context, client, entering)
}

/** The authority that issued a certificate file, leaf first. */
export async function issuerIn(certificateFile: string): Promise<string> {
  return authorityOf(certificatesOf(await readFile(certificateFile, 'utf8'))[1]!)
}

export const silent: NodeLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

export interface FederationOptions {
  readonly clock?: Clock
  /** The starter catalog is published; so it is by default. */
  readonly catalog?: boolean
  readonly link?: NodeOptions['link']
  /** Where databases are: in memory by default; on disk where a test looks at a folder, stops a process, or runs commands on a stopped node. */
  readonly store?: 'memory' | 'disk'
}

export class TestFederation {
  readonly folder: string
  readonly nodes = new Map<string, Node>()
  readonly pki: DevelopmentPki
  readonly #places = new Map<string, Place>()
  readonly #clock: Clock
  readonly #link: NodeOptions['link']
  readonly #engine: Engine
  /** Log lines of every node, when `HUXIN_TEST_LOG` is set they are printed too. */
  readonly lines: string[] = []

  private constructor(
    folder: string,
    { clock, link, engine }: { clock: Clock; link: NodeOptions['link']; engine: Engine },
  ) {
    this.folder = folder
    this.#engine = engine
    this.#clock = clock
    this.#link = link
    this.pki = { folder: join(folder, 'certs'), trustDomain: DOMAIN, clock, random: systemRandom }
  }

  /** Starts the places in order; parents first. Publishes the starter catalog at the root. */
  static async start(
    places: readonly Place[],
    { store = 'memory', ...options }: FederationOptions = {},
  ): Promise<TestFederation> {
    const folder = await mkdtemp(join(tmpdir(), 'huxin-test-'))
    const federation = new TestFederation(folder, {
      clock: options.clock ?? systemClock,
      link: options.link,
      engine: store === 'memory' ? new MemoryEngine() : levelEngine,
    })
    await createDevelopmentPki(federation.pki, tiers)
    for (const place of places) await federation.add(place)
    if (options.catalog ?? true) {
      await federation.publishCatalog(places[0]!.id)
      await federation.confirmed()
    }
    return federation
  }

  node(id: string): Node {
    const node = this.nodes.get(id)
    if (!node) throw new Error(`no node ${id}`)
    return node
  }

  folderOf(id: string): string {
    return join(this.folder, 'nodes', id)
  }

  name(id: string): string {
    return `${this.#places.get(id)?.trustDomain ?? DOMAIN}/${id}`
  }

  /** Initializes, admits and starts a node. */
  async add(place: Place, options: TestOptions = {}): Promise<Node> {
    this.#places.set(place.id, place)
    await this.init(place)
    return this.startNode(place.id, options)
  }

  /** Until each node that runs has heard what was done to records. */
  async confirmed(): Promise<void> {
    await this.until('every node is confirmed', () =>
      [...this.nodes.values()].every(({ context }) => context.unconfirmedSinceMs() === undefined),
    )
  }

  /** Everything up to the first start. */
  async init(place: Place): Promise<void> {
    this.#places.set(place.id, place)
    const folder = this.folderOf(place.id)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const { certificateFile } = await issueDevelopmentLeaf(this.pki, {
      tier: place.tier,
      role: 'node',
      nodeId: place.id,
      name: '',
      ...(place.hosts ? { hosts: place.hosts } : {}),
    })
    await issueDevelopmentLeaf(this.pki, {
      tier: place.tier,
      role: 'client',
      nodeId: place.id,
      name: 'bench',
    })
    await issueDevelopmentLeaf(this.pki, {
      tier: place.tier,
      role: 'operator',
      nodeId: place.id,
      name: '张三',
    })
    await this.writeConfig(place)
    const keys = await makeKeys(join(folder, 'keys', '1'), this.name(place.id), {
      random: systemRandom,
    })
    await createSubjectKey(folder, { random: systemRandom })
    const base = {
      member: this.name(place.id),
      tier: place.tier,
      divisions: [...(place.divisions ?? [])].sort(),
      body: BODY,
      host: undefined,
      noteVkey: keys.note.vkey,
      cosignVkey: keys.cosign.vkey,
      authorities: place.authorities ?? [await issuerIn(certificateFile)],
    }
    if (place.parent === undefined) {
      const statement = rootStatement(
        {
          ...base,
          epoch: 1,
          validFrom: '2026-01-01',
          validTo: '2036-12-31',
          actor: '张三',
          document: '-',
          reason: 'root',
        },
        keys.note,
      )
      await writeFile(
        join(folder, 'join.json'),
        formatJoinFile({
          anchors: [{ name: base.member, vkey: keys.note.vkey }],
          statements: [statement],
          parentCheckpoint: new Uint8Array(),
          heads: [],
          parentAddress: '',
          protocol: 1000,
        }),
      )
      return
    }
    const application = signApplication({ ...base, parent: this.name(place.parent) }, keys.note)
    const parent = this.node(place.parent)
    await this.until(
      `${place.parent} knows itself`,
      () => parent.context.ledger().federation.member(parent.context.self) !== undefined,
    )
    const { joinFile } = await approveMember(parent.context, {
      application,
      act: { actor: '张三', reason: 'test', document: '测〔2026〕1号' },
      rekey: false,
      anchors: parent.join.anchors,
      parentAddress: `127.0.0.1:${parent.port}`,
      source: { kind: 'self' },
    })
    await writeFile(join(folder, 'join.json'), joinFile)
  }

  /** Puts a node's files where the node is to be, with new certificates; a child's parent runs. */
  async adopt(
    place: Place,
    files: readonly (readonly [name: string, content: Uint8Array])[],
  ): Promise<void> {
    this.#places.set(place.id, place)
    for (const [name, content] of files) {
      const file = join(this.folderOf(place.id), name)
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await writeFile(file, content, { mode: 0o600 })
    }
    await issueDevelopmentLeaf(this.pki, {
      tier: place.tier,
      role: 'node',
      nodeId: place.id,
      name: '',
    })
    await this.writeConfig(place)
  }

  async writeConfig(
    place: Place,
    extra = '',
    parentAddress?: string,
    proxy?: string,
  ): Promise<void> {
    const certs = join(this.pki.folder, place.id)
    const parent =
      place.parent === undefined
        ? ''
        : `parent:\n  node: ${this.name(place.parent)}\n  address: ${parentAddress ?? `127.0.0.1:${this.node(place.parent).port}`}\n${proxy === undefined ? '' : `  proxy: ${proxy}\n`}`
    await writeFile(
      join(this.folderOf(place.id), 'node.yaml'),
      `node: ${this.name(place.id)}\ntier: ${place.tier}\nbody: ${BODY}\n` +
        `divisions: [${(place.divisions ?? []).map((code) => `'${code}'`).join(', ')}]\n${parent}listen: 127.0.0.1:0\n` +
        `tls:\n  certificate: ${certs}/node.crt\n  key: ${certs}/node.key\n  roots: [${this.pki.folder}/root.crt]\n${extra}`,
    )
  }

  async startNode(id: string, options: TestOptions = {}): Promise<Node> {
    const config = await loadConfig(this.folderOf(id))
    const keep =
      (level: string) =>
      (fields: object, message: string): void => {
        const line = `${id} ${level} ${message} ${JSON.stringify(fields)}`
        this.lines.push(line)
        if (process.env['HUXIN_TEST_LOG']) process.stderr.write(`${line}\n`)
      }
    const log: NodeLog = {
      ...silent,
      debug: keep('debug'),
      info: keep('info'),
      warn: keep('warn'),
      error: keep('error'),
    }
    const node = await Node.start({
      ...portsOf(options, this.#engine),
      config,
      clock: this.#clock,
      log,
      ...(this.#link ? { link: this.#link } : {}),
      ...options,
    })
    // Batches made by hand are numbered by what memory holds of their lanes.
    const { lanes } = node.context.ledger()
    for await (const [lane] of lanes.heads())
      await lanes.find(lane, { get: (key) => node.context.store.get(key), staged: () => [] })
    noteNode(node)
    this.nodes.set(id, node)
    return node
  }

  /** Keeps the port of a node over a restart, so that its children find it again. */
  async restart(id: string, options: TestOptions = {}): Promise<Node> {
    const before = this.node(id)
    const { port } = before
    await before.close()
    this.nodes.delete(id)
    const config = await loadConfig(this.folderOf(id))
    return this.startNode(id, {
      ...options,
      config: { ...config, listen: { host: '127.0.0.1', port } },
    })
  }

  /** Publishes the starter catalog: each name at its owner where that runs, the rest at the node named. */
  async publishCatalog(id: string): Promise<void> {
    const act = { actor: '张三', reason: 'test', document: '测〔2026〕2号' }
    const records = [
      ...starterScales.map((value) => ({ case: 'scale' as const, value })),
      ...starterMappings.map((value) => ({ case: 'mapping' as const, value })),
      ...starterItems.map((value) => ({ case: 'item' as const, value })),
    ].map((content) => create(CatalogRecordSchema, { content, act }))
    const publisherOf = (record: CatalogRecord): string => {
      const owner = prefixOwner(
        this.node(id).context.ledger().federation.all(),
        catalogPrefix(catalogId(record)),
      )
      return owner && this.nodes.has(owner.id) ? owner.id : id
    }
    // Mappings name scales of others: those of the first are there before the second publishes.
    for (const publisher of [
      id,
      ...[...new Set(records.map(publisherOf))].filter((one) => one !== id),
    ]) {
      const { context } = this.node(publisher)
      const known = (): boolean =>
        records
          .filter((record) => publisherOf(record) === id)
          .every((record) => context.ledger().catalog.entry(catalogId(record)))
      if (publisher !== id) await this.until(`the catalog of ${id} is at ${publisher}`, known)
      const own = records
        .filter((record) => publisherOf(record) === publisher)
        .map(encodeCatalogRecord)
      if (own.length === 0) continue
      const published = await publish(context, {
        kind: 'catalog',
        item: undefined,
        provider: BODY,
        targets: ['**'],
        batchClass: 'control',
        records: own,
        source: { kind: 'self' },
      })
      if (published.refusal) throw new Error(published.refusal.message)
    }
  }

  /** Enters a client into the register of a running node, for the body of all test nodes unless another is named; once. */
  async registerClient(
    id: string,
    name = 'bench',
    client: MessageInitShape<typeof RegisteredClientSchema> = {},
  ): Promise<void> {
    await enterClient(
      this.node(id).context,
      create(RegisteredClientSchema, { name, body: BODY, ...client }),
    )
  }

  /** Waits until a condition holds, looking again whenever any node's log may have changed. */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    timeoutMs = 20_000,
  ): Promise<void> {
    const patience = new Patience(timeoutMs)
    try {
      while (!(await condition())) {
        if (patience.over)
          throw new Error(`waited ${timeoutMs} ms in vain: ${what}\n${this.alarms().join('\n')}`)
        await sleep(systemClock, 10)
      }
    } finally {
      patience.end()
    }
  }

  /** Every standing alarm of every node. */
  alarms(): string[] {
    return [...this.nodes].flatMap(([id, node]) =>
      node.alarms.list().map((line) => `${id}: ${line}`),
    )
  }

  /** Stops everything and removes the folder. */
  async stop(): Promise<void> {
    for (const node of [...this.nodes.values()].reverse()) await node.close()
    this.nodes.clear()
    await rm(this.folder, { recursive: true, force: true })
  }
}

export { SeededRandom }
