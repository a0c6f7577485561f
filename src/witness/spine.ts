/** Leaf hashes of a followed log. A log that goes on from a frozen one shares the leaves before with it. */
import { equalBytes, utf8, utf8Text } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { RowView } from '../commit/row-view.ts'
import {
  appendLeaves,
  decodeFrontier,
  emptyFrontier,
  type Frontier,
  frontierRoot,
} from '../merkle/frontier.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { spineKey, tables, textKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'

/** Log → the log that it goes on from. */
export const continuesRows = defineRows({
  table: 'meta',
  name: 'continues',
  keys: textKeys,
  check: hasCheckValue(),
})

/** Says that what is not stored of `log` stands under `before`, the log that it goes on from. */
export function continuesOp(log: string, before: string): Op {
  const key = continuesKey(log)
  return { key, value: checkedValue(key, utf8(before)) }
}

/** A tile of 256 leaf hashes, or its beginning; undefined when it is not there. */
export async function readSpineTile(
  store: Pick<Reader, 'get'>,
  log: string,
  tile: bigint,
): Promise<Uint8Array | undefined> {
  for (let at: string | undefined = log; at !== undefined; at = await beforeOf(store, at)) {
    const stored = await store.get(spineKey(at, tile))
    if (stored) return stored
  }
  return undefined
}

/** The log under which earlier leaves stand. */
async function beforeOf(store: Pick<Reader, 'get'>, log: string): Promise<string | undefined> {
  const before = openChecked(continuesKey(log), await store.get(continuesKey(log)))
  return before && utf8Text(before)
}

function continuesKey(log: string): Uint8Array {
  return continuesRows.key(log)
}

/** Log → what its leaf hashes add up to: as many as were verified. */
export const frontierRows = defineRows<RowView>({
  table: 'meta',
  name: 'spine',
  keys: textKeys,
  check: ({ rest, value }, view) => checkSpine(view, rest.toString(), value),
})

/** The leaf hashes of a followed log have the frontier that is kept, which has the root of the tree that was verified. */
async function checkSpine({ store, find }: RowView, log: string, value: Uint8Array): Promise<void> {
  const frontier = decodeFrontier(value)
  if (!frontier) throw new HuxinError('store_corrupt', text`it is no frontier`)
  const witness = await store.get(textKey(tables.witness, log))
  if (!witness || !equalBytes(frontierRoot(frontier), witness.subarray(8, 40)))
    throw new HuxinError(
      'store_corrupt',
      text`it does not have the root of the tree that was verified`,
    )
  let built: Frontier = emptyFrontier
  for (let tile = 0n; tile * 256n < frontier.size; tile++) {
    const want = frontier.size - tile * 256n < 256n ? Number(frontier.size - tile * 256n) : 256
    const leaves = await readSpineTile(store, log, tile)
    if (!leaves || leaves.length < want * 32)
      return find(spineKey(log, tile), text`it has not as many hashes as were verified`)
    built = appendLeaves(built, leaves.subarray(0, want * 32))
  }
  if (equalBytes(frontierRoot(built), frontierRoot(frontier))) return
  // The first perfect subtree that differs says in which tiles the damage is.
  let from = 0n
  for (const [i, hash] of frontier.hashes.entries()) {
    const size = subtreeSize(frontier.size, i)
    if (!equalBytes(built.hashes[i]!, hash))
      return find(
        spineKey(log, from / 256n),
        text`the hashes ${from} to ${from + size - 1n} are not those that were verified`,
      )
    from += size
  }
}

/** Leaves under the perfect subtree number `i` of a tree, counted from the left. */
function subtreeSize(size: bigint, i: number): bigint {
  const bits = [...size.toString(2)].flatMap((bit, at, all) =>
    bit === '1' ? [1n << BigInt(all.length - 1 - at)] : [],
  )
  return bits[i]!
}
