/** Rows of a LevelDB database in order. */
import type { Level } from 'level'
import { asBuffer } from '../../base/bytes.ts'
import type { KeyRange } from '../store.ts'

/** Bytes that one trip to the thread pool brings back of a range, which is wanted as a whole; the engine's own 16 KB are ten trips for 256 entries. */
const RANGE_BYTES = 1 << 20
const ROWS_AT_ONCE = 1_000
/**
 * An iterator keeps the rows of its last trip until a full collection finds it, also when it is closed, and nobody counts them:
 * a backup of 400 MB held 400 MB. From so many on it makes one more trip, which brings nothing and frees them.
 */
const KEPT_BYTES_MAX = 1 << 16
const LOWEST = Buffer.of(0)

/** Rows of a range as they were when it is asked for. */
export async function readRange(
  db: Level<Buffer, Buffer>,
  { gte, lt, limit = Infinity, reverse = false, bytesMax = Infinity }: KeyRange,
  of: object = {},
): Promise<[Buffer, Buffer][]> {
  const iterator = db.iterator({
    gte: asBuffer(gte),
    lt: asBuffer(lt),
    reverse,
    highWaterMarkBytes: RANGE_BYTES,
    ...of,
  })
  const rows: [Buffer, Buffer][] = []
  /** What the engine keeps of the last trip. */
  let kept = 0
  try {
    for (let bytes = 0; bytes < bytesMax && rows.length < limit;) {
      const some = await iterator.nextv(Math.min(ROWS_AT_ONCE, limit - rows.length))
      kept = some.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
      if (kept === 0) break
      bytes += kept
      for (const row of some) rows.push(row)
    }
    if (kept > KEPT_BYTES_MAX) {
      iterator.seek(reverse ? LOWEST : asBuffer(lt))
      await iterator.nextv(1)
    }
    return rows
  } finally {
    await iterator.close()
  }
}
