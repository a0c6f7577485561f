/**
 * The scrub: reads the log again in its order, a set number of bytes a day, and hashes it, so that a row that rotted
 * is found while neighbours still have it. Where it stands is kept; what it finds is an alarm until
 * that place reads well again.
 */
import { createHash } from 'node:crypto'
import { be64, equalBytes, fromBe64 } from '../base/bytes.ts'
import { sleep } from '../base/clock.ts'
import { type Text, text, textOf } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { leafHash } from '../merkle/hash.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { bodyKey, entryKey, keyText, tileKey } from '../store/keys.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import { bodyOf } from './check-derived.ts'
import type { Context } from '../commit/context.ts'

/** Milliseconds of reading at a time, and of rest between two of them. */
const TURN_MS = 2
const REST_MS = 20

/** Where the scrub stands. */
export const scrubRows = defineRows({
  table: 'meta',
  name: 'scrub',
  keys: textKeys,
  check: hasCheckValue(8),
})
const cursorKey = scrubRows.key('next')

export class Scrub {
  readonly #context: Context
  /** What stands, by log index. */
  readonly #findings = new Map<bigint, Text>()

  constructor(context: Context) {
    this.#context = context
  }

  /**
   * Reads about `bytes` bytes, one entry at least, and begins anew at the end of the log; less when the signal comes.
   * @returns the bytes that were read
   */
  run(bytes: number, signal?: AbortSignal): Promise<number> {
    return scrub(this.#context, this.#findings, { bytes, signal })
  }
}

async function scrub(
  context: Context,
  standing: Map<bigint, Text>,
  { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal | undefined },
): Promise<number> {
  for (const index of [...standing.keys()]) await look(context, standing, index)
  const { size } = context.log().signed
  const cursor = openChecked(cursorKey, await context.store.get(cursorKey))
  let index = cursor ? fromBe64(cursor) : 0n
  if (index >= size) index = 0n
  let read = 0
  for (let turn = context.clock.monotonicMs(); index < size && read < bytes && !signal?.aborted;) {
    read += await look(context, standing, index++)
    if (context.clock.monotonicMs() - turn < TURN_MS) continue
    // Others first: a share of a day's bytes is a tenth of a second of work, which a record under way would wait for.
    await sleep(context.clock, REST_MS, signal)
    turn = context.clock.monotonicMs()
  }
  await context.store.write([{ key: cursorKey, value: checkedValue(cursorKey, be64(index)) }])
  const [first] = standing.values()
  if (first === undefined) context.alarms.clear('scrub')
  else
    context.alarms.raise(
      'scrub',
      '',
      standing.size > 1 ? text`${first}, and ${standing.size - 1} more` : first,
    )
  return read
}

async function look(context: Context, standing: Map<bigint, Text>, index: bigint): Promise<number> {
  const { store } = context
  const [entry, body, tile] = await store.getMany([
    entryKey(index),
    bodyKey(index),
    tileKey(0, index / 256n),
  ])
  const wrong = faultOf(index, { entry, body, tile })
  if (wrong === undefined) standing.delete(index)
  else standing.set(index, wrong)
  return (entry?.length ?? 0) + (body?.length ?? 0)
}

function faultOf(
  index: bigint,
  {
    entry: bytes,
    body,
    tile,
  }: { entry: Uint8Array | undefined; body: Uint8Array | undefined; tile: Uint8Array | undefined },
): Text | undefined {
  const at = Number(index % 256n) * 32
  if (!bytes) return text`${keyText(entryKey(index))}: is missing`
  if (!tile || !equalBytes(leafHash(bytes), tile.subarray(at, at + 32)))
    return text`${keyText(entryKey(index))}: its leaf hash is not the one in ${keyText(tileKey(0, index / 256n))}`
  if (!body) return text`${keyText(bodyKey(index))}: is missing`
  try {
    const entry = parseEntry(bytes)
    const same = entry.verdict.accepted
      ? bodyOf(body, parseHeaderNote(entry.header)) !== undefined
      : equalBytes(createHash('sha256').update(body).digest(), entry.verdict.reasons)
    return same ? undefined : text`${keyText(bodyKey(index))}: is not what was logged`
  } catch (error) {
    return text`${keyText(entryKey(index))}: ${textOf(error)}`
  }
}
