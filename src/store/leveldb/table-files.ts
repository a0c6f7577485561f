/**
 * LevelDB's table files, read before it is opened. It checks no checksum when it reads a block, and ends the process where a
 * block holds what it never wrote: a sector of zeros among the keys is enough. A damaged filter makes it overlook rows.
 *
 * Which files count stands in the manifest (a journal of edits). Format of a table (doc/table_format.md of LevelDB): blocks, each
 * followed by its type and the masked CRC-32C of both; data blocks first, then filter, metaindex and index; 48 bytes at the end say
 * where the last two are. Index and metaindex map keys to places of blocks.
 *
 * Everything read here may be damaged: any bytes have an answer.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { isChecked, wholeRecords } from './journal.ts'

const FOOTER = 48
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
/** Type and checksum after a block. */
const TRAILER = 5
const CRC = 4
/** Data blocks that are read in one go. */
const PIECE_BYTES = 1 << 20

export interface TableDamage {
  readonly file: string
  /** Where the damaged block, or the end that is missing, begins. */
  readonly at: number
}

/** Place of a block in its file, without the trailer. */
interface Place {
  readonly at: number
  readonly length: number
}

/**
 * The first damage in the tables of a database; undefined when there is none. `whole`: in all of their blocks, 400 MB a second;
 * otherwise in those by which others are found, one in a hundred.
 * @throws Error of the file system
 */
export async function findTableDamage(
  folder: string,
  { whole }: { whole: boolean },
): Promise<TableDamage | undefined> {
  for (const [number, length] of await liveTables(folder)) {
    const name = String(number).padStart(6, '0')
    const handle = await openEither(join(folder, `${name}.ldb`), join(folder, `${name}.sst`))
    // LevelDB itself says that one is missing.
    if (!handle) continue
    try {
      const at = await damageIn(handle, length, whole)
      if (at !== undefined) return { file: join(folder, `${name}.ldb`), at }
    } finally {
      await handle.close()
    }
  }
  return undefined
}

async function openEither(...files: readonly string[]): Promise<FileHandle | undefined> {
  for (const file of files) {
    const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      return undefined
    })
    if (handle) return handle
  }
  return undefined
}

async function damageIn(
  handle: FileHandle,
  length: number,
  whole: boolean,
): Promise<number | undefined> {
  const { size } = await handle.stat()
  if (size < length || length < FOOTER) return Math.min(size, length)
  const footer = await read(handle, { at: length - FOOTER, length: FOOTER })
  const places =
    footer && MAGIC.equals(footer.subarray(FOOTER - MAGIC.length)) ? placesIn(footer, 2) : []
  const [meta, index] = places
  if (!meta || !index) return length - FOOTER
  const found: Place[] = []
  for (const place of [meta, index]) {
    const block = await checkedBlock(handle, place, length)
    const named = block && placesNamed(block)
    if (!named) return place.at
    if (whole || place === meta) found.push(...named)
  }
  return checkBlocks(handle, found, length)
}

/** Reads neighbours together. @returns where the first damaged one begins */
async function checkBlocks(
  handle: FileHandle,
  places: readonly Place[],
  length: number,
): Promise<number | undefined> {
  const sorted = [...places].sort((a, b) => a.at - b.at)
  for (let from = 0; from < sorted.length;) {
    const { at } = sorted[from]!
    let to = from
    while (to < sorted.length && endOf(sorted[to]!) - at <= PIECE_BYTES) to++
    to = Math.max(to, from + 1)
    const end = endOf(sorted[to - 1]!)
    const piece = end <= length - FOOTER ? await read(handle, { at, length: end - at }) : undefined
    if (!piece) return at
    for (const place of sorted.slice(from, to))
      if (!isBlock(piece.subarray(place.at - at, endOf(place) - at))) return place.at
    from = to
    await systemClock.turn()
  }
  return undefined
}

function endOf({ at, length }: Place): number {
  return at + length + TRAILER
}

async function checkedBlock(
  handle: FileHandle,
  place: Place,
  length: number,
): Promise<Buffer | undefined> {
  const stored =
    endOf(place) <= length - FOOTER
      ? await read(handle, { at: place.at, length: place.length + TRAILER })
      : undefined
  return stored && isBlock(stored) ? stored.subarray(0, place.length) : undefined
}

/** A block with its trailer; one that is compressed is none of this program's. */
function isBlock(stored: Buffer): boolean {
  const end = stored.length - CRC
  return (
    end >= 1 &&
    stored[end - 1] === 0 &&
    isChecked(stored, { from: 0, to: end }, stored.readUInt32LE(end))
  )
}

async function read(handle: FileHandle, { at, length }: Place): Promise<Buffer | undefined> {
  const into = Buffer.allocUnsafe(length)
  const { bytesRead } = await handle.read(into, 0, length, at)
  return bytesRead === length ? into : undefined
}

/** Places to which a block of an index maps its keys; undefined when it is none. */
function placesNamed(block: Buffer): Place[] | undefined {
  if (block.length < 4) return undefined
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4)
  const places: Place[] = []
  const numbers = new Numbers(block, 0)
  while (numbers.at < end) {
    numbers.next()
    const rest = numbers.next()
    const length = numbers.next()
    const [place] = placesIn(block.subarray(numbers.at + rest, numbers.at + rest + length), 1)
    if (!place) return undefined
    places.push(place)
    numbers.at += rest + length
  }
  return numbers.at === end ? places : undefined
}

function placesIn(bytes: Buffer, count: number): Place[] {
  const numbers = new Numbers(bytes, 0)
  const places = Array.from({ length: count }, () => ({
    at: numbers.next(),
    length: numbers.next(),
  }))
  return places.every(({ at, length }) => Number.isSafeInteger(at + length)) ? places : []
}

/** Numbers of seven bits a byte, least first. Past the end they are NaN. */
class Numbers {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  next(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    this.at = Infinity
    return NaN
  }

  get done(): boolean {
    return !(this.at < this.#bytes.length)
  }
}

// Fields of an edit: what follows a tag, in numbers (n) and texts with their length (t).
const FIELDS: ReadonlyMap<number, string> = new Map([
  [1, 't'],
  [2, 'n'],
  [3, 'n'],
  [4, 'n'],
  [5, 'nt'],
  [6, 'nn'],
  [7, 'nnntt'],
  [9, 'n'],
])
const DELETED = 6
const ADDED = 7

/** Tables of the newest version, by number, with their lengths; what the manifest does not tell LevelDB does not open. */
async function liveTables(folder: string): Promise<ReadonlyMap<number, number>> {
  const current = await readFile(join(folder, 'CURRENT'), 'latin1').catch(() => '')
  const manifest = /^MANIFEST-\d+\n$/.test(current)
    ? await readFile(join(folder, current.trim())).catch(() => Buffer.alloc(0))
    : Buffer.alloc(0)
  const tables = new Map<number, number>()
  for (const edit of wholeRecords(manifest)) applyEdit(Buffer.from(edit), tables)
  return tables
}

function applyEdit(edit: Buffer, tables: Map<number, number>): void {
  const numbers = new Numbers(edit, 0)
  while (!numbers.done) {
    const tag = numbers.next()
    const fields = FIELDS.get(tag)
    if (fields === undefined) return
    const values = [...fields].map((field) => {
      const value = numbers.next()
      if (field === 't') numbers.at += value
      return value
    })
    if (tag === DELETED) tables.delete(values[1]!)
    if (tag === ADDED && Number.isSafeInteger(values[1]! + values[2]!))
      tables.set(values[1]!, values[2]!)
  }
}
