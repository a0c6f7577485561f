/**
 * One running node: opens what is in its folder, checks it, wires the rooms, listens, dials its parent.
 * Many nodes may run in one process.
 */
import { setMaxListeners } from 'node:events'
import { dirname } from 'node:path'
import { OneAtATime } from '../base/one-at-a-time.ts'
import { text } from '../base/text.ts'
import { Alarms } from '../alarm/alarms.ts'
import { Approvals } from '../members/approvals.ts'
import { Changes } from '../commit/changes.ts'
import type { Genesis } from '../fsck/genesis.ts'
import type { Context } from '../commit/context.ts'
import { Quotas } from '../commit/quotas.ts'
import { Door } from '../exchange/door.ts'
import { frozenAt } from '../members/freeze.ts'
import { exchangeHeads, HEADS_GRACE_MS, HEADS_MS } from '../publish/heads.ts'
import { checkAllRecords } from '../verdict/check-records.ts'
import { cosigningChildren } from '../witness/cosigned.ts'
import { Recent } from '../commit/recent.ts'
import { checkSubjectKey } from '../fsck/subject-key.ts'
import { RecordReader } from '../commit/record-reader.ts'
import { compactSpoiled, TransitSweep } from '../exchange/transit.ts'
import { Writer } from '../commit/writer.ts'
import { Indexer } from '../lookup/indexer.ts'
import { Ledger } from '../ledger/ledger.ts'
import { Log } from '../log/log.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { adminServices } from '../service/admin-service.ts'
import { authorizeCall } from '../service/authorize.ts'
import { exchangeService } from '../service/exchange-service.ts'
import { recordService } from '../service/record-service.ts'
import type { FederationState } from '../topology/federation.ts'
import { type JoinFile, trustOf } from '../topology/join.ts'
import { batchClasses } from '../topology/lane.ts'
import type { Uplink } from '../uplink/uplink.ts'
import { Backups } from './backup.ts'
import { startBackground } from './background.ts'
import { budgetsOf } from './budgets.ts'
import { Beginning } from './beginning.ts'
import { counts, reviewLoop } from './certificates.ts'
import { epochFiles, type NodeConfig } from './config.ts'
import { Confirmation } from './confirmation.ts'
import { dialParent } from './dial.ts'
import { DiskSpace } from './disk.ts'
import { EvidenceFolder } from './evidence.ts'
import {
  continuesFrom,
  genesisOf,
  loadLedger,
  type OpenFolder,
  openFolder,
  takeUpLog,
} from './folder.ts'
import { Gate } from './gate.ts'
import type { NodeOptions } from './options.ts'
import { Neighbours } from './neighbours.ts'
import { parentCalls } from './parent-calls.ts'
import { reload } from './reload.ts'
import { Restoration } from './restoration.ts'
import { Rotation } from './rotation.ts'
import type { AuditListener, Link, Listener, TransportEnd } from './ports.ts'

export type { NodeOptions }

export type NodeState = 'starting' | 'serving' | 'degraded' | 'broken' | 'stopped'

export class Node {
  readonly #options: NodeOptions
  readonly #folder: OpenFolder
  readonly #changes: Changes
  readonly #alarms: Alarms
  readonly #gate: Gate
  readonly #recent: Recent
  readonly #evidence: EvidenceFolder
  readonly #disk: DiskSpace
  readonly #joined: FederationState
  readonly #stop = new AbortController()
  /** Written while the node runs, on request. */
  readonly approvals: Approvals
  readonly backups: Backups
  #ledger: Ledger
  #log!: Log
  #writer!: Writer
  #door!: Door
  #quotas!: Quotas
  #indexer!: Indexer
  #context!: Context
  #transit!: TransitSweep
  #server: Listener | undefined
  #audit: AuditListener | undefined
  #channel: Link | undefined
  #uplink: Uplink | undefined
  #end: TransportEnd | undefined
  #rotation: Rotation | undefined
  #succeed!: () => void
  #beginning!: Beginning
  #restoration!: Restoration
  #neighbours!: Neighbours
  #confirmation!: Confirmation
  #background: Promise<unknown>[] = []
  /** Takes back what the parent holds, until all of it is here. */
  #recovering: boolean

  /**
   * Opens and starts a node.
   * @throws HuxinError config_invalid | store_locked | store_corrupt | log_behind | log_forked
   */
  static async start(options: NodeOptions): Promise<Node> {
    const node = new Node(options, await openFolder(options.config, options.disk))
    await node.#open().catch(async (error: unknown) => {
      await node.close()
      throw error
    })
    return node
  }

  /** Resolves when the folder holds the next epoch: close this node and start it again. */
  readonly succeeded = new Promise<void>((resolve) => {
    this.#succeed = resolve
  })

  private constructor(options: NodeOptions, folder: OpenFolder) {
    this.#options = options
    this.#folder = folder
    this.#joined = trustOf(folder.join)
    this.#recovering = options.recovering ?? folder.recovering
    this.#changes = new Changes(options.clock)
    this.#recent = new Recent(folder.store)
    this.#alarms = new Alarms(options)
    this.#gate = new Gate({
      clock: options.clock,
      alarms: this.#alarms,
      log: () => this.#log,
      epoch: folder.epoch,
      frozenAt: () => this.#ledger.frozen.get(this.#log.origin),
      mustBegin: () => this.#beginning.due || this.#restoration.due,
      asks: options.config.parent ? 'parent' : 'children',
      self: options.config.node,
      federation: () => this.#ledger.federation,
      // What was durable and unsigned at the start is signed by a round that has nothing else to do.
      onMaySign: () =>
        void this.#writer.save([]).then(
          () => this.#changes.announce(['log', ...batchClasses]),
          () => undefined,
        ),
    })
    this.#evidence = new EvidenceFolder(epochFiles(options.config.folder, folder.epoch).evidence, {
      files: options.disk.files,
      alarms: this.#alarms,
      log: options.log,
    })
    this.#disk = new DiskSpace({
      folder: dirname(epochFiles(options.config.folder, folder.epoch).database),
      ...options.config.disk,
      files: options.disk.files,
      alarms: this.#alarms,
    })
    this.backups = new Backups(
      () => ({ config: this.config, epoch: folder.epoch, log: this.#log, store: folder.store }),
      options.disk.files,
    )
    this.approvals = new Approvals(() => this.#context, options.config.approvals)
    setMaxListeners(0, this.#stop.signal)
    this.#ledger = this.#newLedger()
  }

  get port(): number {
    return this.#server?.port ?? 0
  }

  /** Port of the static log; 0 when it is not served. */
  get auditPort(): number {
    return this.#audit?.port ?? 0
  }

  get context(): Context {
    return this.#context
  }

  /** Where batches come in. */
  get door(): Door {
    return this.#door
  }

  get uplink(): Uplink | undefined {
    return this.#uplink
  }

  get config(): NodeConfig {
    return this.#options.config
  }

  get join(): JoinFile {
    return this.#folder.join
  }

  get alarms(): Alarms {
    return this.#alarms
  }

  /** Milliseconds since 1970 of a child's last call; 0 when never. */
  lastContactMs(child: string): number {
    return this.#neighbours.lastContactMs(child)
  }

  /** Ends this log, and begins the next epoch. */
  get rotation(): Rotation {
    return this.#rotation!
  }

  /** Who is connected now; one for each connection. */
  connected(): readonly PeerIdentity[] {
    return this.#server?.connectedPeers() ?? []
  }

  get state(): NodeState {
    if (this.#stop.signal.aborted) return 'stopped'
    if (this.#gate.broken) return 'broken'
    if (!this.#gate.maySign || this.#restoration.due) return 'starting'
    return this.#alarms.list().length > 0 ? 'degraded' : 'serving'
  }

  /** What a check or a rebuild of this node starts from. */
  genesis(): Genesis {
    const genesis = genesisOf(this.#options.config, this.#folder.join, this.#folder.keys.subject)
    return { ...genesis, kinds: this.#options.kinds ?? genesis.kinds }
  }

  /** Reads certificate files again now. */
  async reloadTls(): Promise<void> {
    await this.#end?.reload()
  }

  /** Drops transit bodies whose time has come, and rewrites what was dropped or erased, now. */
  async sweep(
    graceMs = this.#options.transitGraceMs ?? this.#options.config.transitGraceHours * 3_600_000,
  ): Promise<number> {
    const dropped = await this.#transit.sweep(graceMs)
    await compactSpoiled(this.#context)
    return dropped
  }

  /** Tells the nodes above where lanes stand here, and looks at what those below told, now. */
  async exchangeHeads(graceMs = HEADS_GRACE_MS): Promise<void> {
    await exchangeHeads(this.#context, { maySign: this.#gate.mayAppend, graceMs })
  }

  /** Stops in order: no new calls, loops, rounds under way, database. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    const backup = this.backups.close()
    await this.#uplink?.stop()
    this.#channel?.close()
    this.#changes.announce(['log', ...batchClasses, 'receipts', 'pulled', 'spine'])
    await Promise.all([this.#server?.close(2_000), this.#audit?.close(2_000)])
    await Promise.allSettled(this.#background)
    await this.#rotation?.close()
    await this.#writer?.close()
    await this.#quotas?.save().catch(() => undefined)
    await this.#confirmation?.save(true).catch(() => undefined)
    await this.#indexer?.close()
    await backup
    this.#end?.close()
    await this.#folder.slot.close().catch(() => undefined)
    await this.#folder.store.close().catch(() => undefined)
  }

  async #open(): Promise<void> {
    const { config, clock } = this.#options
    await this.#load()
    this.#writer = new Writer({
      store: this.#folder.store,
      log: () => this.#log,
      mayWrite: (decision) => this.#gate.mayWrite(decision),
      maySign: () => this.#gate.maySign,
      onAppend: () => this.#indexer.kick(),
      onFailure: (error) => this.#reload(error),
    })
    this.#indexer = new Indexer({
      store: this.#folder.store,
      ledger: () => this.#ledger,
      subjectKey: this.#folder.keys.subject,
      size: () => this.#log.signed.size,
      clock: this.#options.clock,
      onDamage: (index) =>
        this.#alarms.raise(
          'damage',
          '',
          text`entry ${index} or its body is not what was logged, and its records may not be found: run huxin fsck --repair, then start again`,
        ),
    })
    await this.#indexer.load().then(() =>
      checkSubjectKey({
        store: this.#folder.store,
        subjectKey: this.#folder.keys.subject,
        indexer: this.#indexer,
      }),
    )
    this.#quotas = await Quotas.open({
      limits: config.quotas,
      ledger: () => this.#ledger,
      store: this.#folder.store,
      clock,
      alarms: this.#alarms,
      refusalsWarn: config.alarms.refusalsPerHour,
    })
    this.#door = new Door({
      ledger: () => this.#ledger,
      store: this.#folder.store,
      writer: this.#writer,
      changes: this.#changes,
      recent: this.#recent,
      clock,
      kinds: this.genesis().kinds,
      checkRecords: this.#options.checkRecords ?? checkAllRecords,
      subjectKey: this.#folder.keys.subject,
      recovering: () => this.#recovering || this.#restoration.due,
      alarms: this.#alarms,
      checkRoom: (batchClass) => this.#disk.check(batchClass),
      quotas: this.#quotas,
      onFork: this.#evidence.keepFork,
      onConflict: this.#evidence.keepConflict,
      onGap: (lane, number, source) =>
        this.#options.log.warn(
          { lane, number: String(number), source: source.kind },
          'a lane skips a number',
        ),
    })
    this.#context = this.#newContext()
    this.#neighbours = await Neighbours.open({
      context: this.#context,
      clock,
      limits: config.alarms,
    })
    this.#transit = new TransitSweep(this.#context, config.transitDaysMax * 86_400_000)
    this.#beginning = await Beginning.open(this.#context, {
      folder: this.#folder,
      root: !config.parent,
    })
    this.#restoration = await Restoration.open({
      config,
      files: this.#options.disk.files,
      context: this.#context,
      door: this.#door,
      recovery: this.#folder.recovery,
      alone: this.#options.alone !== undefined && this.#options.alone !== false,
      onBroken: (error) => this.#gate.breakFor(error),
    })
    const cosigning = await cosigningChildren(this.#context)
    if (!this.#restoration.due)
      this.#gate.answerFor(this.#options.alone ?? false, {
        cosigners: cosigning.length,
        size: this.#log.signed.size < 0n ? this.#log.size : this.#log.signed.size,
      })
    const lastMs = await takeUpLog(this.#log, {
      config,
      folder: this.#folder,
      maySign: this.#gate.maySign,
    })
    this.#gate.notBefore(lastMs)
    this.#confirmation = await Confirmation.open({
      store: this.#folder.store,
      afterMs: config.unconfirmedAfterHours * 3_600_000,
      otherwiseMs: lastMs > 0 ? lastMs : clock.nowMs(),
      nowMs: () => this.#gate.trustedMs(),
      isOpen: () => this.#gate.maySign && !this.#restoration.due && !this.#recovering,
      isAlone: () => this.#gate.alone,
      heardMs: () =>
        config.parent
          ? this.#uplink?.confirmedMs()
          : this.#gate.maySign
            ? this.#gate.trustedMs()
            : undefined,
    })
    this.#gate.waitFor(cosigning)
    this.#rotation = this.#newRotation()
    this.#end = await this.#options.transport.open({
      config,
      clock,
      onAlarm: (what) =>
        what ? this.#alarms.raise('certificate', '', what) : this.#alarms.clear('certificate'),
      onChange: ({ serial }) => {
        this.#changes.announce(['certificate'])
        this.#options.log.info({ serial }, 'certificate files were read again')
      },
    })
    await this.backups.clear()
    await this.#listen()
    if (config.parent) this.#dial(config.parent)
    if (this.#gate.maySign) await this.#beginning.begin().then(() => this.#restoration.tryBegin())
    if (this.#gate.alone)
      this.#options.log.warn({}, 'started alone: nobody was asked what it last saw of this log')
    this.#background = startBackground({
      context: this.#context,
      door: this.#door,
      approvals: this.approvals,
      maySign: () => this.#gate.maySign,
      mayAppend: () => this.#gate.mayAppend,
      clockIsRight: () => this.#gate.clockIsRight(),
      lookAtDisk: () => this.#disk.look(),
      reviewGate: () => this.#gate.review(),
      reviewNeighbours: async () => {
        try {
          await this.#neighbours.review()
        } finally {
          await this.#confirmation.save()
        }
      },
      sweep: () => this.sweep(),
      scrubBytesPerDay: config.scrub.bytesPerDay,
      headsMs: HEADS_MS,
      exchangeHeads: () => this.exchangeHeads(),
      onHealth: (ready) => this.#server?.setAllServing(ready),
      folder: config.folder,
      disk: this.#options.disk,
      epoch: this.#folder.epoch,
      log: this.#options.log,
      recovering: () => this.#recovering,
      signal: this.#stop.signal,
    })
    this.#background.push(
      reviewLoop({
        context: this.#context,
        holders: () => [this.#server, this.#audit],
        reviewParent: () => this.#channel?.review(),
        signal: this.#stop.signal,
      }),
    )
    this.#indexer.kick()
    this.#rotation.resume()
    this.#options.log.info(
      { port: this.port, epoch: this.#folder.epoch, size: String(this.#log.size) },
      'node is started',
    )
  }

  /** Reads everything that memory holds from the store; until it is whole the ledger before answers. */
  async #load(): Promise<void> {
    const ledger = this.#newLedger()
    await loadLedger(ledger, this.#folder)
    this.#ledger = ledger
    this.#log = await Log.open({
      store: this.#folder.store,
      origin: `${this.#options.config.node}/${this.#folder.epoch}`,
      signer: this.#folder.keys.note,
      slot: this.#folder.slot,
      continues: continuesFrom(this.#folder),
    })
  }

  /** A write failed: whether it happened is found out from the store; it may be the log's final entry. */
  #reload(error: unknown): Promise<void> {
    return reload(error, {
      store: this.#folder.store,
      alarms: this.#alarms,
      clock: this.#options.clock,
      signal: this.#stop.signal,
      load: async () => {
        this.#door.reset()
        await this.#load()
        if (this.#gate.maySign) await this.#log.seal()
        await this.#indexer.load()
        this.#changes.announce(['recognition'])
        this.#rotation?.resume()
      },
      onBroken: (broken) => this.#gate.break(broken),
    })
  }

  #newLedger(): Ledger {
    const genesis = this.genesis()
    return new Ledger({
      store: this.#folder.store,
      self: genesis.self,
      federation: genesis.federation(),
      genesisLanes: genesis.lanes,
      kinds: genesis.kinds,
    })
  }

  #newContext(): Context {
    const { config, clock, random } = this.#options
    return {
      self: config.node,
      epoch: this.#folder.epoch,
      body: config.body,
      store: this.#folder.store,
      clock,
      random,
      changes: this.#changes,
      writer: this.#writer,
      quotas: this.#quotas,
      eraseOps: (amendment, view) => this.#door.eraseOps(amendment, view),
      indexer: this.#indexer,
      recent: this.#recent,
      records: new RecordReader({
        store: this.#folder.store,
        log: () => this.#log,
        alarms: this.#alarms,
        clock,
      }),
      alarms: this.#alarms,
      noteSigner: this.#folder.keys.note,
      cosigner: this.#folder.keys.cosign,
      subjectKey: this.#folder.keys.subject,
      kinds: this.genesis().kinds,
      checkRecords: this.#options.checkRecords ?? checkAllRecords,
      oneAtATime: new OneAtATime(),
      receiptOrder: { next: undefined },
      ledger: () => this.#ledger,
      log: () => this.#log,
      trustedMs: () => this.#gate.trustedMs(),
      confirmedMs: () => this.#confirmation.ms,
      unconfirmedSinceMs: () => this.#confirmation.unconfirmedSinceMs,
      checkClock: () => this.#gate.checkClock(),
      checkRoom: (batchClass) => this.#disk.check(batchClass),
      keepEvidence: this.#evidence.keep,
      evidenceAt: this.#evidence.at,
      joined: this.#joined,
      certificate: () => this.#end!.identity,
    }
  }

  async #listen(): Promise<void> {
    const { config, clock, log } = this.#options
    const bindings = [
      exchangeService({
        context: () => this.#context,
        door: () => this.#door,
        clock,
        onContact: (child, peer) => this.#neighbours.called(child, peer),
        onShown: async (who, { checkpoint, statements }) => {
          this.#gate.showStatements(who, statements)
          await this.#gate.show(who, checkpoint)
          await this.#restoration.show(who, checkpoint)
        },
        onRecall: (child, clockMs) => this.#gate.hear(child, clockMs),
        restoration: () => this.#restoration,
        askParent:
          config.parent &&
          ((lane, number, signal) =>
            parentCalls(this.#channel!).readLane({ lane, number }, signal)),
      }),
      recordService(this),
      ...adminServices(this),
    ]
    this.#server = await this.#end!.listen({
      host: config.listen.host,
      port: config.listen.port,
      services: bindings,
      authorize: (peer, path) => authorizeCall(this.#context, peer, path),
      counts: (peer) => counts(this.#context, peer),
      ...budgetsOf(config, () => this.#context),
      clock,
      log,
      reflection: config.reflection,
      onInternalError: (error, path) =>
        log.error(
          { path, error: error instanceof Error ? error.stack : String(error) },
          'a call failed inside',
        ),
    })
    if (config.audit) {
      this.#audit = await this.#end!.serveAudit({
        ...config.audit,
        context: () => this.#context,
        maySign: () => this.#gate.maySign,
        maxConnections: config.connectionsMax,
        clock,
        log,
      })
    }
  }

  #dial(parent: NonNullable<NodeConfig['parent']>): void {
    const { clock, random, log, link } = this.#options
    const { channel, uplink } = dialParent({
      context: this.#context,
      door: this.#door,
      parent,
      end: this.#end!,
      clock,
      random,
      log,
      times: link,
      awayMs: this.config.alarms.parentAwayMinutes * 60_000,
      onRecall: async (seen) => {
        await this.#gate.recall(seen)
        await this.#beginning.begin(seen.unverifiedStatements)
      },
      frozen: () => frozenAt(this.#context) !== undefined,
      recovering: () => this.#recovering,
      // What the parent held when this node came back is here.
      onCaughtUp: async () => {
        await this.#options.disk.files.remove(
          epochFiles(this.#options.config.folder, this.#folder.epoch).recovering,
        )
        this.#recovering = false
        log.info(
          { size: String(this.#log.size) },
          'everything that the parent holds of this node is back',
        )
      },
    })
    this.#channel = channel
    this.#uplink = uplink
  }

  #newRotation(): Rotation {
    const { config, clock, random, disk } = this.#options
    return new Rotation({
      config,
      files: disk.files,
      clock,
      random,
      context: this.#context,
      signal: this.#stop.signal,
      heard: () => this.#gate.heard,
      onReady: () => this.#succeed(),
      parent: config.parent && {
        calls: () => parentCalls(this.#channel!),
        handedUp: (size) => this.#uplink?.handedUp(size) ?? false,
        connected: () => this.#uplink?.state === 'connected' && !this.#recovering,
      },
    })
  }
}
