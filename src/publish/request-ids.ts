/**
 * Request ids, by which a repeated call is answered with its first batch. Callers choose them, so that they may hold
 * anything: only a keyed hash is stored, which says nothing to whoever does not have the key of this node, and which may
 * stand after the records are erased. Without it a late repetition would publish them again.
 */
import { createHash } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import { HuxinError, invalidField } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { holdsCitizenId } from '../record/personal.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { Op } from '../store/store.ts'
import { defineRows, textKeys } from '../store/rows.ts'
import type { RowView } from '../commit/row-view.ts'
import type { Context } from '../commit/context.ts'

/** A call that may be repeated. */
export interface Repeatable {
  readonly requestId?: string | undefined
  readonly source: EntrySource
}

/** Hash of a request's id → the batch of its answer. */
export const requestRows = defineRows<RowView>({
  table: 'meta',
  name: 'request',
  keys: textKeys,
  check: async ({ value }, { ledger }) => {
    if (!(await ledger.known(value)))
      throw new HuxinError('store_corrupt', text`it names a batch that is not in the log`)
  },
})
const HASHED = /^[0-9a-f]{32}$/
const PIECE = 1_000

/**
 * Key of the row that holds the batch of a request; undefined without an id.
 * @throws HuxinError argument_invalid
 */
export function requestKey(
  { subjectKey }: Pick<Context, 'subjectKey'>,
  request: Repeatable,
): Uint8Array | undefined {
  const name = nameOf(request)
  return name === undefined ? undefined : hashedKey(subjectKey, name)
}

/** Batch id of the first call of a request; undefined when there was none. @throws HuxinError argument_invalid */
export async function firstBatchOf(
  { store, subjectKey }: Pick<Context, 'store' | 'subjectKey'>,
  request: Repeatable,
): Promise<Uint8Array | undefined> {
  const name = nameOf(request)
  if (name === undefined) return undefined
  // Rows of earlier programs, until they are hashed.
  return (await store.get(hashedKey(subjectKey, name))) ?? (await store.get(requestRows.key(name)))
}

/** Hashes the ids that an earlier program stored as they were. @returns how many */
export async function hashRequestIds({
  store,
  subjectKey,
}: Pick<Context, 'store' | 'subjectKey'>): Promise<number> {
  const { gte, lt } = requestRows.range
  let hashed = 0
  for (let from = gte; ;) {
    const rows = await store.range({ gte: from, lt, limit: PIECE })
    const ops: Op[] = []
    for (const [key, value] of rows) {
      const name = asBuffer(key.subarray(requestRows.prefix.length)).toString()
      if (HASHED.test(name)) continue
      ops.push({ key: hashedKey(subjectKey, name), value }, { key, value: undefined })
    }
    if (ops.length > 0) await store.commit(ops)
    hashed += ops.length / 2
    const last = rows.at(-1)
    if (!last || rows.length < PIECE) break
    from = Buffer.concat([last[0], Buffer.of(0)])
  }
  if (hashed > 0) await store.destroyDeleted({ gte, lt })
  return hashed
}

/** Who asked, and the id. */
function nameOf({ requestId, source }: Repeatable): string | undefined {
  if (requestId === undefined || requestId === '') return undefined
  if (!/^[\x20-\x7e]{1,64}$/.test(requestId))
    throw bad(
      text`request id ${JSON.stringify(requestId.slice(0, 80))}: 1 to 64 printable ASCII characters are wanted`,
    )
  if (holdsCitizenId(requestId))
    throw bad(
      text`the request id holds a citizen identity number: make it of something else, for example a random number`,
    )
  return `${source.kind === 'client' ? source.name : source.kind === 'operator' ? `operator/${source.name}` : '-'}/${requestId}`
}

function hashedKey(subjectKey: Uint8Array, name: string): Uint8Array {
  const digest = createHash('sha256').update('request').update(subjectKey).update(name).digest()
  return requestRows.key(digest.subarray(0, 16).toString('hex'))
}

function bad(message: Said): HuxinError {
  return invalidField('request_id', message)
}
