/** Rows that say how a body is divided, held against the header of its entry. They are there for what was looked up; where a piece begins may be of before an erasure, which a reader notices. */
import { text } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { decodePieces, PIECE_LEAVES } from '../batch/pieces.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { openChecked } from '../store/checked.ts'
import { entryKey, indexAtEnd, prefixRange, tables } from '../store/keys.ts'
import type { Reader } from '../store/store.ts'
import type { Find } from './finding.ts'
import { countRows } from './check-derived.ts'

const REBUILD = text`run huxin node rebuild`

export async function checkPieces(store: Reader, find: Find): Promise<void> {
  await countRows(store, prefixRange(tables.pieces), async (key, row) => {
    const value = openChecked(key, row)
    const bytes = key.length === 9 ? await store.get(entryKey(indexAtEnd(key))) : undefined
    if (!value || !bytes) {
      find(key, text`${value ? text`there is no such entry` : text`it is damaged`}: ${REBUILD}`)
      return false
    }
    const { header } = parseHeaderNote(parseEntry(bytes).header)
    if (header.records <= PIECE_LEAVES || !decodePieces(value, header))
      find(key, text`it is not of the body that the entry states: ${REBUILD}`)
    return true
  })
}
