/** Kind `freeze`: the final entry of a log, one signed note. */
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { recordAt } from '../batch/body.ts'
import { parseVkey } from '../note/key.ts'
import { openFreeze, parseFreeze } from '../topology/freeze.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refuse } from '../verdict/refusal.ts'

export const freeze: Kind = {
  name: 'freeze',
  classes: ['control'],
  reach: 'everybody',
  endsLog: true,
  lasting: true,
  judge: judgeFreeze,
  fold: ({ frozen }, { body }) => ({
    ops: [],
    remember: () => {
      const record = recordAt(body, 0)
      const final = record && parseFreeze(record)
      if (final && !frozen.has(final.log)) frozen.set(final.log, final.size)
    },
  }),
}

/** One note, of the origin's log of this epoch, signed with its key. */
function judgeFreeze({
  ledger,
  header: { origin, epoch },
  body,
}: BatchInQuestion): Refused | undefined {
  const key = ledger.federation.member(origin)?.epochs.find((row) => row.epoch === epoch)
  if (!key)
    throw new HuxinError(
      'member_unknown',
      text`epoch ${epoch} of ${origin} is not known at ${ledger.self} yet: send the batch again later`,
    )
  const record = body.count === 1 ? recordAt(body, 0) : undefined
  if (!record) return refuse('statement_invalid', text`a final entry has one record`)
  try {
    const { log } = openFreeze(record, parseVkey(key.noteVkey))
    return log === `${origin}/${epoch}`
      ? undefined
      : refuse(
          'statement_invalid',
          text`a final entry of ${origin}, epoch ${epoch}, ends its own log and not ${log}`,
        )
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return refuse('statement_invalid', error.text)
  }
}
