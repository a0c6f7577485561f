/**
 * What neighbours gave and what is remembered of them: receipts, cosignatures, trees, cursors. None of it follows
 * from the log; all of it is signed, or carries a check value, or fits together with another row. Each family of rows has its check.
 */
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import type { RowView } from '../commit/row-view.ts'
import { prefixRange, tables } from '../store/keys.ts'
import type { RowRegister, TableName } from '../store/rows.ts'
import { foreseen } from '../witness/ahead.ts'
import { countRows } from './check-derived.ts'

/** Checks every primary row beside entries and bodies, and that each is known. */
export async function checkKept(
  rows: RowRegister<RowView>,
  seen: Omit<RowView, 'federation'>,
): Promise<void> {
  const view: RowView = { ...seen, federation: await foreseen(seen.store, seen.ledger.federation) }
  const counts = new Map<TableName, number>()
  const kept = new Set(
    rows.families
      .filter(({ check }) => check !== undefined && check !== 'walk')
      .map(({ table }) => table),
  )
  for (const table of kept) {
    counts.set(
      table,
      await countRows(view.store, prefixRange(tables[table]), async (key, value) => {
        try {
          await checkRow(rows, view, key, value)
        } catch (error) {
          view.find(key, textOf(error))
        }
        return true
      }),
    )
  }
  const [receipts, places] = [counts.get('receipt') ?? 0, counts.get('receiptOrder') ?? 0]
  if (receipts !== places)
    view.find(tables.receiptOrder, text`${places} rows are stored for ${receipts} receipts`)
}

async function checkRow(
  rows: RowRegister<RowView>,
  view: RowView,
  key: Uint8Array,
  value: Uint8Array,
): Promise<void> {
  const family = rows.of(key)
  if (!family) throw new HuxinError('store_corrupt', text`it is no row that is known`)
  if (typeof family.check === 'function')
    await family.check({ key, value, rest: family.restOf(key) }, view)
}
