/**
 * What was said of a record before it is amended again. A withdrawal is undone by the node that made it or one above,
 * and by nobody else: a client undoes its own, a person every one of this node and those below. What was repaired or
 * erased stays so: the law ends its use for good, and the bytes may be gone.
 */
import { civilDate } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import type { StoredAmendment } from '../ledger/amendments.ts'
import type { Context } from '../commit/context.ts'
import type { AmendedBatch } from './may-amend.ts'
import type { Actor } from './actor.ts'

const names: ReadonlyMap<number, Text> = new Map([
  [AmendmentAction.WITHDRAW, text`withdrawn`],
  [AmendmentAction.REPAIR, text`repaired`],
  [AmendmentAction.OBJECT, text`marked as disputed`],
  [AmendmentAction.ERASE, text`erased`],
])

/** Said once by a node, these change nothing when it says them again. */
const ONCE: readonly number[] = [
  AmendmentAction.WITHDRAW,
  AmendmentAction.REPAIR,
  AmendmentAction.OBJECT,
]

/**
 * Ids of the amendment batches that withdrew a record, all of them: one that were left out would stand.
 * @throws HuxinError amendment_invalid when it is not withdrawn, or not to be restored here | role_denied
 */
export async function withdrawalsOf(
  context: Context,
  by: Actor | undefined,
  amended: AmendedBatch,
  { position, effectiveOn }: { position: number; effectiveOn: string },
): Promise<Uint8Array[]> {
  const { batch } = amended
  const place = text`record ${position} of batch ${batch.idText}`
  if (batch.header.kind === 'recognition')
    throw new HuxinError(
      'amendment_invalid',
      text`${place} is of a recognition, which is not restored: ask or answer anew`,
    )
  const rows = await amendmentsOf(context, amended, position)
  const over = rows.find(
    ({ action }) => action === AmendmentAction.REPAIR || action === AmendmentAction.ERASE,
  )
  if (over)
    throw new HuxinError(
      'amendment_invalid',
      text`${place} is ${names.get(over.action)!} since ${over.effectiveOn}, by ${over.by}: that is not undone`,
    )
  const withdrawn = rows.filter(({ action }) => action === AmendmentAction.WITHDRAW)
  if (
    withdrawn.every(
      ({ undoneOn }) => undoneOn !== '' && undoneOn <= civilDate(context.clock.nowMs()),
    )
  )
    throw new HuxinError(
      'amendment_invalid',
      text`${place} is not withdrawn: there is nothing to restore`,
    )
  const above = withdrawn.find(
    (row) => row.undoneOn === '' && !context.ledger().federation.isWithin(row.by, context.self),
  )
  if (above)
    throw new HuxinError(
      'amendment_invalid',
      text`${place} was withdrawn by ${above.by}, which alone restores it, or a node above it`,
    )
  const standing = withdrawn.filter(({ undoneOn }) => undoneOn === '' || undoneOn > effectiveOn)
  if (standing.length === 0)
    throw new HuxinError(
      'amendment_invalid',
      text`${place} is restored already, from ${lastDay(withdrawn)} on`,
    )
  return Promise.all(standing.map(({ index }) => withdrawal(context, by, place, index)))
}

/** Nothing is said twice by one node. @throws HuxinError amendment_invalid */
export async function checkNotAmended(
  context: Context,
  amended: AmendedBatch,
  { position, code, effectiveOn }: { position: number; code: AmendmentAction; effectiveOn: string },
): Promise<void> {
  if (!ONCE.includes(code)) return
  const before = (await amendmentsOf(context, amended, position)).find(
    (row) =>
      row.action === code &&
      row.by === context.self &&
      row.effectiveOn <= effectiveOn &&
      row.undoneOn === '',
  )
  if (!before) return
  const said = text`record ${position} of batch ${amended.batch.idText} is ${names.get(code)!} already, since ${before.effectiveOn}, by ${before.by}`
  throw new HuxinError(
    'amendment_invalid',
    code === AmendmentAction.WITHDRAW ? text`${said}; huxin amend restore undoes it` : said,
  )
}

/** The day from which all of them are undone. */
function lastDay(withdrawn: readonly StoredAmendment[]): string {
  return withdrawn.map(({ undoneOn }) => undoneOn).reduce((last, day) => (day > last ? day : last))
}

async function amendmentsOf(
  context: Context,
  { batch }: AmendedBatch,
  position: number,
): Promise<StoredAmendment[]> {
  return (await context.ledger().amendments(batch.id, batch.header.origin)).filter(
    (row) => row.position === position,
  )
}

async function withdrawal(
  { recent }: Context,
  by: Actor | undefined,
  place: Text,
  index: bigint,
): Promise<Uint8Array> {
  const logged = await recent.find(index)
  if (!logged)
    throw new HuxinError(
      'store_corrupt',
      text`entry ${index}, which withdrew ${place}, is missing; run huxin fsck`,
    )
  const {
    entry: { source },
    batch,
  } = logged
  if (
    by?.kind === 'client' &&
    (source.kind !== 'client' || source.name !== encodeURIComponent(by.name))
  ) {
    throw new HuxinError(
      'role_denied',
      text`client ${JSON.stringify(by.name)} may not restore ${place}: somebody else withdrew it, and a person restores it, with an operator's certificate`,
    )
  }
  return batch.id
}
