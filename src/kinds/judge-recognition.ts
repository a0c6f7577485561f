/**
 * What every node checks of a batch of kind "recognition" when its records are sound in themselves: the
 * requester and the confirmer are the batch's origin, and a confirmation keeps to the catalog. By signed
 * data alone that all nodes have, so that the verdict is the same everywhere; whether the cited source
 * says so is for those to check who hold it (`recognition-validity.ts`).
 */
import { type Body, recordAt } from '../batch/body.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { RecordFault } from '../record/fault.ts'
import { recognitionFaults } from '../record/recognized.ts'
import { decodeRecord } from '../record/record.ts'
import { type Refused, refusedRecords } from './refusal.ts'

export function judgeRecognitions({ catalog }: Ledger, header: BatchHeader, body: Body): Refused | undefined {
  const faults: RecordFault[] = []
  for (let i = 0; i < body.count; i++) {
    const bytes = recordAt(body, i)
    if (bytes) faults.push(...recognitionFaults(decodeRecord(bytes), i, header, catalog))
  }
  return faults.length === 0 ? undefined : refusedRecords(faults, body.count)
}
