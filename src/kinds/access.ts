/** Kind `access`: who was given evidence, for what purpose and on which document; it stays at the node that gave it. */
import { text } from '../base/text.ts'
import type { Body } from '../batch/body.ts'
import { type AccessRecord, AccessRecordSchema } from '../gen/huxin/v1/access_pb.ts'
import { decodeRecords } from '../ledger/decoded.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refuse, refuseUnreadable } from '../verdict/refusal.ts'

export const access: Kind = {
  name: 'access',
  classes: ['normal'],
  reach: 'origin',
  ofItself: true,
  takenOver: true,
  judge: judgeAccess,
}

/** Decodes access records. @throws HuxinError record_invalid */
export function decodeAccesses(body: Body): AccessRecord[] {
  return decodeRecords(body, AccessRecordSchema, text`access record`)
}

function judgeAccess({ body }: BatchInQuestion): Refused | undefined {
  return refuseUnreadable(() => {
    for (const [i, { act, batchId, caller, purpose, document }] of decodeAccesses(body).entries()) {
      if (act === '' || batchId.length !== 32 || caller.length !== 16)
        return refuse('record_invalid', text`access record ${i} names no act, batch or caller`)
      if (purpose === '' || document === '')
        return refuse('record_invalid', text`access record ${i} names no purpose or document`)
    }
    return undefined
  })
}
