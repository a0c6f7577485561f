/** Kind `member`: statements of who is a member, under which keys; each extends the chain of its member. */
import { isHuxinError } from '../base/errors.ts'
import { recordAt } from '../batch/body.ts'
import { bindsAll } from '../batch/entry.ts'
import type { FoldedBatch, Ledger } from '../ledger/ledger.ts'
import type { Kind, OrderedQuestion } from '../verdict/kind.ts'
import { type Refused, refuse } from '../verdict/refusal.ts'

export const member: Kind = {
  name: 'member',
  classes: ['control'],
  reach: 'everybody',
  bringsMembers: true,
  lasting: true,
  judge: () => undefined,
  judgeInOrder: judgeStatements,
  checkOwnInOrder: (ledger, records) => ledger.federation.checkStatements(records),
  fold: (ledger, batch) => ({ ops: [], remember: () => addMembers(ledger, batch) }),
  shown: (record) => Buffer.from(record).toString(),
}

function addMembers(
  ledger: Ledger,
  {
    index,
    entry: {
      judged: { timeMs },
    },
    body,
  }: FoldedBatch,
): void {
  for (let i = 0; i < body.count; i++) {
    const record = recordAt(body, i)
    const added = record && ledger.federation.applyStatement(record)
    if (record) ledger.periods.learn(record, timeMs)
    if (added && added.parent === ledger.self && !ledger.admissions.has(added.name))
      ledger.admissions.set(added.name, index)
    if (
      added?.status === 'retired' &&
      added.parent === ledger.self &&
      !ledger.retirements.has(added.name)
    )
      ledger.retirements.set(added.name, { index, timeMs })
  }
}

async function judgeStatements({
  ledger,
  body,
  rules,
  keepConflict,
}: OrderedQuestion): Promise<Refused | undefined> {
  const statements = Array.from({ length: body.count }, (_, i) => recordAt(body, i)).filter(
    (statement) => statement !== undefined,
  )
  try {
    ledger.federation.checkStatements(statements, { placed: bindsAll(rules) })
  } catch (error) {
    if (!isHuxinError(error) || error.code === 'member_unknown') throw error
    await keepConflicts(ledger, statements, keepConflict)
    return refuse('statement_invalid', error.text)
  }
  return undefined
}

/** Two statements with one serial, signed by the same member: the refused one would be gone with its body. */
async function keepConflicts(
  { federation }: Ledger,
  statements: readonly Uint8Array[],
  keep: OrderedQuestion['keepConflict'],
): Promise<void> {
  for (const statement of statements) {
    try {
      const comparison = federation.compareSerial(statement)
      if (comparison.kind === 'conflict' && comparison.signers.length > 0)
        await keep(comparison.earlier, comparison.later, comparison.signers)
    } catch (error) {
      if (!isHuxinError(error)) throw error
    }
  }
}
