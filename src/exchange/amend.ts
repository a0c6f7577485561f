/**
 * Withdraw, repair, object, erase. An amendment names positions, never people, and always goes to the
 * whole federation. Erasing a version erases every earlier version of the same record known here.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { hex } from '../base/bytes.ts'
import { isCivilDate } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import type { EntrySource } from '../batch/entry.ts'
import { AmendmentAction, AmendmentSchema } from '../gen/huxin/v1/catalog_pb.ts'
import type { Context } from './context.ts'
import { type Published, publish } from './publish.ts'
import { findBatch, findByRecordId, readPlace } from './query.ts'

export interface RecordChange {
  readonly action: 'withdraw' | 'repair' | 'object' | 'erase'
  readonly batchId: Uint8Array
  readonly position: number
  /** Civil date. */
  readonly effectiveOn: string
  readonly basis: string
  readonly document: string
}

const actions = {
  withdraw: AmendmentAction.WITHDRAW,
  repair: AmendmentAction.REPAIR,
  object: AmendmentAction.OBJECT,
  erase: AmendmentAction.ERASE,
} as const

/**
 * Publishes changes as one batch of class amendment.
 * @throws HuxinError argument_invalid | not_found | amendment_invalid
 */
export async function amend(
  context: Context,
  { provider, changes, source, requestId }: { provider: string; changes: readonly RecordChange[]; source: EntrySource; requestId?: string },
): Promise<Published> {
  const all: RecordChange[] = []
  for (const change of changes) {
    await checkChange(context, change)
    all.push(change)
    if (change.action === 'erase') all.push(...await earlierVersions(context, change))
  }
  const unique = new Map(all.map((change) => [`${hex(change.batchId)} ${change.position} ${change.action}`, change]))
  const records = [...unique.values()].map((change) => toBinary(AmendmentSchema, create(AmendmentSchema, {
    action: actions[change.action],
    batchId: change.batchId,
    index: change.position,
    effectiveOn: change.effectiveOn,
    basis: change.basis,
    document: change.document,
  })))
  return publish(context, {
    kind: 'amendment', item: undefined, provider, targets: ['**'], batchClass: 'amendment', records, source, ...(requestId ? { requestId, repeats: (stored) => madeBy(changes, stored) } : {}),
  })
}

/**
 * Whether a request made these amendments. The day is not compared: a request without one means the day of
 * its first call. There may be more: erasing adds earlier versions, which later calls no longer find.
 */
function madeBy(changes: readonly RecordChange[], stored: readonly (Uint8Array | undefined)[]): boolean {
  const made = stored.flatMap((bytes) => (bytes ? [fromBinary(AmendmentSchema, bytes)] : []))
  return changes.every(({ action, batchId, position, basis, document }) => made.some((one) => one.action === actions[action] &&
    hex(one.batchId) === hex(batchId) && one.index === position && one.basis === basis && one.document === document))
}

async function checkChange(context: Context, change: RecordChange): Promise<void> {
  if (!Object.hasOwn(actions, change.action)) throw new HuxinError('argument_invalid', `action ${change.action} is not one of ${Object.keys(actions).join(', ')}`)
  if (!isCivilDate(change.effectiveOn)) throw new HuxinError('argument_invalid', `${JSON.stringify(change.effectiveOn)} is not a date: YYYY-MM-DD is wanted`)
  if (change.basis === '') throw new HuxinError('argument_invalid', 'an amendment needs a basis code, for example repair/order36')
  const found = await findBatch(context, change.batchId)
  if (!found) throw new HuxinError('not_found', `batch ${hex(change.batchId)} is not in this log`)
  if (change.position >= found.batch.header.records) {
    throw new HuxinError('not_found', `batch ${hex(change.batchId)} has ${found.batch.header.records} records, there is none at position ${change.position}`)
  }
  const { federation } = context.ledger()
  if (!federation.isWithin(found.batch.header.origin, context.self)) {
    throw new HuxinError('amendment_invalid', `records of ${found.batch.header.origin} are amended there or by a node above it, not by ${context.self}`)
  }
}

async function earlierVersions(context: Context, change: RecordChange): Promise<RecordChange[]> {
  const found = await findBatch(context, change.batchId)
  const record = found && await readPlace(context, found.index, change.position)
  if (!found || !record?.record) return []
  const { provider, item } = found.batch.header
  const versions = await findByRecordId(context, record.record.recordId, 1_000)
  return versions
    .filter((version) => version.batch.header.provider === provider && version.batch.header.item === item)
    .filter((version) => version.index < found.index || (version.index === found.index && version.position < change.position))
    .map((version) => ({ ...change, batchId: version.batch.id, position: version.position }))
}
