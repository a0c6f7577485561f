/** Refusals: verdicts that are not "accepted", with the reasons that travel and are logged. */
import { create, toBinary } from '@bufbuild/protobuf'
import { type ErrorCode, isHuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { bilingual, rendered, type Said, type Text, text } from '../base/text.ts'
import { type Refusal, RefusalSchema } from '../gen/huxin/v1/body_pb.ts'
import type { RecordFault } from '../record/fault.ts'

/** A verdict that is not "accepted". */
export interface Refused {
  readonly code: string
  readonly refusal: Refusal
}

/** Builds a refusal without record faults. */
export function refuse(code: ErrorCode, said: Said, faults: readonly RecordFault[] = []): Refused {
  const refusal = create(RefusalSchema, {
    code,
    message: rendered(said, 'en'),
    messageZh: rendered(said, 'zh'),
    faults: faults
      .slice(0, limits.faultsMax)
      .map(({ index, path, code: fault, message, messageZh }) => ({
        index,
        path,
        code: fault,
        message,
        messageZh,
      })),
    faultCount: faults.length,
  })
  return { code, refusal }
}

/** Looks at what is decoded meanwhile; what does not decode is refused with the code of whoever decodes it. */
export function refuseUnreadable(look: () => Refused | undefined): Refused | undefined {
  try {
    return look()
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return refuse(error.code, error.text)
  }
}

/** What a refusal says; nodes of before said it in English alone. */
export function refusalText({ message, messageZh }: Pick<Refusal, 'message' | 'messageZh'>): Text {
  return bilingual(message, messageZh === '' ? message : messageZh)
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  return toBinary(RefusalSchema, refusal)
}

/** The refusal of a batch with bad records. */
export function refusedRecords(faults: readonly RecordFault[], count: number): Refused {
  const bad = new Set(faults.map(({ index }) => index)).size
  const first = faults[0]!
  return refuse(
    'record_invalid',
    text`${bad} of ${count} records are bad; the first is record ${first.index}, ${first.path}: ${bilingual(first.message, first.messageZh)}`,
    faults,
  )
}

/** A refusal of some of a caller's records, with the places that they have among all: `places[i]` is that of record i. */
export function atPlaces(refusal: Refusal, places: readonly number[], count: number): Refusal {
  if (refusal.faults.length === 0) return refusal
  const faults = refusal.faults.map(
    (one) => ({ ...one, index: places[one.index]! }) as RecordFault & typeof one,
  )
  return {
    ...refusedRecords(faults, count).refusal,
    code: refusal.code,
    faultCount: refusal.faultCount,
  }
}
