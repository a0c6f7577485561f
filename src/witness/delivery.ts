/** What a child says that it holds (delivery receipt): the last one of each child. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseVkey } from '../note/key.ts'
import { tables, textKey } from '../store/keys.ts'
import { parseReceiptNote, type ReceiptNote } from '../topology/receipt.ts'
import type { Context } from '../commit/context.ts'

/** Keeps a child's signed delivery receipt, if it says more than the last. @throws HuxinError signature_invalid */
export async function keepChildReceipt(
  context: Context,
  child: string,
  noteBytes: Uint8Array,
): Promise<ReceiptNote> {
  const member = context.ledger().federation.member(child)
  if (!member) throw new HuxinError('member_unknown', text`${child} is not known here`)
  const receipt = parseReceiptNote(noteBytes, [parseVkey(member.noteVkey)])
  if (receipt.from !== child || receipt.log !== context.log().origin) {
    throw new HuxinError(
      'signature_invalid',
      text`the receipt is of ${receipt.from} for ${receipt.log}, not of ${child} for ${context.log().origin}`,
    )
  }
  // The child repeats its receipt with the next exchange.
  await context.store.write([{ key: textKey(tables.childReceipt, child), value: noteBytes }])
  return receipt
}

/** The newest delivery receipt of a child. */
export async function childReceipt(
  context: Context,
  child: string,
): Promise<{ receipt: ReceiptNote; note: Uint8Array } | undefined> {
  const note = await context.store.get(textKey(tables.childReceipt, child))
  const member = context.ledger().federation.member(child)
  if (!note || !member) return undefined
  try {
    return { receipt: parseReceiptNote(note, [parseVkey(member.noteVkey)]), note }
  } catch {
    return undefined
  }
}
