/** Where one epoch of a member ends and the next begins, as the door and fsck see it. */
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { Ledger } from './ledger.ts'
import type { FederationState } from '../topology/federation.ts'
import { type EpochKeys, predecessorOf } from '../topology/member.ts'

/** Statements looked at in one batch. */
const STATEMENTS_MAX = 64

/**
 * The keys of an epoch that begins with this very batch: the first entry of a log that goes on from a frozen one
 * brings the statement that names its key. Undefined when the batch brings no statement that may follow.
 */
export function introducedKeys(
  federation: FederationState,
  header: BatchHeader,
  unverifiedBody: Uint8Array,
): EpochKeys | undefined {
  if (header.kind !== 'member' || federation.member(header.origin)?.epoch !== header.epoch - 1)
    return undefined
  try {
    const body = parseBody(unverifiedBody)
    const records = Array.from({ length: Math.min(body.count, STATEMENTS_MAX) }, (_, i) =>
      recordAt(body, i),
    ).filter((record) => record !== undefined)
    return federation
      .foresee(records)
      .member(header.origin)
      ?.epochs.find(({ epoch }) => epoch === header.epoch)
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return undefined
  }
}

/**
 * Nothing comes after the final entry in the log of a parent that goes on from a frozen one. (What a child seals with the key of
 * an epoch that has ended is not taken without a receipt of before: first-receipt.ts.)
 * @throws HuxinError log_forked
 */
export function checkAfterFinal(
  ledger: Ledger,
  { origin, epoch }: BatchHeader,
  source: EntrySource,
): void {
  const log = `${origin}/${epoch}`
  const size = ledger.frozen.get(log)
  if (source.kind !== 'parent' || size === undefined || source.index < size) return
  const member = ledger.federation.member(origin)
  for (
    let at: string | undefined = source.log;
    member && at !== undefined;
    at = predecessorOf(member, at)?.log
  ) {
    if (at === log)
      throw new HuxinError(
        'log_forked',
        text`the parent delivers a batch of ${log} as entry ${source.index}, after the final entry, which is number ${size - 1n}`,
      )
  }
}
