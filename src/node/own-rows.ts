/** Rows of what the node itself remembers from one start to the next. */
import { defineRows, hasCheckValue, onlyKey, textKeys } from '../store/rows.ts'

/** When a child or the parent was last heard of. */
export const confirmedRow = defineRows({
  table: 'meta',
  name: 'confirmed',
  keys: onlyKey,
  check: hasCheckValue(8),
})
/** Child → when it was last heard of. */
export const contactRows = defineRows({
  table: 'meta',
  name: 'contact',
  keys: textKeys,
  check: hasCheckValue(8),
})
/** Written every two seconds and read at once; what stands in it says nothing. */
export const probeRow = defineRows({
  table: 'meta',
  name: 'probe',
  keys: onlyKey,
  check: () => undefined,
})
/** Code, subject → an alarm of what happened once. */
export const alarmRows = defineRows({
  table: 'meta',
  name: 'alarm',
  keys: textKeys,
  check: hasCheckValue(),
})
/** Former log, child → it gave back everything, and the tree that it showed. */
export const gaveBackRows = defineRows({
  table: 'meta',
  name: 'gaveback',
  keys: textKeys,
  check: hasCheckValue(),
})
/** Log → what was wanted of its next epoch. */
export const rotationRows = defineRows({
  table: 'meta',
  name: 'rotation',
  keys: textKeys,
  check: hasCheckValue(),
})
