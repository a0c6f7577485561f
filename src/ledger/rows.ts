/** Rows that the fold of the log gives. */
import { defineRows, onlyKey } from '../store/rows.ts'

export const batchRows = defineRows({ table: 'batch', derived: 'each' })
export const classRows = defineRows({ table: 'classIndex', derived: 'each' })
export const laneRows = defineRows({ table: 'lane', derived: 'last' })
export const laneIndexRows = defineRows({ table: 'laneIndex', derived: 'each' })
export const amendmentRows = defineRows({ table: 'amendment', derived: 'each' })
export const transitRows = defineRows({ table: 'transit', derived: 'each' })
export const reportedRows = defineRows({ table: 'reported', derived: 'last' })
/** How many records the log has. */
export const recordsRow = defineRows({
  table: 'state',
  name: 'records',
  keys: onlyKey,
  derived: 'last',
})
