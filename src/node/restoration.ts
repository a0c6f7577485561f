/**
 * A root that lost its newest entries, or all of them, begins a new epoch and nobody stands above it who could give
 * anything back. Its children can: each has every entry of the old log that concerned it, verified under the old log's signed tree.
 *
 * The log of the new epoch begins with what is left of the old one. Then the children give back what they have, class by
 * class: statements and catalog, then amendments, so that what is erased stays so, then records. When enough of them have
 * given everything, the statement of the new epoch is made: it says with which tree the old log was seen last and from which
 * entry on it was lost, is signed with the old key and the new one, and is the first entry that this node publishes. Nothing
 * else is judged or published before, nothing of the old log is ever signed again, and a child that comes late gives back
 * all the same.
 *
 * A child is not trusted: headers carry their origin's signature, what others published is judged anew, and a tree of the
 * old log counts only with this root's own signature. What a colluding child could add with a stolen old key of the root is, until
 * the new epoch begins, what that thief could publish himself, and afterwards records.
 */
import { equalBytes } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { Files } from '../base/files.ts'
import { limits } from '../base/limits.ts'
import { FIRST_EDITION } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { alarmText } from '../alarm/alarms.ts'
import type { Context } from '../commit/context.ts'
import type { Door } from '../exchange/door.ts'
import { nextStatement, notActive } from '../members/members.ts'
import { publish } from '../publish/publish.ts'
import type { GiveBackRequest, Package } from '../gen/huxin/v1/exchange_service_pb.ts'
import { compareTrees } from '../merkle/beginning.ts'
import { type Checkpoint, openCheckpoint } from '../note/checkpoint.ts'
import { parseVkey, type Signer } from '../note/key.ts'
import { parseNote, signNote } from '../note/note.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { prefixRange } from '../store/keys.ts'
import { type BatchClass, batchClasses } from '../topology/lane.ts'
import { formatStatement, type Member, parseStatement } from '../topology/member.ts'
import { epochFiles, type NodeConfig } from './config.ts'
import type { RootRecovery } from './folder.ts'
import { epochOfLog, noteKeyOf } from './recovery.ts'
import { gaveBackRows } from './own-rows.ts'

/** Batch ids in one offer. */
const OFFERED_MAX = 4_096
/** Hashes from one tree to another: sizes have 63 bits. */
const HASHES_MAX = 64

export interface RestorationOptions {
  readonly config: NodeConfig
  readonly files: Files
  readonly context: Context
  readonly door: Door
  /** What was left of the log before; undefined where nothing was lost. */
  readonly recovery: RootRecovery | undefined
  /** The operator says that no more children will come: the first that gave everything back is enough. */
  readonly alone: boolean
  /** The old log or its keys are not what the federation knows: nothing is signed. */
  readonly onBroken: (error: HuxinError) => void
}

/** What a root still wants of a child. */
export interface Lost {
  /** Origin line of the log before. */
  readonly log: string
  /** Entries of it that are still here. */
  readonly size: bigint
  /** The new log has not begun. */
  readonly waiting: boolean
}

export class Restoration {
  readonly #options: RestorationOptions
  readonly #old: Signer | undefined
  /** Children that gave back everything. */
  readonly #complete = new Set<string>()
  /** Trees of the old log by whom they were shown, under this root's own signature. */
  readonly #shown = new Map<string, { readonly tree: Checkpoint; readonly note: Uint8Array }>()
  #came = 0
  #beginning: Promise<void> | undefined

  private constructor(options: RestorationOptions, old: Signer | undefined) {
    this.#options = options
    this.#old = old
  }

  static async open(options: RestorationOptions): Promise<Restoration> {
    const {
      recovery,
      config,
      context: { store },
    } = options
    const restoration = new Restoration(
      options,
      recovery && (await noteKeyOf(config, epochOfLog(recovery.log), options.files)),
    )
    if (!recovery) return restoration
    if (recovery.seen) await restoration.show(config.node, recovery.seen)
    const { gte, lt } = prefixRange(gaveKey(recovery.log, ''))
    for (const [key, value] of await store.range({ gte, lt })) {
      const child = Buffer.from(key.subarray(gte.length)).toString()
      restoration.#complete.add(child)
      await restoration.show(child, openChecked(key, value)?.subarray(1) ?? new Uint8Array())
    }
    return restoration
  }

  /** The statement of this epoch, with the keys that are here, is not in the log yet: nothing else is published or judged. */
  get due(): boolean {
    const { recovery, context } = this.#options
    const begun = context
      .ledger()
      .federation.member(context.self)
      ?.epochs.some(
        ({ epoch, noteVkey }) => epoch === context.epoch && noteVkey === context.noteSigner.vkey,
      )
    return recovery !== undefined && begun !== true
  }

  /** Takes what anybody saw of the old log; what this root did not sign says nothing. */
  async show(who: string, note: Uint8Array): Promise<void> {
    const { recovery, context, onBroken } = this.#options
    if (!recovery || !this.#old || note.length === 0) return
    const tree = openOwn(note, this.#old, recovery.log)
    if (!tree || tree.size <= (this.#shown.get(who)?.tree.size ?? 0n)) return
    this.#shown.set(who, { tree, note })
    if (
      !this.due ||
      tree.size > recovery.left.size ||
      equalBytes(await context.log().root(tree.size), tree.root)
    )
      return
    onBroken(otherLog(recovery, tree.size, who))
  }

  /** What is still wanted of a child, or of anybody while the children are not known. @throws HuxinError role_denied | member_suspended | not_ready */
  lost(child: string): Lost | undefined {
    const { recovery } = this.#options
    if (!recovery) return undefined
    if (!this.#complete.has(child))
      return { log: recovery.log, size: recovery.left.size, waiting: this.due }
    if (!this.due) return undefined
    // What stood in the way then, a wrong clock, may be gone.
    void this.tryBegin()
    throw new HuxinError(
      'not_ready',
      text`${this.#options.config.node} takes back what it lost and waits for other children: ask again later`,
    )
  }

  /**
   * Takes what a child gives back: says what of an offer is not here, and takes batches in their order.
   * @throws HuxinError argument_invalid | not_ready; role_denied | member_suspended when the caller is no active child
   */
  async giveBack(
    child: string,
    request: GiveBackRequest,
  ): Promise<{ wanted: number[]; errorCodes: string[] }> {
    const { recovery, context } = this.#options
    if (!recovery)
      throw new HuxinError(
        'argument_invalid',
        text`${context.self} lost nothing: there is nothing to give back`,
      )
    checkRequest(request)
    this.#mayGive(child, request)
    this.#checkBeginning(child, request.beginning)
    const wanted: number[] = []
    for (const [i, id] of request.offered.entries())
      if (!(await context.ledger().known(id))) wanted.push(i)
    const settled = await Promise.allSettled(
      request.packages.map((pack) => this.#take(child, request.batchClass as BatchClass, pack)),
    )
    const errorCodes = settled.map((result) =>
      result.status === 'fulfilled' ? '' : codeOf(result.reason),
    )
    this.#came += settled.filter((result) => result.status === 'fulfilled' && result.value).length
    if (request.end) await this.#completed(child)
    else await this.tryBegin()
    return { wanted, errorCodes }
  }

  /** What is left of the old log may be of a second one, signed after its database was an old copy. A child that saw more proves it; anything else proves nothing. */
  #checkBeginning(child: string, beginning: readonly Uint8Array[]): void {
    const { recovery, onBroken } = this.#options
    const shown = this.#shown.get(child)
    if (
      !this.due ||
      !shown ||
      beginning.length === 0 ||
      compareTrees(recovery!.left, shown.tree, beginning) !== 'two'
    )
      return
    const error = otherLog(recovery!, shown.tree.size, child)
    onBroken(error)
    throw error
  }

  /** Statements and catalog prove themselves and say who the children are; the rest is for those. */
  #mayGive(child: string, { batchClass, end }: GiveBackRequest): void {
    const { context } = this.#options
    const member = context.ledger().federation.member(child)
    if (!member && this.due && batchClass === 'control' && !end) return
    if (member?.parent !== context.self)
      throw new HuxinError(
        'role_denied',
        text`${child} is not a child of ${context.self} by the statements that came back: it must be admitted first (huxin member approve)`,
      )
    if (member.status !== 'active') throw notActive(member)
  }

  /** @returns true when it was not here */
  async #take(child: string, batchClass: BatchClass, pack: Package): Promise<boolean> {
    const { context } = this.#options
    const { header, idText } = parseHeaderNote(pack.header)
    if (header.batchClass !== batchClass)
      throw new HuxinError(
        'argument_invalid',
        text`a batch of class ${header.batchClass} is given back as ${batchClass}`,
      )
    // Records of this root are taken back also when its next epoch has begun. What else its old key signs may be a thief's.
    if (
      !this.due &&
      header.origin === context.self &&
      context.kinds.get(header.kind)?.reach !== 'item'
    ) {
      throw new HuxinError(
        'signature_invalid',
        text`the ${term(header.kind)} batch ${idText} of ${context.self} comes after epoch ${context.epoch} has begun: a key that has ended decides nothing any more`,
      )
    }
    const { federation } = context.ledger()
    const own = federation.member(child) !== undefined && federation.isWithin(header.origin, child)
    // Once the new log has begun a child's own come as at any time, and nothing comes by earlier rules: a late child may give back for ever.
    const { due } = this
    const { repeated } = await this.#options.door.accept({
      header: pack.header,
      body: pack.body,
      judged: pack.judged,
      givenBack: due || !own,
      // Nobody has the entry by which others' were judged; of its own the child has this root's receipt.
      ...(due && !own ? { rules: FIRST_EDITION } : {}),
      ...(pack.receipt ? { receipt: pack.receipt } : {}),
      source: own ? { kind: 'child', node: child } : { kind: 'fetched', node: child },
    })
    return !repeated
  }

  async #completed(child: string): Promise<void> {
    const { context, recovery } = this.#options
    const key = gaveKey(recovery!.log, child)
    await context.writer.save([
      { key, value: checkedValue(key, Uint8Array.of(1, ...(this.#shown.get(child)?.note ?? []))) },
    ])
    this.#complete.add(child)
    await this.tryBegin()
  }

  /** Begins the new epoch when enough children gave back what they have; says whom it waits for until then. */
  tryBegin(): Promise<void> {
    this.#beginning ??= this.#tryBegin()
      .catch((error: unknown) => {
        this.#options.context.alarms.raise('recovery', '', alarmText(error))
        if (isHuxinError(error, 'log_behind')) this.#options.onBroken(error)
      })
      .finally(() => {
        this.#beginning = undefined
      })
    return this.#beginning
  }

  async #tryBegin(): Promise<void> {
    if (!this.due) return
    const { context, recovery, alone } = this.#options
    const children = context
      .ledger()
      .federation.children(context.self)
      .filter(({ status }) => status === 'active')
      .map(({ name }) => name)
    const done = children.filter((name) => this.#complete.has(name))
    const half = Math.max(1, Math.ceil(children.length / 2))
    const needed = children.length === 0 && recovery!.left.size > 0n ? 0 : alone ? 1 : half
    if (done.length < needed) {
      const of =
        children.length === 0 ? text`a child` : text`${needed} of the ${children.length} children`
      context.alarms.raise(
        'recovery',
        '',
        text`${recovery!.log} was lost from entry ${recovery!.left.size} on: epoch ${context.epoch} begins when ${of} gave back what they have; ${
          done.length === 0 ? text`none` : done
        } did${alone ? '' : text` (--alone: the first one is enough)`}`,
      )
      return
    }
    const statements = await this.#statements()
    await publish(context, {
      kind: 'member',
      item: undefined,
      provider: context.body,
      targets: ['**'],
      batchClass: 'control',
      records: statements,
      source: { kind: 'self' },
      begins: true,
    })
    context.alarms.clear('recovery')
    this.#say(statements.at(-1)!)
  }

  #say(statement: Uint8Array): void {
    const { context, recovery } = this.#options
    const { lost } = parseStatement(parseNote(statement).text)
    if (!lost) return
    context.alarms.raise(
      'lost',
      '',
      text`entries ${lost.from} to ${lost.seen.size - 1n} of ${recovery!.log} were lost; ${
        this.#came
      } batches came back from the children, and what their branches sent comes again. What was addressed to this node by itself alone (acts of persons, access records, its register) and what nobody below has is gone: see to it`,
    )
  }

  /** The statement that begins this epoch; with it one that an earlier try made and nobody may have heard of. @throws HuxinError log_behind */
  async #statements(): Promise<Uint8Array[]> {
    const { context, config } = this.#options
    const { federation } = context.ledger()
    const file = epochFiles(config.folder, context.epoch).statement
    for (const earlier of [epochFiles(config.folder, context.epoch - 1).statement, file]) {
      const note = await this.#options.files.read(earlier).catch(() => undefined)
      const member = note && federation.foresee([note]).member(context.self)
      if (!member || member.epoch <= (federation.member(context.self)?.epoch ?? 0)) continue
      if (earlier === file) return [note]
      return [note, await this.#sign(member, file)]
    }
    const known = federation.member(context.self)
    if (!known || known.serial < 0)
      throw new HuxinError('not_ready', text`no statement of ${context.self} came back yet`)
    return [await this.#sign(known, file)]
  }

  /** Durable before anybody is shown it: what was signed once is not signed otherwise. */
  async #sign(current: Member, file: string): Promise<Uint8Array> {
    const { context, config, recovery } = this.#options
    const old = await noteKeyOf(config, current.epoch, this.#options.files)
    if (current.epoch !== context.epoch - 1 || old?.vkey !== current.noteVkey) {
      throw new HuxinError(
        'log_behind',
        text`the federation has epoch ${current.epoch} of this root, and no recovery from ${recovery!.log} can follow it: restore a backup that has keys/${current.epoch} (huxin node restore), then run huxin node recover`,
      )
    }
    const { left } = recovery!
    const seen = [...this.#shown.values()]
      .map(({ tree }) => tree)
      .reduce((most, tree) => (tree.size > most.size ? tree : most), { size: 0n, root: left.root })
    const content = formatStatement({
      ...nextStatement(current),
      epoch: context.epoch,
      noteVkey: context.noteSigner.vkey,
      cosignVkey: context.cosigner.vkey,
      actor: config.node,
      reason: `recovery: ${left.size === 0n ? 'lost-disk' : 'snapshot'}`,
      ...(seen.size > left.size ? { lost: { from: left.size, seen } } : {}),
    })
    const note = signNote(content, [old, context.noteSigner])
    await this.#options.files.writeWhole(file, note)
    return note
  }
}

function otherLog({ log }: RootRecovery, size: bigint, who: string): HuxinError {
  return new HuxinError(
    'log_forked',
    text`what is left here of ${log} is of another log than the ${size} entries that ${who} saw, which this root signed too: stop this node, move its database elsewhere, keep it, and run huxin node recover again; everything then comes from the children`,
  )
}

function gaveKey(log: string, child: string): Uint8Array {
  return gaveBackRows.key(`${log}/${child}`)
}

function openOwn(note: Uint8Array, { vkey }: Signer, log: string): Checkpoint | undefined {
  try {
    return openCheckpoint(note, [parseVkey(vkey)], log)
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string {
  if (!isHuxinError(error)) throw error
  return error.code
}

/** @throws HuxinError argument_invalid */
function checkRequest({ batchClass, offered, packages, beginning }: GiveBackRequest): void {
  if (!(batchClasses as readonly string[]).includes(batchClass))
    throw new HuxinError(
      'argument_invalid',
      text`class ${batchClass} is not one of ${batchClasses.join(', ')}`,
    )
  if (offered.length > OFFERED_MAX || offered.some((id) => id.length !== 32))
    throw new HuxinError(
      'argument_invalid',
      text`an offer has at most ${OFFERED_MAX} batch ids of 32 bytes`,
    )
  if (beginning.length > HASHES_MAX)
    throw new HuxinError(
      'argument_invalid',
      text`${beginning.length} hashes lead from one tree to another, at most ${HASHES_MAX} do`,
    )
  if (packages.length > limits.submitBatchesMax)
    throw new HuxinError(
      'argument_invalid',
      text`${packages.length} batches in one call, allowed are at most ${limits.submitBatchesMax}`,
    )
}
