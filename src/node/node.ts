/**
 * One running node: opens what is in its folder, checks it, wires the rooms, listens, dials its parent.
 * Many nodes may run in one process.
 */
import { mkdir, writeFile, readFile } from 'node:fs/promises'
import { setMaxListeners } from 'node:events'
import { dirname, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { sleep } from '../base/clock.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Random } from '../base/random.ts'
import { equalBytes, fromHex } from '../base/bytes.ts'
import { parseBody } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { openHeader } from '../batch/seal.ts'
import { Alarms } from '../exchange/alarms.ts'
import { Changes } from '../exchange/changes.ts'
import type { Genesis } from '../exchange/check.ts'
import { ClockGuard } from '../exchange/clock-guard.ts'
import type { Context } from '../exchange/context.ts'
import { Door } from '../exchange/door.ts'
import { type CheckRecords, checkAllRecords } from '../exchange/judge.ts'
import { rootStatement } from '../exchange/members.ts'
import { publish } from '../exchange/publish.ts'
import { hasConfirmations, reviewConfirmations } from '../exchange/recognize.ts'
import { Recent } from '../exchange/recent.ts'
import { compactSpoiled, sweepTransit } from '../exchange/transit.ts'
import { Writer } from '../exchange/writer.ts'
import { ExchangeService } from '../gen/huxin/v1/exchange_service_pb.ts'
import { Indexer } from '../ledger/indexer.ts'
import { Ledger } from '../ledger/ledger.ts'
import { Log } from '../log/log.ts'
import { type CheckpointSlot, openSlot } from '../log/slot.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import { parseNote } from '../note/note.ts'
import { TlsMaterialWatcher } from '../pki/material.ts'
import { adminServices } from '../service/admin-service.ts'
import { authorizeCall } from '../service/authorize.ts'
import { exchangeService } from '../service/exchange-service.ts'
import { recordService } from '../service/record-service.ts'
import { bodyKey, classKey, entryKey, indexAtEnd, textKey, tables } from '../store/keys.ts'
import { openStore, type Store } from '../store/store.ts'
import { FederationState } from '../topology/federation.ts'
import { parseStatement } from '../topology/member.ts'
import { type JoinFile, parseJoinFile, trustOf } from '../topology/join.ts'
import type { ParentCalls } from '../uplink/parent.ts'
import { type Recalled, Uplink } from '../uplink/uplink.ts'
import { WireChannel, type WireChannelOptions } from '../wire/channel.ts'
import { WireServer } from '../wire/server.ts'
import type { ServiceBinding } from '../wire/service.ts'
import { currentEpoch, epochFiles, type NodeConfig } from './config.ts'
import { loadKeys, type NodeKeys } from './keys.ts'

export const VERSION = '0.1.0'

/** Structured logging; pino satisfies it. */
export interface NodeLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface NodeOptions {
  readonly config: NodeConfig
  readonly clock: Clock
  readonly random: Random
  readonly log: NodeLog
  /** Starts without asking the parent what it last saw; the operator takes responsibility, and it is logged. */
  readonly alone?: boolean
  /** Takes lost batches back from the parent (after `huxin node recover`). */
  readonly recovering?: boolean
  readonly checkRecords?: CheckRecords
  /** Wraps the services, for faults in tests and the demo. */
  readonly wrapServices?: (services: readonly ServiceBinding[]) => readonly ServiceBinding[]
  /** Wraps the store, for faults in tests. */
  readonly wrapStore?: (store: Store) => Store
  readonly transitGraceMs?: number
  /** Times of the link to the parent, for tests with networks that are quicker to cut than real ones. */
  readonly link?: Pick<WireChannelOptions, 'keepaliveMs' | 'keepaliveTimeoutMs'>
}

export type NodeState = 'starting' | 'serving' | 'degraded' | 'broken' | 'stopped'

const SWEEP_MS = 2_000
const HEALTH_MS = 2_000

export class Node {
  readonly #options: NodeOptions
  readonly #join: JoinFile
  readonly #keys: NodeKeys
  readonly #epoch: number
  readonly #store: Store
  readonly #slot: CheckpointSlot
  readonly #changes: Changes
  readonly #alarms: Alarms
  readonly #clockGuard: ClockGuard
  readonly #recent: Recent
  readonly #contacts = new Map<string, number>()
  readonly #stop = new AbortController()
  #ledger: Ledger
  #log!: Log
  #writer!: Writer
  #door!: Door
  #indexer!: Indexer
  #context!: Context
  #server: WireServer | undefined
  #channel: WireChannel | undefined
  #uplink: Uplink | undefined
  #tls: TlsMaterialWatcher | undefined
  #background: Promise<unknown>[] = []
  #recalled = false
  #broken: HuxinError | undefined
  #healthyAtMs = 0

  /**
   * Opens and starts a node.
   * @throws HuxinError config_invalid | store_locked | store_corrupt | log_behind | log_forked
   */
  static async start(options: NodeOptions): Promise<Node> {
    const { config } = options
    const epoch = await currentEpoch(config.folder)
    if (epoch === 0) throw new HuxinError('config_invalid', `${config.folder} has no keys: run huxin node init`)
    const join = await readJoin(config)
    const keys = await loadKeys(config.folder, epoch, config.node)
    const files = epochFiles(config.folder, epoch)
    const fresh = await isFresh(files.database)
    await mkdir(dirname(files.database), { recursive: true, mode: 0o700 })
    const opened = await openStore(files.database, { create: fresh })
    const store = options.wrapStore?.(opened) ?? opened
    const slot = await openSlot(files.checkpoint)
    const recovering = options.recovering ?? await readFile(`${dirname(files.database)}/recovering`).then(() => true, () => false)
    const node = new Node({ ...options, recovering }, { join, keys, epoch, store, slot })
    try {
      await node.#open()
    } catch (error) {
      await node.close()
      throw error
    }
    return node
  }

  private constructor(options: NodeOptions, parts: { join: JoinFile; keys: NodeKeys; epoch: number; store: Store; slot: CheckpointSlot }) {
    this.#options = options
    this.#join = parts.join
    this.#keys = parts.keys
    this.#epoch = parts.epoch
    this.#store = parts.store
    this.#slot = parts.slot
    this.#changes = new Changes(options.clock)
    this.#recent = new Recent(parts.store)
    this.#alarms = new Alarms(options.log)
    this.#clockGuard = new ClockGuard(options.clock)
    setMaxListeners(0, this.#stop.signal)
    this.#ledger = this.#newLedger()
  }

  get port(): number {
    return this.#server?.port ?? 0
  }

  get context(): Context {
    return this.#context
  }

  get uplink(): Uplink | undefined {
    return this.#uplink
  }

  get config(): NodeConfig {
    return this.#options.config
  }

  get join(): JoinFile {
    return this.#join
  }

  get alarms(): Alarms {
    return this.#alarms
  }

  /** Milliseconds since 1970 of a child's last call; 0 when never. */
  lastContactMs(child: string): number {
    return this.#contacts.get(child) ?? 0
  }

  get state(): NodeState {
    if (this.#stop.signal.aborted) return 'stopped'
    if (this.#broken) return 'broken'
    if (!this.#maySign()) return 'starting'
    return this.#alarms.list().length > 0 ? 'degraded' : 'serving'
  }

  /** What a check or a rebuild of this node starts from. */
  genesis(): Genesis {
    return genesisOf(this.#options.config, this.#join, this.#keys.subject)
  }

  /** Reads certificate files again now. */
  async reloadTls(): Promise<void> {
    await this.#tls?.reload()
  }

  /** Drops transit bodies whose time has come, and rewrites what was dropped or erased, now. */
  async sweep(graceMs = this.#options.transitGraceMs ?? this.#options.config.transitGraceHours * 3_600_000): Promise<number> {
    const dropped = await sweepTransit(this.#context, graceMs)
    await compactSpoiled(this.#context)
    return dropped
  }

  /** Stops in order: no new calls, loops, rounds under way, database. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    await this.#uplink?.stop()
    this.#channel?.close()
    this.#changes.announce(['log', 'control', 'amendment', 'normal', 'bulk', 'receipts', 'pulled', 'spine'])
    await this.#server?.close(2_000)
    await Promise.allSettled(this.#background)
    await this.#writer?.close()
    await this.#indexer?.close()
    this.#tls?.close()
    await this.#slot.close().catch(() => undefined)
    await this.#store.close().catch(() => undefined)
  }

  async #open(): Promise<void> {
    const { config, clock } = this.#options
    await this.#load()
    this.#writer = new Writer({
      store: this.#store,
      log: () => this.#log,
      mayWrite: (needsEntry) => this.#mayWrite(needsEntry),
      onAppend: () => this.#indexer.kick(),
      onFailure: (error) => this.#reload(error),
    })
    this.#indexer = this.#newIndexer()
    await this.#indexer.load()
    this.#door = new Door({
      ledger: () => this.#ledger, store: this.#store, writer: this.#writer, changes: this.#changes, recent: this.#recent, indexer: () => this.#indexer, clock,
      checkRecords: this.#options.checkRecords ?? checkAllRecords, subjectKey: this.#keys.subject, signedTree: () => this.#log.signed,
      recovering: () => this.#options.recovering ?? false,
      onFork: (first, second, lane) => this.#keepFork(first, second, lane),
      onConflict: (earlier, later, signers) => this.#keepConflict(earlier, later, signers),
      onGap: (lane, number, source) => this.#options.log.warn({ lane, number: String(number), source: source.kind }, 'a lane skips a number'),
    })
    this.#context = this.#newContext()
    await this.#log.seal()
    this.#tls = await TlsMaterialWatcher.open({
      files: { certificateFile: config.tls.certificate, keyFile: config.tls.key, rootFiles: config.tls.roots },
      nodeName: config.node,
      clock,
      onChange: (material) => {
        this.#server?.updateMaterial(material)
        this.#channel?.updateMaterial(material)
        this.#options.log.info({ serial: material.identity.serial }, 'certificate files were read again')
      },
      onAlarm: (message) => {
        if (message === undefined) this.#alarms.clear('certificate')
        else this.#alarms.raise('certificate', message)
      },
    })
    await this.#listen()
    if (config.parent) this.#dial()
    else await this.#beginRoot()
    if (this.#options.alone) this.#options.log.warn({}, 'started alone: nobody was asked what it last saw of this log')
    this.#background = [this.#sweepLoop(), this.#healthLoop(), this.#reviewLoop()]
    this.#indexer.kick()
    this.#options.log.info({ port: this.port, epoch: this.#epoch, size: String(this.#log.size) }, 'node is started')
  }

  /** Reads everything that memory holds from the store. */
  async #load(): Promise<void> {
    this.#ledger = this.#newLedger()
    await foldControl(this.#ledger, this.#store)
    await this.#ledger.load()
    this.#log = await Log.open({ store: this.#store, origin: `${this.#options.config.node}/${this.#epoch}`, signer: this.#keys.note, slot: this.#slot })
  }

  /** A write failed: whether it happened is found out from the store. */
  async #reload(error: unknown): Promise<void> {
    this.#alarms.raise('store', alarmText(error))
    for (let delayMs = 100; !this.#stop.signal.aborted; delayMs = Math.min(delayMs * 2, 5_000)) {
      try {
        await this.#store.reopen()
        this.#door.reset()
        await this.#load()
        await this.#log.seal()
        await this.#indexer.load()
        this.#alarms.clear('store')
        return
      } catch (again) {
        this.#alarms.raise('store', alarmText(again))
        if (isHuxinError(again, 'log_forked') || isHuxinError(again, 'log_behind')) {
          this.#broken = again
          return
        }
        await sleep(this.#options.clock, delayMs, this.#stop.signal)
      }
    }
  }

  #newLedger(): Ledger {
    const genesis = genesisOf(this.#options.config, this.#join, this.#keys.subject)
    return new Ledger({ store: this.#store, self: genesis.self, federation: genesis.federation(), genesisLanes: genesis.lanes })
  }

  #newIndexer(): Indexer {
    return new Indexer({ store: this.#store, ledger: () => this.#ledger, subjectKey: this.#keys.subject, size: () => this.#log.signed.size, clock: this.#options.clock })
  }

  #newContext(): Context {
    const { config, clock, random } = this.#options
    return {
      self: config.node, epoch: this.#epoch, body: config.body, store: this.#store, clock, random, changes: this.#changes,
      writer: this.#writer, door: this.#door, indexer: this.#indexer, recent: this.#recent, alarms: this.#alarms, noteSigner: this.#keys.note, cosigner: this.#keys.cosign,
      subjectKey: this.#keys.subject, checkRecords: this.#options.checkRecords ?? checkAllRecords,
      ledger: () => this.#ledger, log: () => this.#log, trustedMs: () => this.#clockGuard.trustedMs(), checkClock: () => this.#checkClock(),
    }
  }

  /** A root, a node told to, or one whose parent has said what it last saw. */
  #maySign(): boolean {
    return !this.#broken && (this.#options.config.parent === undefined || this.#options.alone === true || this.#recalled)
  }

  #mayWrite(needsEntry: boolean): void {
    if (this.#broken) throw new HuxinError(this.#broken.code, this.#broken.message)
    if (!needsEntry) return
    this.#checkClock()
    if (!this.#maySign()) {
      throw new HuxinError('not_ready', 'this node has not heard from its parent since it started and signs nothing before: is the link up? (huxin node status; --alone overrides)')
    }
  }

  /** @throws HuxinError clock_wrong */
  #checkClock(): void {
    try {
      this.#clockGuard.check()
      this.#alarms.clear('clock')
    } catch (error) {
      this.#alarms.raise('clock', alarmText(error))
      throw error
    }
  }

  #clockIsRight(): boolean {
    try {
      this.#checkClock()
      return true
    } catch {
      return false
    }
  }

  async #listen(): Promise<void> {
    const { config, clock, log } = this.#options
    const bindings: readonly ServiceBinding[] = [
      exchangeService({
        context: () => this.#context,
        onContact: (child) => this.#contacts.set(child, clock.nowMs()),
        askParent: config.parent && ((lane, number, signal) => this.#parentCalls().readLane({ lane, number }, signal)),
      }),
      recordService(() => this.#context),
      ...adminServices(this),
    ]
    this.#server = await WireServer.listen({
      host: config.listen.host, port: config.listen.port, material: this.#tls!.current,
      services: this.#options.wrapServices?.(bindings) ?? bindings,
      authorize: (peer, path) => authorizeCall(this.#context, peer, path),
      maxConnections: config.connectionsMax, maxConcurrentStreams: 256, clock, log, reflection: config.reflection,
      onInternalError: (error, path) => log.error({ path, error: error instanceof Error ? error.stack : String(error) }, 'a call failed inside'),
    })
  }

  #dial(): void {
    const { config, clock } = this.#options
    const parent = config.parent!
    this.#channel = WireChannel.dial({
      address: parent.address, expectedNodeName: parent.node, material: this.#tls!.current, clock, backoffMsMax: 5_000,
      ...(parent.proxy === undefined ? {} : { proxy: parent.proxy }), ...this.#options.link,
    })
    const trust = trustOf(this.#join)
    this.#uplink = new Uplink({
      context: this.#context, parent: parent.node, calls: this.#parentCalls(), clock, retryMsMax: 5_000,
      parentVkey: () => trust.member(parent.node)?.noteVkey ?? '',
      random: () => this.#options.random.fill(new Uint8Array(1))[0]! / 256,
      onRecall: (seen) => this.#onRecall(seen),
      onEvidence: (name, content) => this.#keepEvidence(name, content),
      recovering: () => this.#options.recovering ?? false,
      onCaughtUp: () => undefined,
      onAway: ({ code, message }) => this.#options.log.warn({ code, reason: message }, 'the parent cannot be reached'),
    })
    this.#uplink.start()
  }

  #parentCalls(): ParentCalls {
    const client = this.#channel!.client(ExchangeService)
    const poll = limits.pollWaitMsMax + 15_000
    return {
      recall: (request, signal) => client.recall(request, { timeoutMs: 10_000, signal }),
      submit: (request, signal) => client.submit(request, { timeoutMs: 60_000, signal }),
      readLog: (request, signal) => client.readLog(request, { timeoutMs: poll, signal }),
      readBodies: (request, signal) => client.readBodies(request, { timeoutMs: poll, signal }),
      readLane: (request, signal) => client.readLane(request, { timeoutMs: 20_000, signal }),
      witness: (request, signal) => client.witness(request, { timeoutMs: 20_000, signal }),
      renew: (request, signal) => client.renew(request, { timeoutMs: 30_000, signal }),
    }
  }

  /** Compares this log with what the parent saw of it. @throws HuxinError log_behind | log_forked */
  async #onRecall(seen: Recalled): Promise<void> {
    this.#clockGuard.hear(seen.parentTimeMs)
    this.#clockIsRight()
    try {
      if (seen.epoch > this.#epoch) {
        throw new HuxinError('log_behind', `the federation has epoch ${seen.epoch} of this node, the keys here are of epoch ${this.#epoch}: run huxin node recover`)
      }
      if (seen.lastCheckpoint.length > 0) await this.#compare(seen.lastCheckpoint)
    } catch (error) {
      if (isHuxinError(error, 'log_behind') || isHuxinError(error, 'log_forked')) {
        this.#broken = error
        this.#alarms.raise('log', error.message)
      }
      throw error
    }
    this.#recalled = true
  }

  async #compare(checkpoint: Uint8Array): Promise<void> {
    const seen = openCheckpoint(checkpoint, [this.#log.verifier], this.#log.origin)
    if (seen.size > this.#log.size) {
      throw new HuxinError('log_behind', `the parent has seen ${seen.size} entries of this log, there are ${this.#log.size}: ` +
        'the database is an old copy (a rollback, not fraud); nothing is signed; run huxin node recover')
    }
    if (seen.size > 0n && !equalBytes(await this.#log.root(seen.size), seen.root)) {
      throw new HuxinError('log_forked', `the first ${seen.size} entries of this log are not those that the parent saw; nothing is signed; run huxin node recover`)
    }
  }

  /** A root speaks for itself in its first entry. */
  async #beginRoot(): Promise<void> {
    if (this.#log.size > 0n) return
    const [statement] = this.#join.statements
    if (!statement) throw new HuxinError('config_invalid', 'join.json of a root holds its own statement: run huxin node init again')
    await publish(this.#context, {
      kind: 'member', item: undefined, provider: this.#options.config.body, targets: ['**'], batchClass: 'control', records: [statement], source: { kind: 'self' },
    })
  }

  async #keepFork(first: Uint8Array, second: Uint8Array, lane: string): Promise<void> {
    const text = `Two different batches carry one number of the lane ${lane}.\n\nFirst:\n\n${Buffer.from(first).toString()}\nSecond:\n\n${Buffer.from(second).toString()}`
    await this.#keepEvidence(`lane-fork-${lane.replaceAll(/[^a-z0-9]+/g, '-')}.txt`, Buffer.from(text))
    this.#alarms.raise(`fork ${lane}`, `two different batches carry one number of lane ${lane}: its origin is under quarantine, evidence is kept`)
  }

  async #keepConflict(earlier: Uint8Array, later: Uint8Array, signers: readonly string[]): Promise<void> {
    const { member, serial } = parseStatement(parseNote(earlier).text)
    const text = `Two different statements ${serial} of ${member}, both signed by ${signers.join(', ')}. The first stays in force.\n\nFirst:\n\n` +
      `${Buffer.from(earlier).toString()}\nSecond:\n\n${Buffer.from(later).toString()}`
    await this.#keepEvidence(`statement-conflict-${member.replaceAll(/[^a-z0-9]+/g, '-')}-${serial}.txt`, Buffer.from(text))
    this.#alarms.raise(`statement ${member} ${serial}`, `${signers.join(', ')} signed two different statements ${serial} of ${member}: the first stays in force, evidence is kept`)
  }

  async #keepEvidence(name: string, content: Uint8Array): Promise<void> {
    const folder = epochFiles(this.#options.config.folder, this.#epoch).evidence
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(folder, name), content, { mode: 0o600 })
    this.#options.log.warn({ file: join(folder, name) }, 'evidence was written')
  }

  async #sweepLoop(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await sleep(this.#options.clock, SWEEP_MS, signal)
      if (!signal.aborted) await this.sweep().then(() => this.#alarms.clear('transit'), (error: unknown) => this.#alarms.raise('transit', messageOf(error)))
    }
  }

  /** Ready means: a real key was written and read, and a real note can be signed, within the last seconds. */
  async #healthLoop(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const ready = await this.#probe()
      for (const service of ['', 'huxin.v1.ExchangeService', 'huxin.v1.RecordService', 'huxin.v1.AdminService', 'huxin.v1.LogService']) {
        this.#server?.setServing(service, ready)
      }
      if (ready) this.#healthyAtMs = this.#options.clock.nowMs()
      await sleep(this.#options.clock, ready ? HEALTH_MS : 200, signal)
    }
  }

  async #probe(): Promise<boolean> {
    if (!this.#maySign() || !this.#clockIsRight()) return false
    const value = Buffer.from(String(this.#options.clock.nowMs()))
    const key = textKey(tables.meta, 'probe')
    try {
      await this.#store.write([{ key, value }])
      const read = await this.#store.get(key)
      const signature = this.#keys.note.sign(value)
      return read !== undefined && equalBytes(read, value) && this.#log.verifier.verify(value, signature)
    } catch (error) {
      // A database that failed once stays failed: a round of the writer opens it again.
      if (isHuxinError(error, 'store_failed')) await this.#writer.save([{ key, value }]).catch(() => undefined)
      return false
    }
  }

  /** Withdraws confirmations whose source fell, soon after it falls. */
  async #reviewLoop(): Promise<void> {
    const { signal } = this.#stop
    const topics = ['amendment', 'normal', 'bulk']
    while (!signal.aborted) {
      const woken = new AbortController()
      const stop = (): void => woken.abort()
      signal.addEventListener('abort', stop, { once: true })
      // Registered before the review: what comes while it runs is reviewed next.
      const more = Promise.race(topics.map((topic) => this.#changes.next(topic, 3_600_000, woken.signal)))
      const done = await this.#review()
      await (done ? more : Promise.race([more, sleep(this.#options.clock, SWEEP_MS, signal)]))
      woken.abort()
      signal.removeEventListener('abort', stop)
      await sleep(this.#options.clock, 50, signal)
    }
  }

  /** @returns false when it has to be tried again */
  async #review(): Promise<boolean> {
    if (!this.#maySign()) return true
    try {
      if (await hasConfirmations(this.#context)) {
        await this.#indexer.caughtUp()
        await reviewConfirmations(this.#context)
      }
      this.#alarms.clear('recognition')
      return true
    } catch (error) {
      this.#alarms.raise('recognition', messageOf(error))
      return false
    }
  }

  /** Milliseconds since 1970 when this node was last ready; 0 when never. */
  get healthyAtMs(): number {
    return this.#healthyAtMs
  }
}

/** An error as an alarm says it: its code, for programs, and its message. */
function alarmText(error: unknown): string {
  return isHuxinError(error) ? `${error.code}: ${error.message}` : messageOf(error)
}

/** What a fold of this node's log starts from. */
export function genesisOf(config: NodeConfig, join: JoinFile, subjectKey: Uint8Array): Genesis {
  return {
    self: config.node,
    federation: () => FederationState.from(join.anchors),
    lanes: new Map(join.heads.map(({ lane, number, batchId }) => [lane, { number, id: fromHex(batchId)! }])),
    subjectKey,
  }
}

/** Reads what the parent answered. @throws HuxinError config_invalid */
export async function readJoin(config: NodeConfig): Promise<JoinFile> {
  const file = join(config.folder, 'join.json')
  const bytes = await readFile(file).catch(() => {
    throw new HuxinError('config_invalid', `${file} is missing: give application.txt to the parent's operator (huxin member approve) and take the answer with huxin node join`)
  })
  return parseJoinFile(bytes)
}

/** Folds members and catalog, which memory holds whole. */
async function foldControl(ledger: Ledger, store: Store): Promise<void> {
  const rows = await store.range({ gte: classKey('control', 0n), lt: classKey('amendment', 0n) })
  for (const [key] of rows) {
    const index = indexAtEnd(key)
    const [entryBytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    if (!entryBytes || !stored) throw new HuxinError('store_corrupt', `entry ${index} is missing from the store; run huxin fsck`)
    const entry = parseEntry(entryBytes)
    if (!entry.verdict.accepted) continue
    ledger.fold(index, entry, openHeader(entry.header), undefined, parseBody(stored)).remember()
  }
}

async function isFresh(database: string): Promise<boolean> {
  return readFile(join(database, 'CURRENT')).then(() => false, async () => {
    // A folder with tables but no CURRENT was damaged; it must not be taken for a new database.
    const { readdir } = await import('node:fs/promises')
    const names = await readdir(database).catch(() => [])
    if (names.some((name) => /\.(ldb|log)$|^MANIFEST/.test(name))) {
      throw new HuxinError('store_corrupt', `${database} is damaged: its file CURRENT is missing; run huxin node recover`)
    }
    return true
  })
}
