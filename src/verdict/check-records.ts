/** The records of a body against their catalog item, in turns with whatever else the node does. */
import { Turns } from '../base/clock.ts'
import { limits } from '../base/limits.ts'
import { type Body, recordAt } from '../batch/body.ts'
import { type IdPlaces, notePlaces } from '../lookup/record-rows.ts'
import { checkRecordBytes, type CompiledItem, type RecordFault } from '../record/item.ts'
import { judgeContract } from './contract.ts'
import type { BatchInQuestion, CheckRecords, Judging } from './kind.ts'
import { type Refused, refusedRecords } from './refusal.ts'

/** The verdict on a batch of records of a catalog item; `also` is asked when they are sound in themselves. */
export async function judgeRecords(
  { ledger, header, body, terms }: BatchInQuestion,
  { checkRecords, clock }: Judging,
  also: () => Refused | undefined = () => undefined,
): Promise<Refused | undefined> {
  const contract = judgeContract(ledger, header, terms)
  if (!contract || 'refusal' in contract) return contract
  const faults = await checkRecords(contract, body, { clock })
  return faults.length > 0 ? refusedRecords(faults, body.count) : also()
}

/** Records, and bytes of them, between two looks at the clock. */
const PIECE = 32
const PIECE_BYTES = 65_536

/** Every record of a body against its item. Nothing is awaited for a batch that takes less than a turn. */
export const checkAllRecords: CheckRecords = (compiled, body, { clock, ids }) => {
  const faults: RecordFault[] = []
  const turns = new Turns(clock)
  const from = checkFrom(compiled, body, { start: 0, faults, turns, ids })
  return from < body.count ? checkRest(compiled, body, { start: from, faults, turns, ids }) : faults
}

interface Checking {
  readonly start: number
  readonly faults: RecordFault[]
  readonly turns: Turns
  readonly ids: IdPlaces | undefined
}

/** @returns the first record that was not checked, because the turn was over */
function checkFrom(
  compiled: CompiledItem,
  body: Body,
  { start: first, faults, turns, ids }: Checking,
): number {
  let looked = { at: first, offset: body.spans[2 * first]! }
  for (let i = first; i < body.count; i++) {
    const start = body.spans[2 * i]!
    if (i - looked.at >= PIECE || start - looked.offset >= PIECE_BYTES) {
      if (turns.over) return i
      looked = { at: i, offset: start }
    }
    if (start === 0) continue
    if (compiled.passes(body.bytes, start, body.spans[2 * i + 1]!)) {
      // What passes was scanned, and its ids are ASCII.
      if (ids) notePlaces(ids, i)
      continue
    }
    const found = checkRecordBytes(compiled, recordAt(body, i)!, i)
    // Of the rest only the number of bad records is told.
    faults.push(...(faults.length < limits.faultsMax ? found : found.slice(0, 1)))
  }
  return body.count
}

async function checkRest(
  compiled: CompiledItem,
  body: Body,
  { start, faults, turns, ids }: Checking,
): Promise<readonly RecordFault[]> {
  for (let at = start; at < body.count;) {
    await turns.next()
    at = checkFrom(compiled, body, { start: at, faults, turns, ids })
  }
  return faults
}
