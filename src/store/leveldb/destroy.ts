/** Bytes that were deleted leave the files of a LevelDB database. */
import { readdir } from 'node:fs/promises'
import type { Level } from 'level'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import type { KeyRange } from '../store.ts'

/**
 * LevelDB flushes every version of a key that its memtable holds, may put that file on a level below
 * those it compacts, and rewrites a file only when a newer one overlaps it. So: flush, lay a newer file
 * of two deletions over the whole range, and compact that file down into everything beneath it.
 */
export async function rewrite(
  db: Level<Buffer, Buffer>,
  folder: string,
  { gte, lt }: KeyRange,
): Promise<void> {
  const from = keyBefore(gte)
  const to = Buffer.concat([lt, Buffer.of(0xff)])
  await flush(db, folder)
  await db.batch().del(from).del(to).write()
  await flush(db, folder)
  await (db as Level<Buffer, Buffer> & Compacting).compactRange(from, to)
}

interface Compacting {
  compactRange(start: Buffer, end: Buffer): Promise<void>
}

/** Above every key. */
const END = Buffer.of(0xff, 0xff, 0xff)
const FLUSHES_MAX = 1_000

/**
 * Brings everything that was written into tables, and removes the files that nobody needs. Compacting a range without
 * keys does that, but for the times when somebody else writes in the same moment: LevelDB takes the flush for an empty part of that
 * write. So the journals of before tell whether it did.
 * @throws HuxinError store_failed
 */
export async function flush(db: Level<Buffer, Buffer>, folder: string): Promise<void> {
  const journals = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name))
  const before = new Set(await journals())
  for (let i = 0; i < FLUSHES_MAX; i++) {
    await (db as Level<Buffer, Buffer> & Compacting).compactRange(END, END)
    if (!(await journals()).some((name) => before.has(name))) return
  }
  throw new HuxinError(
    'store_failed',
    text`the database in ${folder} does not flush: what is to be erased is still in a journal`,
  )
}

/** A key just before `key` that no table has: two bytes longer than those of the same table. */
function keyBefore(key: Uint8Array): Buffer {
  const before = Buffer.from(key)
  let at = before.length - 1
  while (at >= 0 && before[at] === 0) before[at--] = 0xff
  if (at < 0) return Buffer.of(0)
  before[at] = before[at]! - 1
  return Buffer.concat([before, Buffer.of(0xff, 0xff)])
}
