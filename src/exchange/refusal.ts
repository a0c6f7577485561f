/** Refusals: verdicts that are not "accepted", with the reasons that travel and are logged. */
import { create, toBinary } from '@bufbuild/protobuf'
import type { ErrorCode } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { type Refusal, RefusalSchema } from '../gen/huxin/v1/body_pb.ts'
import type { RecordFault } from '../record/fault.ts'

/** A verdict that is not "accepted". */
export interface Refused {
  readonly code: string
  readonly refusal: Refusal
}

/** Builds a refusal without record faults. */
export function refuse(code: ErrorCode, message: string, faults: readonly RecordFault[] = []): Refused {
  const refusal = create(RefusalSchema, {
    code,
    message,
    faults: faults.slice(0, limits.faultsMax).map(({ index, path, code: fault, message: text, messageZh }) => ({ index, path, code: fault, message: text, messageZh })),
    faultCount: faults.length,
  })
  return { code, refusal }
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  return toBinary(RefusalSchema, refusal)
}

/** The refusal of a batch with bad records. */
export function refusedRecords(faults: readonly RecordFault[], count: number): Refused {
  const bad = new Set(faults.map(({ index }) => index)).size
  const first = faults[0]!
  return refuse('record_invalid', `${bad} of ${count} records are bad; the first is record ${first.index}, ${first.path}: ${first.message}`, faults)
}

/** A refusal of some of a caller's records, with the places that they have among all: `places[i]` is that of record i. */
export function atPlaces(refusal: Refusal, places: readonly number[], count: number): Refusal {
  if (refusal.faults.length === 0) return refusal
  const faults = refusal.faults.map((one) => ({ ...one, index: places[one.index]! } as RecordFault & typeof one))
  return { ...refusedRecords(faults, count).refusal, code: refusal.code, faultCount: refusal.faultCount }
}
