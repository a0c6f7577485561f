/**
 * Where this node's own lanes stand is what its next headers are signed on: a wrong number would sign a
 * second batch with one number, which is a fork for everyone who sees it. So before anything is
 * signed, what the store says of them is held against the log.
 */
import { concat, equalBytes, fromBe64, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { entryKey, prefixRange, tables } from '../store/keys.ts'
import type { Reader } from '../store/store.ts'
import type { LaneHead } from './lanes.ts'
import type { Ledger } from './ledger.ts'

/** Compares the heads of this node's lanes of an epoch with the newest entry of each. @throws HuxinError store_corrupt */
export async function checkOwnLanes(ledger: Ledger, store: Reader, epoch: number): Promise<void> {
  const begin = `${ledger.self} ${epoch} `
  const heads = new Map<string, LaneHead>()
  for await (const [lane, head] of ledger.lanes.heads(begin)) heads.set(lane, head)
  const { gte, lt } = prefixRange(concat(tables.laneIndex, utf8(begin)))
  for (let end = lt; ;) {
    const [last] = await store.range({ gte, lt: end, limit: 1, reverse: true })
    if (!last) break
    const [key, value] = last
    const lane = Buffer.from(key.subarray(1, -9)).toString()
    const number = fromBe64(key, key.length - 8)
    const entry = value.length === 8 ? await store.get(entryKey(fromBe64(value))) : undefined
    const head = heads.get(lane)
    const parsed = entry && parseEntry(entry)
    // A lane of this node in which everything was refused above, when that was taken back, has no head.
    const right =
      parsed &&
      (head
        ? head.number === number && equalBytes(parseHeaderNote(parsed.header).id, head.id)
        : !parsed.verdict.accepted)
    if (!right) throw wrong(lane)
    heads.delete(lane)
    end = key.subarray(0, -8)
  }
  for (const lane of heads.keys()) throw wrong(lane)
}

function wrong(lane: string): HuxinError {
  return new HuxinError(
    'store_corrupt',
    text`where the lane ${lane} of this node stands is stored differently in two places; nothing is signed; run huxin fsck, then huxin node rebuild`,
  )
}
