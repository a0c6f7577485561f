/**
 * Which key the record index was made with. Under another one nothing is found and nothing is missing: a lookup that answers
 * nothing looks like a record that never came. So a value made from the key lies beside the index, and is compared
 * before the node answers anybody.
 */
import { createHash } from 'node:crypto'
import { equalBytes } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Indexer } from '../lookup/indexer.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Op, Store } from '../store/store.ts'
import { defineRows, hasCheckValue, onlyKey } from '../store/rows.ts'

/** With which key the record index was made. */
export const subjectKeyRow = defineRows({
  table: 'meta',
  name: 'subject-key',
  keys: onlyKey,
  check: hasCheckValue(),
})
const key = subjectKeyRow.key()
const REMEDY = text`put the right keys/subject.key back from a backup, or, when it is lost, run huxin node rebuild: it makes the index with the key that is there`

/** Says with which key the record index is made; goes with the making of one. */
export function subjectKeyOp(subjectKey: Uint8Array): Op {
  return { key, value: checkedValue(key, fingerprint(subjectKey)) }
}

/**
 * Compares the key with the one that the record index was made with. A folder of before has no such value: there a few records are
 * looked up, and it is written.
 * @throws HuxinError config_invalid
 */
export async function checkSubjectKey({
  store,
  subjectKey,
  indexer,
}: {
  store: Store
  subjectKey: Uint8Array
  indexer: Indexer
}): Promise<void> {
  const known = openChecked(key, await store.get(key))
  if (known && equalBytes(known, fingerprint(subjectKey))) return
  if (known || (await indexer.madeWithItsKey()) === false) {
    throw new HuxinError(
      'config_invalid',
      text`keys/subject.key is not the key with which the record index here was made: no record would be found. ${REMEDY}`,
    )
  }
  await store.commit([subjectKeyOp(subjectKey)])
}

/** A key of 256 bits cannot be found from it. */
function fingerprint(subjectKey: Uint8Array): Uint8Array {
  return createHash('sha256').update('huxin/subject-key/v1\n').update(subjectKey).digest()
}
