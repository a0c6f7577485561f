/**
 * Amendments as the table holds them, one row for each record that one names, under the batch of the record. A
 * restoration names the withdrawals that it undoes, so that nodes agree whatever came first; it undoes those of its
 * own node and of nodes below it, from its day on, and nothing that was repaired or erased.
 */
import { concat, hex, utf8 } from '../base/bytes.ts'
import { text } from '../base/text.ts'
import type { Body } from '../batch/body.ts'
import { type Amendment, AmendmentAction, AmendmentSchema } from '../gen/huxin/v1/catalog_pb.ts'
import { amendmentKey, tables } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { decodeRecords } from './decoded.ts'

/** An amendment as the table holds it. */
export interface StoredAmendment {
  readonly position: number
  readonly index: bigint
  /** AmendmentAction */
  readonly action: number
  readonly effectiveOn: string
  /** Full name of the node that amended. */
  readonly by: string
  /** Batch ids of the withdrawals that a restoration undoes, in hexadecimal. */
  readonly withdrawals: readonly string[]
  /** Civil date from which a restoration undoes a withdrawal; '' while none is known. */
  readonly undoneOn: string
}

/** Whether an amendment counts on a day. */
export function isInEffect(
  { effectiveOn, undoneOn }: Pick<StoredAmendment, 'effectiveOn' | 'undoneOn'>,
  today: string,
): boolean {
  return effectiveOn <= today && (undoneOn === '' || undoneOn > today)
}

/** Prefix of the rows of a batch's amendments. */
export function amendmentPrefix(id: Uint8Array): Uint8Array {
  return concat(tables.amendment, id)
}

/** Decodes the amendments of a body. @throws HuxinError record_invalid */
export function decodeAmendments(body: Body): Amendment[] {
  return decodeRecords(body, AmendmentSchema, text`amendment`)
}

/** The row of an amendment that was logged at `index`. */
export function amendmentRow(
  index: bigint,
  by: string,
  { action, batchId, index: position, effectiveOn, withdrawals }: Amendment,
): Op {
  const undone = action === AmendmentAction.RESTORE ? `\n${withdrawals.map(hex).join(' ')}` : ''
  return {
    key: amendmentKey(batchId, position, index),
    value: concat(Uint8Array.of(action), utf8(`${effectiveOn}\n${by}${undone}`)),
  }
}

export function decodeStoredAmendment(key: Uint8Array, value: Uint8Array): StoredAmendment {
  const buffer = Buffer.from(key)
  const [effectiveOn = '', by = '', undone = ''] = Buffer.from(value.subarray(1))
    .toString()
    .split('\n')
  return {
    position: buffer.readUInt32BE(33),
    index: buffer.readBigUInt64BE(37),
    action: value[0]!,
    effectiveOn,
    by,
    withdrawals: undone === '' ? [] : undone.split(' '),
    undoneOn: '',
  }
}

/** Amendments but for restorations; what those undo says from which day on. `indexOf` finds the first entry of a batch. */
export async function withUndone(
  rows: readonly StoredAmendment[],
  {
    indexOf,
    isWithin,
  }: {
    indexOf: (batchId: string) => Promise<bigint | undefined>
    isWithin: (node: string, top: string) => boolean
  },
): Promise<StoredAmendment[]> {
  const undoneOn = new Map<StoredAmendment, string>()
  for (const restoration of rows) {
    if (restoration.action !== AmendmentAction.RESTORE) continue
    const indexes = new Set(await Promise.all(restoration.withdrawals.map(indexOf)))
    for (const row of rows) {
      if (
        row.action !== AmendmentAction.WITHDRAW ||
        row.position !== restoration.position ||
        !indexes.has(row.index) ||
        !isWithin(row.by, restoration.by)
      )
        continue
      const before = undoneOn.get(row)
      if (before === undefined || restoration.effectiveOn < before)
        undoneOn.set(row, restoration.effectiveOn)
    }
  }
  return rows
    .filter(({ action }) => action !== AmendmentAction.RESTORE)
    .map((row) => ({ ...row, undoneOn: undoneOn.get(row) ?? '' }))
}
