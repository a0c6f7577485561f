/**
 * Restorations that a program before carried unread: it kept their batches and took the records for withdrawn. Once, when
 * a database is first opened by one that reads them, their rows are added, as a rebuild would add them.
 */
import { be64, fromBe64 } from '../base/bytes.ts'
import { parseBody } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { isRestoring, RESTORES } from '../batch/header.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { amendmentRow, decodeAmendments } from '../ledger/amendments.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { bodyKey, classKey, entryKey, indexAtEnd, PRESENT } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { defineRows, hasCheckValue, onlyKey } from '../store/rows.ts'
import { recordsRow } from '../ledger/rows.ts'

/** Stands when restorations of before were read. */
export const restorationsRow = defineRows({
  table: 'meta',
  name: 'restorations',
  keys: onlyKey,
  check: hasCheckValue(),
})
const doneKey = restorationsRow.key()
const recordsKey = recordsRow.key()
const PIECE = 1_000

/** @returns how many batches were read. Run it before anything is derived from the log in memory. */
export async function readRestorations(store: Store): Promise<number> {
  if (openChecked(doneKey, await store.get(doneKey))) return 0
  const ops: Op[] = []
  let records = 0
  let batches = 0
  const lt = classKey('normal', 0n)
  for (let gte = classKey('amendment', 0n); ;) {
    const rows = await store.range({ gte, lt, limit: PIECE })
    for (const [key] of rows) {
      const made = await rowsOf(store, indexAtEnd(key))
      if (!made) continue
      ops.push(...made.ops)
      records += made.records
      batches++
    }
    const last = rows.at(-1)
    if (!last || rows.length < PIECE) break
    gte = Buffer.concat([last[0], Buffer.of(0)])
  }
  const count = await store.get(recordsKey)
  if (records > 0)
    ops.push({ key: recordsKey, value: be64((count ? fromBe64(count) : 0n) + BigInt(records)) })
  await store.commit([...ops, { key: doneKey, value: checkedValue(doneKey, PRESENT) }])
  return batches
}

/** The rows of an entry that restores and has none; undefined for all others. */
async function rowsOf(
  store: Store,
  index: bigint,
): Promise<{ ops: Op[]; records: number } | undefined> {
  const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
  if (!bytes || !stored || !Buffer.from(bytes).includes(`\n${RESTORES}\n`)) return undefined
  const { verdict, header: note } = parseEntry(bytes)
  const { header } = parseHeaderNote(note)
  if (!verdict.accepted || !isRestoring(header)) return undefined
  const ops = decodeAmendments(parseBody(stored)).map((amendment) =>
    amendmentRow(index, header.origin, amendment),
  )
  if (ops[0] === undefined || (await store.get(ops[0].key))) return undefined
  return { ops, records: header.records }
}
