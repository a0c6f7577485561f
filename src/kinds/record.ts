/** Kind `record`: credit records, under a catalog item. */
import { judgeRecords } from '../verdict/check-records.ts'
import type { Kind } from '../verdict/kind.ts'

export const record: Kind = {
  name: 'record',
  classes: ['normal', 'bulk'],
  reach: 'item',
  indexed: true,
  ofDepartments: true,
  takenOver: true,
  judge: (batch, judging) => judgeRecords(batch, judging),
}
