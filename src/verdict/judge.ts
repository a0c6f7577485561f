/** The verdict on a batch: its reach, then what its kind says. */
import { judgeItem } from './contract.ts'
import type { BatchInQuestion, Judging } from './kind.ts'
import { judgeReach } from './reach.ts'
import { type Refused, refuse } from './refusal.ts'

/**
 * Judges a batch whose header is authentic and whose body has the header's root.
 * @returns undefined when accepted
 * @throws HuxinError item_unknown | member_unknown
 */
export function judge(
  batch: BatchInQuestion,
  judging: Judging,
): Promise<Refused | undefined> | Refused | undefined {
  const { ledger, header, terms } = batch
  const astray = judgeReach(judging.kinds, ledger.federation, header)
  if (astray) return refuse(astray.code, astray.said)
  const kind = judging.kinds.of(header)
  if (kind) return kind.judge(batch, judging)
  return header.item === undefined
    ? undefined
    : judgeItem(ledger, { ...header, item: header.item }, terms)
}
