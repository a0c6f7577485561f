/**
 * Kind `recognition`: one region asks another whether it stands for a result, and it answers. What every node checks when its records are sound in themselves: the
 * requester and the confirmer are the batch's origin, and a confirmation keeps to the catalog. By signed
 * data alone that all nodes have, so that the verdict is the same everywhere; whether the cited source
 * says so is for those to check who hold it (`recognition-validity.ts`).
 */
import { utf8 } from '../base/bytes.ts'
import { recordAt } from '../batch/body.ts'
import { bindsAll } from '../batch/entry.ts'
import type { IndexedRecord } from '../ledger/ledger.ts'
import { citationKey, confirmationKey } from '../lookup/record-rows.ts'
import type { RecordFault } from '../record/fault.ts'
import { recognitionFaults } from '../record/recognized.ts'
import { decodeRecord } from '../record/record.ts'
import { placeKey, tables } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { judgeRecords } from '../verdict/check-records.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refusedRecords } from '../verdict/refusal.ts'

export const recognition: Kind = {
  name: 'recognition',
  classes: ['normal', 'bulk'],
  reach: 'item',
  indexed: true,
  takenOver: true,
  judge: (batch, judging) =>
    judgeRecords(batch, judging, () =>
      bindsAll(batch.terms.rules) ? judgeRecognitions(batch) : undefined,
    ),
  recordRows: recognitionRows,
}

function judgeRecognitions({
  ledger: { catalog },
  header,
  body,
}: BatchInQuestion): Refused | undefined {
  const faults: RecordFault[] = []
  for (let i = 0; i < body.count; i++) {
    const bytes = recordAt(body, i)
    if (bytes) faults.push(...recognitionFaults(decodeRecord(bytes), i, header, catalog))
  }
  return faults.length === 0 ? undefined : refusedRecords(faults, body.count)
}

function recognitionRows({ batch, index, position, record }: IndexedRecord, family: string): Op[] {
  const rows: Op[] = [{ key: placeKey(tables.recognition, index, position), value: utf8(family) }]
  if (family !== 'confirmation') return rows
  const { content } = decodeRecord(record)
  if (content.case !== 'recognitionConfirmation') return rows
  rows.push({
    key: placeKey(confirmationKey(content.value.requestRecordId), index, position),
    value: batch.id,
  })
  if (content.value.sourceBatchId.length === 32) {
    rows.push({
      key: placeKey(
        citationKey(content.value.sourceBatchId, content.value.sourceIndex),
        index,
        position,
      ),
      value: batch.id,
    })
  }
  return rows
}
