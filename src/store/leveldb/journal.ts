/**
 * LevelDB's journal, read before it is opened. LevelDB itself drops a record whose checksum is wrong, with what follows in its
 * block, goes on, and then removes the journal: a commit that was acknowledged is gone, and nobody is told.
 *
 * Format (doc/log_format.md of LevelDB): blocks of 32 KiB; in each records of 7 + length bytes: masked CRC-32C of type and
 * payload, length (both little-endian), type 1 to 4; at most 6 bytes are left over at the end of a block.
 *
 * A machine that stops in the middle of a write leaves the same marks as damage, but only at the end of what was written: so
 * damage is a wrong record that whole ones follow, or that is whole with one bit of its length turned. What was not synced may
 * reach the disk out of order, and then its sectors are zeros where nothing was written: a wrong record with such a hole was
 * never acknowledged, unless a commit that was acknowledged follows: all of the file before that one was on the disk by then. Who
 * opens the journal may know such commits by their keys. Not told from a torn end: damage in the last record.
 */

const BLOCK = 32_768
const HEADER = 7
const SECTOR = 512
/** Zeros at the end of a file that may be part of a sector which was not written. */
const HOLE_MIN = 32
const TYPE_MAX = 4

/**
 * Looks for damage that is not a torn end. Total: any bytes have an answer. Reads each byte once, 400 MB/s.
 * @param isAcknowledged whether the commit that puts this key is known to have been on the disk
 * @returns where the first damaged record begins; undefined when there is none
 */
export function findDamage(
  journal: Uint8Array,
  isAcknowledged: (key: Uint8Array) => boolean = () => false,
): number | undefined {
  let wrong: number | undefined
  let hole: number | undefined
  const commit = new Commit()
  for (let block = 0; block < journal.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, journal.length)
    let at = block
    while (end - at >= HEADER && isWhole(journal, at, end)) {
      if (wrong !== undefined) return wrong
      const whole =
        hole === undefined
          ? undefined
          : commit.add(
              journal[at + 6]!,
              journal.subarray(at + HEADER, at + HEADER + lengthAt(journal, at)),
            )
      if (whole && keysOf(whole).some(isAcknowledged)) return hole
      at += HEADER + lengthAt(journal, at)
    }
    if (end - at < HEADER) continue
    commit.forget()
    if (hasHole(journal, at, end)) {
      hole ??= at
      continue
    }
    const next = at + HEADER + lengthAt(journal, at)
    if (isWhole(journal, next, end) || wasShortened(journal, at, end)) return wrong ?? at
    wrong ??= at
  }
  return undefined
}

/** The records of a journal that are whole, pieces put together: what LevelDB reads of it. */
export function* wholeRecords(journal: Uint8Array): Generator<Uint8Array> {
  const commit = new Commit()
  for (let block = 0; block < journal.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, journal.length)
    let at = block
    for (; end - at >= HEADER && isWhole(journal, at, end); at += HEADER + lengthAt(journal, at)) {
      const whole = commit.add(
        journal[at + 6]!,
        journal.subarray(at + HEADER, at + HEADER + lengthAt(journal, at)),
      )
      if (whole) yield whole
    }
    if (end - at >= HEADER) commit.forget()
  }
}

function lengthAt(journal: Uint8Array, at: number): number {
  return journal[at + 4]! | (journal[at + 5]! << 8)
}

function isWhole(
  journal: Uint8Array,
  at: number,
  end: number,
  length = at + HEADER <= end ? lengthAt(journal, at) : 0,
): boolean {
  if (at + HEADER + length > end) return false
  const type = journal[at + 6]!
  if (type < 1 || type > TYPE_MAX) return false
  const stated =
    (journal[at]! |
      (journal[at + 1]! << 8) |
      (journal[at + 2]! << 16) |
      (journal[at + 3]! << 24)) >>>
    0
  return masked(crc32c(journal, at + 6, at + HEADER + length)) === stated
}

/** Whether the record is whole with one bit of its length turned: its checksum does not cover that. */
function wasShortened(journal: Uint8Array, at: number, end: number): boolean {
  const length = lengthAt(journal, at)
  for (let bit = 0; bit < 16; bit++) if (isWhole(journal, at, end, length ^ (1 << bit))) return true
  return false
}

/** Whether a sector from `at` on, or what there is of the last one, was not written. */
function hasHole(journal: Uint8Array, at: number, end: number): boolean {
  for (let sector = Math.ceil(at / SECTOR) * SECTOR; sector < end; sector += SECTOR) {
    const part = journal.subarray(sector, Math.min(sector + SECTOR, end))
    if (part.length >= HOLE_MIN && part.every((byte) => byte === 0)) return true
  }
  return journal.subarray(at, at + HEADER).every((byte) => byte === 0)
}

/** A commit from its pieces: type 1 is all of it, 2 its first, 3 a middle one, 4 its last. */
class Commit {
  #pieces: Uint8Array[] = []

  /** @returns the commit when this is the end of one whose pieces are all whole */
  add(type: number, piece: Uint8Array): Uint8Array | undefined {
    const begins = type === 1 || type === 2
    if (begins) this.#pieces = []
    if (!begins && this.#pieces.length === 0) return undefined
    this.#pieces.push(piece)
    if (type !== 1 && type !== 4) return undefined
    const whole = Buffer.concat(this.#pieces)
    this.#pieces = []
    return whole
  }

  /** A piece is missing. */
  forget(): void {
    this.#pieces = []
  }
}

/** Keys that a commit puts (LevelDB's WriteBatch: 12 bytes, then for each a type, 1 to put and 0 to delete, and what it is about with its lengths). */
function keysOf(commit: Uint8Array): Uint8Array[] {
  const keys: Uint8Array[] = []
  let at = 12
  const next = (): Uint8Array => {
    let length = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = commit[at++] ?? 0
      length += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    return commit.subarray(at, (at += length))
  }
  while (at < commit.length) {
    const type = commit[at++]
    const key = next()
    if (type !== 1) continue
    next()
    if (at <= commit.length) keys.push(key)
  }
  return keys
}

const TABLES = Array.from({ length: 4 }, () => new Uint32Array(256))
for (let i = 0; i < 256; i++) {
  let crc = i
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  TABLES[0]![i] = crc
}
for (let i = 0; i < 256; i++)
  for (let n = 1; n < 4; n++)
    TABLES[n]![i] = (TABLES[n - 1]![i]! >>> 8) ^ TABLES[0]![TABLES[n - 1]![i]! & 0xff]!

/** CRC-32C (Castagnoli) of the bytes from `start` to `end`, four at a time. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const [one, two, three, four] = TABLES as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let crc = -1
  let at = start
  for (; at + 4 <= end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      four[crc & 0xff]! ^ three[(crc >>> 8) & 0xff]! ^ two[(crc >>> 16) & 0xff]! ^ one[crc >>> 24]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ one[(crc ^ bytes[at]!) & 0xff]!
  return (crc ^ -1) >>> 0
}

/** Whether bytes have a checksum that LevelDB stored. */
export function isChecked(
  bytes: Uint8Array,
  { from, to }: { from: number; to: number },
  stored: number,
): boolean {
  return masked(crc32c(bytes, from, to)) === stored
}

/** As LevelDB stores checksums. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
