/** Kind `register`: which bodies and clients may publish at a node; it stays there. */
import { text } from '../base/text.ts'
import { recordAt } from '../batch/body.ts'
import { decodeRegisterEntry, registerFault } from '../ledger/register.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refuse } from '../verdict/refusal.ts'

export const register: Kind = {
  name: 'register',
  classes: ['control'],
  reach: 'origin',
  judge: judgeRegister,
  fold: (ledger, { header, body }) => ({
    ops: [],
    remember: () => {
      if (header.origin === ledger.self) ledger.register.add(body)
    },
  }),
}

/** A register says who may publish at its own node: it is made there, stays there, and is nobody else's business. */
function judgeRegister({ ledger, header, body }: BatchInQuestion): Refused | undefined {
  if (header.origin !== ledger.self)
    return refuse(
      'origin_not_allowed',
      text`the register of ${header.origin} is its own: ${ledger.self} takes none`,
    )
  for (let i = 0; i < body.count; i++) {
    const entry = decodeRegisterEntry(recordAt(body, i) ?? new Uint8Array())
    const fault = entry ? registerFault(entry) : text`it does not decode`
    if (fault !== undefined) return refuse('record_invalid', text`register entry ${i}: ${fault}`)
  }
  return undefined
}
