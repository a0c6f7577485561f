/** Rows by record id and subject, rows of recognition, and what is still to be removed from them. */
import { defineRows, hasCheckValue, onlyKey, placeKeys, textIndexKeys } from '../store/rows.ts'

export const recordIdRows = defineRows({ table: 'recordId', derived: 'own' })
export const subjectRows = defineRows({ table: 'subject', derived: 'own' })
export const recognitionRows = defineRows({ table: 'recognition', derived: 'each' })
export const confirmationRows = defineRows({ table: 'confirmation', derived: 'each' })
export const citationRows = defineRows({ table: 'citation', derived: 'each' })
/** What the record index consists of. */
export const indexedRow = defineRows({
  table: 'state',
  name: 'indexed',
  keys: onlyKey,
  derived: 'own',
})
/** Log index and position of records that were erased and may still have rows. */
export const erasedRows = defineRows({
  table: 'state',
  name: 'erased',
  keys: placeKeys,
  derived: 'own',
})
/** Date, and log index of amendments that erase on it. */
export const eraseOnRows = defineRows({
  table: 'meta',
  name: 'erase-on',
  keys: textIndexKeys,
  check: hasCheckValue(8),
})
