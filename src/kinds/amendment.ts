/** Kind `amendment`: records are withdrawn, repaired, disputed, erased or restored, by their origin or a node above it. */
import { hex } from '../base/bytes.ts'
import { isCivilDate } from '../base/clock.ts'
import { limits } from '../base/limits.ts'
import { term, text } from '../base/text.ts'
import type { Body } from '../batch/body.ts'
import { bindsAll } from '../batch/entry.ts'
import { type BatchHeader, isRestoring } from '../batch/header.ts'
import { type Amendment, AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { amendmentRow, decodeAmendments } from '../ledger/amendments.ts'
import { basisFault, documentFault } from '../record/personal.ts'
import type { Kind, OrderedQuestion } from '../verdict/kind.ts'
import { type Refused, refuse, refuseUnreadable } from '../verdict/refusal.ts'

export const amendment: Kind = {
  name: 'amendment',
  classes: ['amendment'],
  reach: 'everybody',
  knowsLines: isRestoring,
  erases: true,
  takenOver: true,
  lasting: true,
  judge: ({ header, body, terms }) =>
    judgeAmendments(body, { coded: bindsAll(terms.rules), restores: isRestoring(header) }),
  judgeInOrder: judgeAmended,
  fold: (ledger, { index, header, body }) => {
    const amendments = decodeAmendments(body)
    return {
      ops: amendments.map((amendment) => amendmentRow(index, header.origin, amendment)),
      remember: () => {
        for (const { batchId } of amendments) ledger.amended(batchId)
      },
    }
  },
}

/** `restores`: the header says that all of them are restorations, which are nowhere else. */
function judgeAmendments(body: Body, how: AmendmentRules): Refused | undefined {
  return refuseUnreadable(() => {
    for (const [i, amendment] of decodeAmendments(body).entries()) {
      const refused = judgeAmendment(amendment, i, how)
      if (refused) return refused
    }
    return undefined
  })
}

interface AmendmentRules {
  readonly coded: boolean
  readonly restores: boolean
}

function judgeAmendment(
  amendment: Amendment,
  i: number,
  { coded, restores }: AmendmentRules,
): Refused | undefined {
  if (amendment.batchId.length !== 32)
    return refuse('amendment_invalid', text`amendment ${i} names no batch`)
  const isKnown = restores
    ? amendment.action === AmendmentAction.RESTORE
    : amendment.action >= AmendmentAction.WITHDRAW && amendment.action <= AmendmentAction.ERASE
  if (restores && !restoresWell(amendment))
    return refuse(
      'amendment_invalid',
      text`amendment ${i} restores and names no withdrawal: 1 to ${limits.withdrawalsMax} batch ids are wanted`,
    )
  if (!isKnown)
    return refuse(
      'amendment_invalid',
      text`amendment ${i} has action ${amendment.action}, which is not known`,
    )
  if (!isCivilDate(amendment.effectiveOn))
    return refuse(
      'amendment_invalid',
      text`amendment ${i} takes effect on no date: YYYY-MM-DD is wanted`,
    )
  // An erasure of before may have another basis, and erases at a node that begins later too.
  if (amendment.basis === '') return refuse('amendment_invalid', text`amendment ${i} has no basis`)
  const fault = coded
    ? (basisFault(amendment.basis) ?? documentFault(amendment.document))
    : undefined
  return fault && refuse('amendment_invalid', text`amendment ${i}: ${fault}`)
}

/** Records are amended by their origin or a node above it; of a batch not known here nobody can say. */
async function judgeAmended({
  ledger: { federation },
  kinds,
  header,
  body,
  rules,
  headerOf,
}: OrderedQuestion): Promise<Refused | undefined> {
  const headers = new Map<string, BatchHeader | undefined>()
  for (const [i, { batchId }] of decodeAmendments(body).entries()) {
    const name = hex(batchId)
    if (!headers.has(name)) headers.set(name, await headerOf(batchId))
    const amended = headers.get(name)
    if (!amended) continue
    const kind = kinds.get(amended.kind)
    if (bindsAll(rules) && kind?.lasting)
      return refuse(
        'amendment_invalid',
        text`amendment ${i} is of a batch of kind ${term(kind.name)}: ${kind.instead?.refused ?? text`only records are withdrawn, repaired, disputed or erased`}`,
      )
    if (federation.isWithin(amended.origin, header.origin)) continue
    return refuse(
      'amendment_invalid',
      text`amendment ${i} is of a batch of ${amended.origin}, which is amended there or by a node above it, not by ${header.origin}`,
    )
  }
  return undefined
}

function restoresWell({ withdrawals }: Amendment): boolean {
  return (
    withdrawals.length >= 1 &&
    withdrawals.length <= limits.withdrawalsMax &&
    withdrawals.every(({ length }) => length === 32)
  )
}
