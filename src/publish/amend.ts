/**
 * Withdraw, repair, object, erase, restore. An amendment names positions, never people, and always goes to the
 * whole federation. Erasing a version erases every earlier version of the same record known here.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { hex } from '../base/bytes.ts'
import { isCivilDate, Turns } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { term, text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { RESTORES } from '../batch/header.ts'
import type { SealedHeader } from '../batch/seal.ts'
import { AmendmentAction, AmendmentSchema } from '../gen/huxin/v1/catalog_pb.ts'
import { basisFault, documentFault } from '../record/personal.ts'
import { bodyKey } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import type { Context } from '../commit/context.ts'
import { type AmendedBatch, checkAmendable, checkMayAmend } from './may-amend.ts'
import { checkNotAmended, withdrawalsOf } from './restore.ts'
import { firstBatchOf } from './request-ids.ts'
import { type Published, publish } from './publish.ts'
import type { Actor } from './actor.ts'
import { earlierBatches } from '../query/versions.ts'
import type { Moment } from '../commit/writer.ts'

export interface RecordChange {
  readonly action: 'withdraw' | 'repair' | 'object' | 'erase' | 'restore'
  readonly batchId: Uint8Array
  readonly position: number
  /** Civil date. */
  readonly effectiveOn: string
  readonly basis: string
  readonly document: string
}

export interface Amending {
  /** Unified social credit code of the body that answers for the changes. */
  readonly provider: string
  readonly changes: readonly RecordChange[]
  readonly source: EntrySource
  readonly requestId?: string | undefined
  /** Who wants it; undefined for the node itself. */
  readonly by?: Actor | undefined
  /** Under which a second person granted it, 32 bytes. */
  readonly approval?: Uint8Array | undefined
  /** Aborted when nobody wants the answer any more. */
  readonly signal?: (() => AbortSignal) | undefined
  /** When the caller began to read what the changes rest on. */
  readonly moment?: Moment | undefined
  /** More rows for the commit. */
  readonly extraOps?: ((batch: SealedHeader) => readonly Op[]) | undefined
}

const actions = {
  withdraw: AmendmentAction.WITHDRAW,
  repair: AmendmentAction.REPAIR,
  object: AmendmentAction.OBJECT,
  erase: AmendmentAction.ERASE,
  restore: AmendmentAction.RESTORE,
} as const

/** Changes of one batch of amendments, and bytes of the bodies that it rewrites: every node does so in one commit. */
const BATCH_CHANGES_MAX = 1_000
const BATCH_BODY_BYTES_MAX = 32 << 20

/** A batch that changes name. */
interface Amended extends AmendedBatch {
  readonly index: bigint
}

/** What changes rest on. */
interface Checked {
  /** The batches that they name, by id in hexadecimal. */
  readonly batches: ReadonlyMap<string, Amended>
  /** By change: the withdrawals that it undoes. */
  readonly withdrawals: ReadonlyMap<RecordChange, readonly Uint8Array[]>
}

/**
 * Publishes changes as one batch of class amendment. Earlier versions of what is erased are named too; where they are
 * too many for one batch, others go before it.
 * @throws HuxinError argument_invalid | not_found | amendment_invalid | role_denied | cancelled
 */
export async function amend(context: Context, asked: Amending): Promise<Published> {
  const amending = { ...asked, moment: asked.moment ?? context.writer.moment() }
  const { changes, requestId } = amending
  const turns = new Turns(context.clock, amending.signal)
  const isRepeated = (await firstBatchOf(context, amending)) !== undefined
  const { batches, withdrawals } = await checkChanges(context, { ...amending, isRepeated }, turns)
  const own = distinct(changes)
  const room = {
    changes: BATCH_CHANGES_MAX - own.length,
    bytes: BATCH_BODY_BYTES_MAX - (await erasedBytes(context, changes, batches)),
  }
  if (room.bytes < 0)
    throw new HuxinError(
      'argument_invalid',
      text`the batches of what is to be erased have more than ${BATCH_BODY_BYTES_MAX >> 20} MB: erase fewer records in one call`,
    )
  const pieces: RecordChange[][] = [[]]
  for await (const { batchId, bodyBytes, records } of earlierBatches(
    context,
    sought(changes, batches),
    turns,
  )) {
    room.changes -= records.length
    room.bytes -= bodyBytes
    if (room.changes < 0 || room.bytes < 0) {
      pieces.push([])
      Object.assign(room, {
        changes: BATCH_CHANGES_MAX - records.length,
        bytes: BATCH_BODY_BYTES_MAX - bodyBytes,
      })
    }
    for (const { position, value } of records) pieces.at(-1)!.push({ ...value, batchId, position })
  }
  if (turns.over) await turns.next()
  // The first piece has room for what was asked for, and goes last: a call that is made again finds what is left.
  for (const piece of pieces.slice(1))
    await publishChanges(
      context,
      { ...amending, requestId: undefined, extraOps: undefined },
      distinct(piece),
    )
  const restored = await restoreFirst(context, { ...amending, withdrawals })
  return publishChanges(
    context,
    { ...amending, withdrawals: restored },
    distinct([...own, ...pieces[0]!]),
    requestId,
  )
}

/**
 * An amendment names so many withdrawals at most, and one batch amends a record once: what is more goes in batches
 * before the last. @returns the withdrawals that are left for it
 */
async function restoreFirst(
  context: Context,
  amending: Amending & { readonly moment: Moment; readonly withdrawals: Checked['withdrawals'] },
): Promise<Checked['withdrawals']> {
  for (let left = amending.withdrawals; ;) {
    const more = new Map([...left].filter(([, ids]) => ids.length > limits.withdrawalsMax))
    if (more.size === 0) return left
    const piece = new Map(
      [...more].map(([change, ids]) => [change, ids.slice(0, limits.withdrawalsMax)]),
    )
    await publishChanges(
      context,
      { ...amending, withdrawals: piece, requestId: undefined, extraOps: undefined },
      distinct([...piece.keys()]),
    )
    left = new Map(
      [...left].map(([change, ids]) => [
        change,
        more.has(change) ? ids.slice(limits.withdrawalsMax) : ids,
      ]),
    )
  }
}

/**
 * Checks what is asked for and who asks, and publishes nothing.
 * @throws HuxinError argument_invalid | not_found | amendment_invalid | role_denied | cancelled
 */
export async function checkAmending(
  context: Context,
  amending: Pick<Amending, 'changes' | 'by' | 'signal'>,
): Promise<void> {
  await checkChanges(context, amending, new Turns(context.clock, amending.signal))
}

function publishChanges(
  context: Context,
  amending: Amending & { readonly moment: Moment; readonly withdrawals?: Checked['withdrawals'] },
  changes: readonly RecordChange[],
  requestId?: string,
): Promise<Published> {
  const { provider, source, moment, approval, extraOps, withdrawals } = amending
  const records = changes.map((change) =>
    toBinary(
      AmendmentSchema,
      create(AmendmentSchema, {
        action: actions[change.action],
        batchId: change.batchId,
        index: change.position,
        effectiveOn: change.effectiveOn,
        basis: change.basis,
        document: change.document,
        withdrawals: [...(withdrawals?.get(change) ?? [])],
        ...(approval ? { approval } : {}),
      }),
    ),
  )
  const restores = changes.some(({ action }) => action === 'restore')
  return publish(context, {
    kind: 'amendment',
    item: undefined,
    provider,
    targets: ['**'],
    batchClass: 'amendment',
    records,
    source,
    moment,
    ...(restores ? { extra: [RESTORES] } : {}),
    ...(requestId ? { requestId, repeats: (stored) => madeBy(amending.changes, stored) } : {}),
    ...(extraOps ? { extraOps } : {}),
  })
}

/** Each once. */
function distinct(changes: readonly RecordChange[]): RecordChange[] {
  return [
    ...new Map(
      changes.map((change) => [
        `${hex(change.batchId)} ${change.position} ${change.action}`,
        change,
      ]),
    ).values(),
  ]
}

/**
 * Whether a request made these amendments. The day is not compared: a request without one means the day of
 * its first call. There may be more: erasing adds earlier versions, which later calls no longer find.
 */
function madeBy(
  changes: readonly RecordChange[],
  stored: readonly (Uint8Array | undefined)[],
): boolean {
  const textOf = (
    action: AmendmentAction,
    batchId: Uint8Array,
    position: number,
    basis: string,
    document: string,
  ): string => JSON.stringify([action, hex(batchId), position, basis, document])
  const made = new Set(
    stored.flatMap((bytes) => {
      if (!bytes) return []
      const { action, batchId, index, basis, document } = fromBinary(AmendmentSchema, bytes)
      return [textOf(action, batchId, index, basis, document)]
    }),
  )
  return changes.every(({ action, batchId, position, basis, document }) =>
    made.has(textOf(actions[action], batchId, position, basis, document)),
  )
}

/** Each batch is read once and no body is. A repeated call is answered with what the first one did, whatever that changed. */
async function checkChanges(
  context: Context,
  { changes, by, isRepeated }: Pick<Amending, 'changes' | 'by'> & { readonly isRepeated?: boolean },
  turns: Turns,
): Promise<Checked> {
  const batches = new Map<string, Amended>()
  const withdrawals = new Map<RecordChange, readonly Uint8Array[]>()
  checkTogether(changes)
  for (const change of changes) {
    if (turns.over) await turns.next()
    checkForm(change)
    const name = hex(change.batchId)
    const known = batches.get(name)
    const amended = known ?? (await openBatch(context, change.batchId))
    if (!known) batches.set(name, amended)
    const { records } = amended.batch.header
    if (change.position >= records)
      throw new HuxinError(
        'not_found',
        text`batch ${name} has ${records} records, there is none at position ${change.position}`,
      )
    if (!known) checkAmendable(context, amended)
    if (by) checkMayAmend(context, by, amended, change)
    if (isRepeated) continue
    if (change.action === 'restore')
      withdrawals.set(change, await withdrawalsOf(context, by, amended, change))
    else await checkNotAmended(context, amended, { ...change, code: actions[change.action] })
  }
  return { batches, withdrawals }
}

/** One batch says one thing of a record, and what restores does nothing else. @throws HuxinError argument_invalid */
function checkTogether(changes: readonly RecordChange[]): void {
  const byRecord = new Map<string, RecordChange>()
  for (const change of changes) {
    const name = `${hex(change.batchId)} ${change.position}`
    const before = byRecord.get(name)
    if (before && before.action !== change.action)
      throw new HuxinError(
        'argument_invalid',
        text`one call says ${term(before.action)} and ${term(change.action)} of record ${name}: make two calls of it`,
      )
    byRecord.set(name, change)
  }
  const restoring = changes.filter(({ action }) => action === 'restore').length
  if (restoring > 0 && restoring < changes.length)
    throw new HuxinError(
      'argument_invalid',
      text`one call restores records and does something else to others: make two calls of it`,
    )
}

function checkForm({ action, effectiveOn, basis, document }: RecordChange): void {
  if (!Object.hasOwn(actions, action))
    throw new HuxinError(
      'argument_invalid',
      text`action ${action} is not one of ${Object.keys(actions).join(', ')}`,
    )
  if (!isCivilDate(effectiveOn))
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(effectiveOn)} is not a date: YYYY-MM-DD is wanted`,
    )
  const fault = basisFault(basis) ?? documentFault(document)
  if (fault) throw new HuxinError('argument_invalid', fault)
}

async function openBatch(context: Context, id: Uint8Array): Promise<Amended> {
  const known = await context.ledger().known(id)
  const index = known?.indexes[0]
  const logged = index === undefined ? undefined : await context.recent.find(index)
  if (index === undefined || !logged)
    throw new HuxinError('not_found', text`batch ${hex(id)} is not in this log`)
  return { batch: logged.batch, source: logged.entry.source, index }
}

/** Bytes of the bodies that what is asked for rewrites; more than the limit is not counted to its end. */
async function erasedBytes(
  context: Context,
  changes: readonly RecordChange[],
  batches: ReadonlyMap<string, Amended>,
): Promise<number> {
  let bytes = 0
  for (const name of new Set(
    changes.filter(({ action }) => action === 'erase').map(({ batchId }) => hex(batchId)),
  )) {
    bytes += (await context.store.get(bodyKey(batches.get(name)!.index)))?.length ?? 0
    if (bytes > BATCH_BODY_BYTES_MAX) break
  }
  return bytes
}

function sought(changes: readonly RecordChange[], batches: ReadonlyMap<string, Amended>) {
  const rows = new Map<string, Map<number, RecordChange>>()
  for (const change of changes) {
    if (change.action !== 'erase') continue
    const name = hex(change.batchId)
    rows.set(name, (rows.get(name) ?? new Map<number, RecordChange>()).set(change.position, change))
  }
  return [...rows].map(([name, ofBatch]) => ({ ...batches.get(name)!, changes: ofBatch }))
}
