/** Leaf hashes of a followed log. A log that goes on from a frozen one shares the leaves before with it. */
import { utf8, utf8Text } from '../base/bytes.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { spineKey, tables, textKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'

/** Says that what is not stored of `log` stands under `before`, the log that it goes on from. */
export function continuesOp(log: string, before: string): Op {
  const key = continuesKey(log)
  return { key, value: checkedValue(key, utf8(before)) }
}

/** A tile of 256 leaf hashes, or its beginning; undefined when it is not there. */
export async function readSpineTile(store: Pick<Reader, 'get'>, log: string, tile: bigint): Promise<Uint8Array | undefined> {
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
  return textKey(tables.meta, `continues/${log}`)
}
