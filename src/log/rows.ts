/** Rows of the signed tree, and the entries and bodies it is over. */
import { defineRows, onlyKey } from '../store/rows.ts'

export const entryRows = defineRows({ table: 'entry', check: 'walk' })
export const bodyRows = defineRows({ table: 'body', check: 'walk' })
export const tileRows = defineRows({ table: 'tile', derived: 'own' })
export const sizeRow = defineRows({ table: 'state', name: 'size', keys: onlyKey, derived: 'own' })
