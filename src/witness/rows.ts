/** Rows of what neighbours sign: receipts, trees that were verified, cosignatures. None of it follows from the log. */
import { equalBytes, fromBe64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { logKey, type RowView } from '../commit/row-view.ts'
import { decodeFrontier } from '../merkle/frontier.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import { verifyCosignatureLine } from '../note/cosignature.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { receiptKey } from '../store/keys.ts'
import { defineRows } from '../store/rows.ts'
import { parseReceiptNote } from '../topology/receipt.ts'
import { checkReceipt } from './receipts.ts'
import { frontierRows } from './spine.ts'

export const receiptRows = defineRows<RowView>({
  table: 'receipt',
  check: ({ key, value }, view) => checkReceipt(view, key, value),
})

export const receiptOrderRows = defineRows<RowView>({
  table: 'receiptOrder',
  check: async ({ value }, { store }) => {
    if (!(await store.get(receiptKey(value.subarray(0, 32), textOf(value.subarray(32))))))
      throw new HuxinError('store_corrupt', text`it names a receipt that is not there`)
  },
})

export const witnessRows = defineRows<RowView>({
  table: 'witness',
  check: async ({ rest, value }, { store, federation }) => {
    const origin = rest.toString()
    const { size, root } = openCheckpoint(value.subarray(40), [logKey(federation, origin)], origin)
    if (fromBe64(value) !== size || !equalBytes(value.subarray(8, 40), root))
      throw new HuxinError('store_corrupt', text`size and root are not those of its checkpoint`)
    const spine = await store.get(frontierRows.key(origin))
    if (spine && decodeFrontier(spine)?.size !== size)
      throw new HuxinError(
        'store_corrupt',
        text`it is not as large as what is followed of this log`,
      )
  },
})

export const spineRows = defineRows<RowView>({
  table: 'spine',
  check: async ({ key }, { store }) => {
    if (!(await store.get(frontierRows.key(textOf(key.subarray(1, -9))))))
      throw new HuxinError('store_corrupt', text`nothing is known of this log`)
  },
})

export const cosignedRows = defineRows<RowView>({
  table: 'cosigned',
  check: ({ rest, value }, { federation, log }) => {
    const neighbour = rest.toString()
    const tree = openCheckpoint(value, [log.verifier], log.origin)
    const note = parseNote(value)
    const epochs =
      federation.member(neighbour)?.epochs.filter(({ cosignVkey }) => cosignVkey !== '') ?? []
    const signed = epochs.some(({ cosignVkey }) =>
      note.signatures.some((line) => verifyCosignatureLine(note.text, line, parseVkey(cosignVkey))),
    )
    if (!signed)
      throw new HuxinError('store_corrupt', text`it has no valid cosignature of ${neighbour}`)
    if (tree.size === log.signed.size && !equalBytes(tree.root, log.signed.root))
      throw new HuxinError('store_corrupt', text`it is of another tree`)
  },
})

export const childReceiptRows = defineRows<RowView>({
  table: 'childReceipt',
  check: ({ rest, value }, { federation }) => {
    const child = rest.toString()
    const { from } = parseReceiptNote(
      value,
      federation.member(child)?.epochs.map(({ noteVkey }) => parseVkey(noteVkey)) ?? [],
    )
    if (from !== child) throw new HuxinError('store_corrupt', text`it is a receipt of ${from}`)
  },
})

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
