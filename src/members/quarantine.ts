/**
 * Quarantines: an origin that sent two different batches with one number of a lane is taken no more, by
 * whoever noticed. Each node lifts its own, when a person says so; who, why and on which document is logged
 * here. What the origin sent meanwhile comes again by itself. The second batch stays away: its number is taken.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import type { PersonalAct } from '../publish/actor.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { OperatorActSchema } from '../gen/huxin/v1/access_pb.ts'
import { ActSchema } from '../gen/huxin/v1/catalog_pb.ts'
import { openChecked } from '../store/checked.ts'
import { prefixRange, tables, textKey } from '../store/keys.ts'
import type { Context } from '../commit/context.ts'
import { checkAct } from './members.ts'
import { publish } from '../publish/publish.ts'
import { refusalText } from '../verdict/refusal.ts'

export interface Quarantine {
  /** Full name. */
  readonly origin: string
  /** Id of the batch for which it was set. */
  readonly batchId: Uint8Array
}

export async function listQuarantines(context: Context): Promise<Quarantine[]> {
  const rows = await context.store.range(prefixRange(tables.quarantine))
  return rows.map(([key, value]) => ({
    origin: Buffer.from(key.subarray(1)).toString(),
    batchId: openChecked(key, value) ?? new Uint8Array(32),
  }))
}

/**
 * Lifts a quarantine, in the commit that logs the act.
 * @returns batch id of the act
 * @throws HuxinError not_found | argument_invalid, and what publishing throws
 */
export async function liftQuarantine(
  context: Context,
  { origin, act, source }: { origin: string; act: PersonalAct; source: EntrySource },
): Promise<Uint8Array> {
  checkAct(act)
  const name = context.ledger().federation.member(origin)?.name ?? origin
  const found = (await listQuarantines(context)).find((row) => row.origin === name)
  if (!found)
    throw new HuxinError(
      'not_found',
      text`${name} is not under quarantine here: see huxin quarantine list`,
    )
  const record = toBinary(
    OperatorActSchema,
    create(OperatorActSchema, {
      act: 'quarantine-lift',
      member: name,
      batchId: found.batchId,
      person: create(ActSchema, act),
    }),
  )
  const published = await publish(context, {
    kind: 'act',
    item: undefined,
    provider: context.body,
    targets: [context.ledger().selfId],
    batchClass: 'normal',
    records: [record],
    source,
    extraOps: () => [{ key: textKey(tables.quarantine, name), value: undefined }],
  })
  if (!published.batch)
    throw new HuxinError(
      'internal',
      text`the act was refused: ${published.refusal ? refusalText(published.refusal) : ''}`,
    )
  context.ledger().quarantined.delete(name)
  context.alarms.clearAll('lane_fork', `${name} `)
  return published.batch.id
}
