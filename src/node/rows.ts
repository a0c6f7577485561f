/** Every family of rows in the store of a node, which fsck and rebuild are given. A new family is defined in its room and listed here. */
import { quotaRows } from '../commit/quotas.ts'
import { damageRows, piecesRows } from '../commit/record-reader.ts'
import type { RowView } from '../commit/row-view.ts'
import { incompleteRows } from '../exchange/incomplete.ts'
import { quarantineRows } from '../exchange/lane-order.ts'
import { spoiledRows } from '../exchange/transit.ts'
import { restorationsRow } from '../exchange/unread.ts'
import { rebuildingRow } from '../fsck/rebuild.ts'
import { scrubRows } from '../fsck/scrub.ts'
import { subjectKeyRow } from '../fsck/subject-key.ts'
import {
  amendmentRows,
  batchRows,
  classRows,
  laneIndexRows,
  laneRows,
  recordsRow,
  reportedRows,
  transitRows,
} from '../ledger/rows.ts'
import { bodyRows, entryRows, sizeRow, tileRows } from '../log/rows.ts'
import {
  citationRows,
  confirmationRows,
  eraseOnRows,
  erasedRows,
  indexedRow,
  recognitionRows,
  recordIdRows,
  subjectRows,
} from '../lookup/rows.ts'
import { approvalRows } from '../members/approvals.ts'
import { frozenRows } from '../members/freeze.ts'
import { requestRows } from '../publish/request-ids.ts'
import { RowRegister } from '../store/rows.ts'
import { asideRestRows, asideRows } from '../uplink/aside.ts'
import { receiptCursorRows } from '../uplink/follower.ts'
import { heldRows } from '../uplink/held-origins.ts'
import { pullRows } from '../uplink/puller.ts'
import { pushRows } from '../uplink/pusher.ts'
import { aheadRows } from '../witness/ahead.ts'
import { witnessedRows } from '../witness/first-receipt.ts'
import { shownRows } from '../witness/receipts.ts'
import {
  childReceiptRows,
  cosignedRows,
  receiptOrderRows,
  receiptRows,
  spineRows,
  witnessRows,
} from '../witness/rows.ts'
import { continuesRows, frontierRows } from '../witness/spine.ts'
import {
  alarmRows,
  confirmedRow,
  contactRows,
  gaveBackRows,
  probeRow,
  rotationRows,
} from './own-rows.ts'

/** Tables are checked in this order. */
export const rowRegister = new RowRegister<RowView>([
  entryRows,
  bodyRows,
  tileRows,
  sizeRow,
  batchRows,
  classRows,
  laneRows,
  laneIndexRows,
  amendmentRows,
  transitRows,
  reportedRows,
  recordsRow,
  recordIdRows,
  subjectRows,
  recognitionRows,
  confirmationRows,
  citationRows,
  indexedRow,
  erasedRows,
  piecesRows,
  receiptRows,
  receiptOrderRows,
  witnessRows,
  spineRows,
  cosignedRows,
  childReceiptRows,
  quarantineRows,
  pullRows,
  pushRows,
  heldRows,
  asideRows,
  asideRestRows,
  receiptCursorRows,
  continuesRows,
  frontierRows,
  aheadRows,
  witnessedRows,
  shownRows,
  spoiledRows,
  incompleteRows,
  restorationsRow,
  eraseOnRows,
  requestRows,
  frozenRows,
  approvalRows,
  quotaRows,
  damageRows,
  rebuildingRow,
  scrubRows,
  subjectKeyRow,
  probeRow,
  confirmedRow,
  contactRows,
  alarmRows,
  gaveBackRows,
  rotationRows,
])
