/** Kind `act`: what operators decided; it stays at their node. */
import { fromBinary } from '@bufbuild/protobuf'
import { text } from '../base/text.ts'
import { recordAt } from '../batch/body.ts'
import { OperatorActSchema } from '../gen/huxin/v1/access_pb.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refuse } from '../verdict/refusal.ts'

export const act: Kind = {
  name: 'act',
  classes: ['normal'],
  reach: 'origin',
  ofItself: true,
  evenWhenFull: true,
  takenOver: true,
  judge: judgeAct,
}

function judgeAct({ body }: BatchInQuestion): Refused | undefined {
  for (let i = 0; i < body.count; i++) {
    const bytes = recordAt(body, i)
    try {
      const { act, member, batchId, person } = fromBinary(
        OperatorActSchema,
        bytes ?? new Uint8Array(),
      )
      if (
        act !== '' &&
        member !== '' &&
        batchId.length === 32 &&
        person &&
        person.reason !== '' &&
        person.document !== ''
      )
        continue
    } catch {
      // falls through to the one refusal
    }
    return refuse(
      'record_invalid',
      text`act ${i} does not say what was done, to whom, by whom, why and on which document`,
    )
  }
  return undefined
}
