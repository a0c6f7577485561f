/** An entry of a log, taken apart. */
import { type Entry, parseEntry } from './entry.ts'
import { parseHeaderNote, type SealedHeader } from './seal.ts'

export interface LoggedEntry {
  readonly index: bigint
  readonly bytes: Uint8Array
  readonly entry: Entry
  readonly batch: SealedHeader
}

/** Takes the bytes of an entry apart; whether they are those that were logged is for the caller to know. @throws HuxinError entry_malformed | note_malformed | header_malformed */
export function parseLogged(index: bigint, bytes: Uint8Array): LoggedEntry {
  const entry = parseEntry(bytes)
  return { index, bytes, entry, batch: parseHeaderNote(entry.header) }
}
