/**
 * A planned change of epoch, from the final entry of a log to the keys of the next one in their place:
 *
 * 1. the final entry, and with it, durable, that a successor is wanted;
 * 2. wait until the parent has everything of this log and cosigned its last tree (a root: more than half of its children);
 * 3. the new keys, and the statement of the next epoch, which names that tree: signed with the old key, the new one, and by
 *    the parent;
 * 4. keys and statement take their place together, by one rename: from then on the folder opens as the next epoch.
 *
 * Each step finds what an earlier try left, so a node that stopped anywhere goes on at its next start. Nothing is appended
 * between 1 and the next epoch; reads, proofs and cosignatures go on.
 */
import { join } from 'node:path'
import type { PersonalAct } from '../publish/actor.ts'
import { utf8, utf8Text } from '../base/bytes.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { type Said, type Text, text, textOf } from '../base/text.ts'
import type { Random } from '../base/random.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { Context } from '../commit/context.ts'
import { freezeLog, frozenAt, frozenKey } from '../members/freeze.ts'
import { cosignedCheckpoint, finalSize } from '../witness/cosigned.ts'
import { checkAct, nextStatement } from '../members/members.ts'
import type { SignedTree } from '../log/log.ts'
import { parseNote, signNote } from '../note/note.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import {
  formatStatement,
  type Member,
  parseStatement,
  statementOfEpoch,
} from '../topology/member.ts'
import type { ParentCalls } from '../uplink/parent.ts'
import { epochFiles, type NodeConfig, TRANSITION } from './config.ts'
import { formatTransition, readJoin } from './folder.ts'
import { makeKeys } from './keys.ts'
import { memberAtParent } from './parent-calls.ts'
import { rotationRows } from './own-rows.ts'

const WAIT_MS = 200
const RETRY_MS_MAX = 5_000

/** What was asked for; kept until the next epoch begins. */
interface Wanted extends PersonalAct {
  readonly keepKeys: boolean
}

export interface RotationOptions {
  readonly config: NodeConfig
  readonly files: Files
  readonly context: Context
  readonly clock: Clock
  readonly random: Random
  /** Undefined at a root. */
  readonly parent:
    | {
        readonly calls: () => ParentCalls
        readonly handedUp: (size: bigint) => boolean
        readonly connected: () => boolean
      }
    | undefined
  /** Whether those who are asked what they last saw of this log have spoken since the start. */
  readonly heard: () => boolean
  /** Called once when the folder holds the next epoch. */
  readonly onReady: () => void
  readonly signal: AbortSignal
}

export class Rotation {
  readonly #options: RotationOptions
  #running: Promise<void> = Promise.resolve()
  #done = false

  constructor(options: RotationOptions) {
    this.#options = options
  }

  /** Freezes the log and leaves it at that. Again: the same answer. @throws HuxinError argument_invalid | not_ready | clock_wrong | store_failed */
  async freeze(act: PersonalAct, source: EntrySource): Promise<SignedTree> {
    checkAct(act)
    const tree = await freezeLog(this.#options.context, { act, source })
    this.resume()
    return tree
  }

  /** Freezes the log, unless it is, and begins the next epoch as soon as may be. @throws HuxinError parent_unreachable, and as freeze */
  async rotate(
    act: PersonalAct,
    source: EntrySource,
    { keepKeys = false }: { keepKeys?: boolean } = {},
  ): Promise<SignedTree> {
    checkAct(act)
    const { context, parent } = this.#options
    // Frozen it would wait for the parent, and take nothing meanwhile.
    if (parent && !parent.connected())
      throw new HuxinError(
        'parent_unreachable',
        text`the parent signs the next epoch: try again when the link stands and everything lost is back (huxin node status)`,
      )
    const value = utf8(JSON.stringify({ ...act, keepKeys }))
    const tree = await freezeLog(context, {
      act,
      source,
      extra: (await this.#wanted())
        ? []
        : [{ key: this.#key, value: checkedValue(this.#key, value) }],
    })
    this.resume()
    return tree
  }

  /** Goes on with what was begun; does nothing when nothing was. */
  resume(): void {
    this.#running = this.#running.then(() => this.#run())
  }

  /** Waits until no step is under way. */
  async close(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    const { context, clock, signal, onReady } = this.#options
    const size = frozenAt(context)
    if (size === undefined || this.#done) return
    context.alarms.raise(
      'frozen',
      '',
      text`the log ${context.log().origin} is frozen at ${size} entries and takes no more`,
    )
    const wanted = await this.#wanted()
    if (!wanted) return
    for (let delayMs = WAIT_MS; !signal.aborted; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
      try {
        const waits = await this.#waitsFor(size)
        if (waits === undefined) {
          await this.#succeed(wanted)
          this.#done = true
          onReady()
          return
        }
        this.#say(size, waits)
        delayMs = WAIT_MS / 2
      } catch (error) {
        this.#say(size, textOf(error))
      }
      await sleep(clock, delayMs, signal)
    }
  }

  #say(size: bigint, what: Said): void {
    const { context } = this.#options
    context.alarms.raise(
      'frozen',
      '',
      text`the log ${context.log().origin} is frozen at ${size} entries; its successor waits: ${what}`,
    )
  }

  get #key(): Uint8Array {
    return rotationRows.key(this.#options.context.log().origin)
  }

  async #wanted(): Promise<Wanted | undefined> {
    const value = openChecked(this.#key, await this.#options.context.store.get(this.#key))
    return value && (JSON.parse(utf8Text(value) ?? '') as Wanted)
  }

  /** Why the next epoch cannot begin yet; undefined when it can. */
  async #waitsFor(size: bigint): Promise<Text | undefined> {
    const { context, parent, heard } = this.#options
    // A copy from while the log was frozen may have a successor already, which they know.
    if (!heard())
      return parent
        ? text`the parent has not said what it last saw of it`
        : text`enough of the children have not said what they last saw of it`
    if (parent && !parent.handedUp(size))
      return text`not everything in it has gone up to the parent`
    const final = await finalSize(context)
    return final >= size
      ? undefined
      : parent
        ? text`it is final up to ${final}: the parent must cosign it`
        : text`it is final up to ${final}: more than half of the children must cosign it`
  }

  async #succeed(wanted: Wanted): Promise<void> {
    const { config, files, context, parent, random } = this.#options
    const pending = join(config.folder, 'keys', 'next')
    if (wanted.keepKeys) await keepKeys(files, epochFiles(config.folder, context.epoch), pending)
    const next = await makeKeys(pending, config.node, { random, files })
    const known = context.ledger().federation.member(context.self)!
    const { member: current, history } = parent
      ? await memberAtParent(
          (request) => parent.calls().readBodies(request, this.#options.signal),
          await readJoin(config, files),
          config.node,
        )
      : { member: known, history: context.ledger().federation.history(context.self) }
    const { signed } = context.log()
    const statement =
      current.epoch > context.epoch
        ? answered(current, history, { noteVkey: next.note.vkey, epoch: context.epoch + 1 })
        : await this.#sign(current, { wanted, next })
    const { frozen, serial: last } = parseStatement(parseNote(statement).text)
    if (frozen?.size !== signed.size)
      throw new HuxinError(
        'log_forked',
        text`the statement of the next epoch names a tree of ${frozen?.size ?? 0} entries, the log has ${signed.size}`,
      )
    await context.writer.save([
      { key: frozenKey(context.log().origin), value: await cosignedCheckpoint(context) },
    ])
    // What was said of this member since the log was frozen could not be logged in it; what was said after the epoch began comes from the parent.
    const missed = history.filter((note) => {
      const { serial } = parseStatement(parseNote(note).text)
      return serial > known.serial && serial < last
    })
    await place(files, config.folder, {
      pending,
      statements: [...missed, statement],
      epoch: context.epoch + 1,
    })
  }

  async #sign(
    current: Member,
    { wanted, next }: { wanted: Wanted; next: Awaited<ReturnType<typeof makeKeys>> },
  ): Promise<Uint8Array> {
    const { context, parent } = this.#options
    const { size, root } = context.log().signed
    const { actor, document, reason } = wanted
    const text = formatStatement({
      ...nextStatement(current),
      epoch: current.epoch + 1,
      noteVkey: next.note.vkey,
      cosignVkey: next.cosign.vkey,
      actor,
      document,
      reason,
      frozen: { size, root },
    })
    const same = next.note.vkey === context.noteSigner.vkey
    const signed = signNote(text, same ? [context.noteSigner] : [context.noteSigner, next.note])
    return parent
      ? (await parent.calls().renew({ renewal: signed }, this.#options.signal)).statement
      : signed
  }
}

/** What the parent signed at an earlier try whose answer was lost. */
function answered(
  current: Member,
  history: readonly Uint8Array[],
  { noteVkey, epoch }: { readonly noteVkey: string; readonly epoch: number },
): Uint8Array {
  const begun =
    current.epoch === epoch && current.noteVkey === noteVkey
      ? statementOfEpoch(history, epoch)
      : undefined
  if (begun && parseStatement(parseNote(begun).text).frozen) return begun
  throw new HuxinError(
    'log_behind',
    text`the federation has epoch ${current.epoch} of this node with other keys than those in keys/next: run huxin node recover`,
  )
}

async function keepKeys(
  files: Files,
  { noteKey, cosignKey }: { readonly noteKey: string; readonly cosignKey: string },
  pending: string,
): Promise<void> {
  await files.makeFolder(pending)
  await files.writeWhole(join(pending, 'note.key'), await files.read(noteKey))
  await files.writeWhole(join(pending, 'cosign.key'), await files.read(cosignKey))
}

/** One rename puts keys and statements where the next start looks for them. */
async function place(
  files: Files,
  folder: string,
  {
    pending,
    statements,
    epoch,
  }: { pending: string; statements: readonly Uint8Array[]; epoch: number },
): Promise<void> {
  await files.writeWhole(join(pending, TRANSITION), formatTransition(statements))
  await files.rename(pending, join(folder, 'keys', String(epoch)))
}
