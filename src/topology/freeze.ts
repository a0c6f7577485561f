/**
 * What the final entry of a log says (`huxin/freeze/v1`): the record of a batch of kind `freeze`, signed
 * with the log's key. It states the size of the log with the entry itself, so that whoever gets it knows that
 * no larger tree of this log is true. The root follows from the log; the next epoch's statement names it.
 */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Signer, Verifier } from '../note/key.ts'
import { parseNote, signNote, verifyNote } from '../note/note.ts'
import { readLines } from './member.ts'

export interface Freeze {
  /** Origin line of the log. */
  readonly log: string
  /** Entries of the log, this one included: it is the last. */
  readonly size: bigint
  readonly actor: string
  readonly document: string
  readonly reason: string
}

/** The note, signed with the key of the log. */
export function signFreeze(freeze: Freeze, signer: Signer): Uint8Array {
  return signNote(
    'huxin/freeze/v1\n' +
      `log ${freeze.log}\nsize ${freeze.size}\nactor ${freeze.actor}\ndocument ${freeze.document}\nreason ${freeze.reason}\n`,
    [signer],
  )
}

/** Parses a note without a look at its signature. @throws HuxinError note_malformed | statement_malformed */
export function parseFreeze(bytes: Uint8Array): Freeze {
  const {
    log = '',
    size = '',
    actor = '',
    document = '',
    reason = '',
  } = readLines(parseNote(bytes).text, 'huxin/freeze/v1', [
    'log',
    'size',
    'actor',
    'document',
    'reason',
  ])
  if (!/^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}\/[1-9][0-9]{0,8}$/.test(log))
    throw new HuxinError('statement_malformed', text`huxin/freeze/v1: the line "log" is not valid`)
  if (!/^[1-9][0-9]{0,17}$/.test(size))
    throw new HuxinError('statement_malformed', text`huxin/freeze/v1: the line "size" is not valid`)
  return { log, size: BigInt(size), actor, document, reason }
}

/** @throws HuxinError note_malformed | statement_malformed | signature_invalid */
export function openFreeze(bytes: Uint8Array, verifier: Verifier): Freeze {
  const freeze = parseFreeze(bytes)
  verifyNote(parseNote(bytes), [verifier])
  return freeze
}
