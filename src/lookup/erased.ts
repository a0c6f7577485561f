/**
 * Records that were erased and may still have rows in the tables that follow behind. The note of one
 * goes into the commit that erases it, and the `Indexer` removes what it names, and then the note,
 * whatever it was doing at that moment. Until then whoever looks up finds a record that is not there.
 */
import { asBuffer, be32, be64, concat } from '../base/bytes.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { indexAtEnd, indexKey, placeKey } from '../store/keys.ts'
import type { KeyRange, Op, Reader } from '../store/store.ts'
import { eraseOnRows, erasedRows } from './rows.ts'
import type { IndexRow } from './record-index.ts'
import type { PlacedRecord, RecordRows } from './record-rows.ts'
import type { Identity, Place } from './segments.ts'

const IDENTITY_BYTES = 5

export const erasedNotes: KeyRange = erasedRows.range

/** What an erased record may still have. */
export interface ErasedRows {
  readonly place: Place
  readonly rows: readonly IndexRow[]
  /** Keys of rows of recognition. */
  readonly keys: readonly Uint8Array[]
}

/** The note that a record is erased. */
export function erasedNote(
  { index, position }: Pick<PlacedRecord, 'index' | 'position'>,
  { recordId, subject, ops }: RecordRows,
): Op {
  const key = placeKey(erasedRows.prefix, index, position)
  const keys = ops.flatMap((op) => [Uint8Array.of(op.key.length), op.key])
  return {
    key,
    value: checkedValue(
      key,
      concat(
        encodeIdentity(recordId),
        Uint8Array.of(subject ? 1 : 0),
        ...(subject ? [encodeIdentity(subject)] : []),
        ...keys,
      ),
    ),
  }
}

/** What a note says; undefined when it is damaged. */
export function openErasedNote(key: Uint8Array, stored: Uint8Array): ErasedRows | undefined {
  const value = openChecked(key, stored)
  if (!value) return undefined
  const bytes = asBuffer(value)
  const place = {
    index: erasedRows.restOf(key).readBigUInt64BE(),
    position: erasedRows.restOf(key).readUInt32BE(8),
  }
  const rows: IndexRow[] = [{ table: 'recordId', identity: decodeIdentity(bytes, 0), place }]
  let at = IDENTITY_BYTES
  if (bytes[at++] === 1) {
    rows.push({ table: 'subject', identity: decodeIdentity(bytes, at), place })
    at += IDENTITY_BYTES
  }
  const keys: Uint8Array[] = []
  while (at < bytes.length) {
    const end = at + 1 + bytes[at]!
    keys.push(bytes.subarray(at + 1, end))
    at = end
  }
  return { place, rows, keys }
}

function encodeIdentity({ high, word }: Identity): Uint8Array {
  return concat(Uint8Array.of(high), be32(word))
}

function decodeIdentity(bytes: Buffer, at: number): Identity {
  return { high: bytes[at]!, word: bytes.readUInt32BE(at + 1) }
}

/**
 * Erasures whose day has not come: a row for each batch of amendments and day. While it stands, the records are there.
 */
export interface PendingErasure {
  readonly key: Uint8Array
  /** Log index of the amendments. */
  readonly index: bigint
}

/** The row that says that amendments at `index` erase something on a civil date. */
export function pendingOp(effectiveOn: string, index: bigint): Op {
  const key = pendingKey(effectiveOn, index)
  return { key, value: checkedValue(key, be64(index)) }
}

/** Whether an erasure still waits for its day. */
export async function isPending(
  store: Pick<Reader, 'get'>,
  { effectiveOn, index }: { readonly effectiveOn: string; readonly index: bigint },
): Promise<boolean> {
  return (await store.get(pendingKey(effectiveOn, index))) !== undefined
}

/** Erasures whose day has come by a civil date, at most `limit`. */
export async function pendingUntil(
  store: Pick<Reader, 'range'>,
  date: string,
  limit: number,
): Promise<PendingErasure[]> {
  // A slash stands after the date, and the digit 0 after the slash in ASCII.
  const rows = await store.range({
    gte: eraseOnRows.prefix,
    lt: eraseOnRows.key(`${date}0`),
    limit,
  })
  return rows.map(([key]) => ({ key, index: indexAtEnd(key) }))
}

function pendingKey(effectiveOn: string, index: bigint): Uint8Array {
  return indexKey(eraseOnRows.key(`${effectiveOn}/`), index)
}
