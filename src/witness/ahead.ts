/**
 * Statements that the parent shows of itself and those above it before its log brings them here. They say by what key
 * its next log is verified, and are kept beside what is kept of that log: so fsck can tell it from a log that
 * nobody vouches for. Nothing of them enters the ledger.
 */
import { base64, fromBase64, utf8, utf8Text } from '../base/bytes.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Op, Reader } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import type { FederationState } from '../topology/federation.ts'

/** Parent → statements that it showed before its log brings them. */
export const aheadRows = defineRows({
  table: 'meta',
  name: 'ahead',
  keys: textKeys,
  check: hasCheckValue(),
})

/** Keeps them in the place of those that this parent showed before. Write it before anything that they vouch for. */
export function aheadOp(parent: string, statements: readonly Uint8Array[]): Op {
  const key = aheadRows.key(parent)
  return { key, value: checkedValue(key, utf8(JSON.stringify(statements.map(base64)))) }
}

/** The federation with all of them that may follow, by the rules of every statement. */
export async function foreseen(
  store: Pick<Reader, 'range'>,
  federation: FederationState,
): Promise<FederationState> {
  const rows = await store.range(aheadRows.range)
  return federation.foresee(
    rows.flatMap(([key, value]) => {
      const text = utf8Text(openChecked(key, value) ?? new Uint8Array())
      return text ? (JSON.parse(text) as string[]).map((one) => fromBase64(one)!) : []
    }),
  )
}
