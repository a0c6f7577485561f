/** Kind `heads`: a node states to those above it where the lanes to them stand. */
import { text } from '../base/text.ts'
import type { Body } from '../batch/body.ts'
import { type LaneHead, LaneHeadSchema } from '../gen/huxin/v1/exchange_service_pb.ts'
import { decodeRecords } from '../ledger/decoded.ts'
import { encodeLaneHead } from '../ledger/lanes.ts'
import { reportedKey } from '../store/keys.ts'
import { parseLaneKey } from '../topology/lane.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refuse, refuseUnreadable } from '../verdict/refusal.ts'

export const heads: Kind = {
  name: 'heads',
  classes: ['normal'],
  reach: 'above',
  ofItself: true,
  lasting: true,
  judge: judgeHeads,
  fold: (_, { header: { origin }, body }) => ({
    ops: decodeHeads(body).map(({ lane, number, batchId }) => ({
      key: reportedKey(origin, lane),
      value: encodeLaneHead({ number, id: batchId }),
    })),
    remember: () => undefined,
  }),
}

/** Decodes the lane heads that a node states. @throws HuxinError record_invalid */
export function decodeHeads(body: Body): LaneHead[] {
  return decodeRecords(body, LaneHeadSchema, text`lane head`)
}

function judgeHeads({ body }: BatchInQuestion): Refused | undefined {
  return refuseUnreadable(() => {
    for (const [i, { lane, number, batchId }] of decodeHeads(body).entries()) {
      if (!parseLaneKey(lane) || number < 0n || batchId.length !== 32)
        return refuse('record_invalid', text`lane head ${i} names no lane, number or batch`)
    }
    return undefined
  })
}
