/** What the check of a row is given: rows that neighbours had a part in are held against the log, and against each other. */
import { HuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Log } from '../log/log.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import type { Reader } from '../store/store.ts'
import type { FederationState } from '../topology/federation.ts'

export interface RowView {
  readonly store: Reader
  readonly log: Pick<Log, 'signed' | 'origin' | 'verifier'>
  readonly ledger: Ledger
  /** What the log says of the members, and the parent says of itself before its log brings it here. */
  readonly federation: FederationState
  /** Takes a finding on another row. */
  readonly find: (key: Uint8Array, what: Text) => void
}

/** The key of a member's log. @throws HuxinError store_corrupt */
export function logKey(federation: FederationState, origin: string): Verifier {
  const at = origin.lastIndexOf('/')
  const keys = federation
    .member(origin.slice(0, at))
    ?.epochs.find(({ epoch }) => String(epoch) === origin.slice(at + 1))
  if (!keys)
    throw new HuxinError(
      'store_corrupt',
      text`${origin} is the log of no member that is known here`,
    )
  return parseVkey(keys.noteVkey)
}
