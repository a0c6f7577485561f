/**
 * The key layout: one byte for the table, then a big-endian position or a hash, so that keys sort as
 * the log does. Primary tables cannot be derived and are never dropped; derived tables are a fold of
 * the primary ones and `huxin node rebuild` makes them anew, byte for byte.
 */
import { be32, be64, concat, fromBe64, utf8 } from '../base/bytes.ts'
import { type BatchClass, batchClasses } from '../topology/lane.ts'
import type { KeyRange } from './store.ts'

const table = (name: string): Uint8Array => utf8(name)

export const tables = {
  // primary
  /** index → entry */
  entry: table('e'),
  /** index → body, or Refusal of a refused batch; a large one in parts (parts.ts) */
  body: table('b'),
  /** batch id, node → receipt of a higher tier */
  receipt: table('R'),
  /** position → batch id and node of a receipt, in order of arrival */
  receiptOrder: table('u'),
  /** log origin → the last tree of it that this node cosigned */
  witness: table('w'),
  /** log origin, tile → leaf hashes of a followed log */
  spine: table('f'),
  /** cosigner → our newest checkpoint with its line */
  cosigned: table('g'),
  /** origin → why it is under quarantine */
  quarantine: table('q'),
  /** child → its newest receipt note */
  childReceipt: table('h'),
  /** name → value: epoch, cursors towards the parent */
  meta: table('p'),
  // derived
  /** level, tile → hashes */
  tile: table('t'),
  /** batch id → 1 when refused, else 0; then the indexes of its entries */
  batch: table('i'),
  /** class, index → who may have the entry */
  classIndex: table('c'),
  /** lane → number and batch id of its head */
  lane: table('L'),
  /** lane, number → index */
  laneIndex: table('l'),
  /** batch id, position, index of the amendment → action and date */
  amendment: table('a'),
  /** index → whom a body held in transit came from; there until every next hop has it */
  transit: table('T'),
  /** level, segment, bucket → keyed hashes of record ids, with index and position of each (`lookup/segments.ts`) */
  recordId: table('r'),
  /** level, segment, bucket → keyed hashes of subjects, with index and position of each */
  subject: table('s'),
  /** index, position → what kind of recognition record */
  recognition: table('n'),
  /** hash of a request's record id; index; position → batch id: its confirmations */
  confirmation: table('y'),
  /** source batch, position; index; position → batch id: the confirmations that cite it */
  citation: table('z'),
  /** node, lane → number and batch id at which the node said that the lane stands there */
  reported: table('H'),
  /** index → how its body is divided, made when a record of it is first looked up (`batch/pieces.ts`) */
  pieces: table('k'),
  /** name → value: log size, what the record index consists of, records that were erased and are still in it */
  state: table('x'),
} as const

/**
 * The value of a row whose key says everything. Not empty: the binding of the engine never frees what it allocates
 * for a value without bytes, 32 bytes a row.
 */
export const PRESENT = Uint8Array.of(1)

export const derivedTables = [
  tables.tile,
  tables.batch,
  tables.classIndex,
  tables.lane,
  tables.laneIndex,
  tables.amendment,
  tables.transit,
  tables.recordId,
  tables.subject,
  tables.recognition,
  tables.confirmation,
  tables.citation,
  tables.reported,
  tables.pieces,
  tables.state,
] as const

/** A table of former versions, which is removed where it is found. */
export const formerOwn: Uint8Array = table('d')

export const indexKey = (name: Uint8Array, index: bigint): Uint8Array => concat(name, be64(index))
export const entryKey = (index: bigint): Uint8Array => indexKey(tables.entry, index)
export const bodyKey = (index: bigint): Uint8Array => indexKey(tables.body, index)
export const piecesKey = (index: bigint): Uint8Array => indexKey(tables.pieces, index)
export const tileKey = (level: number, index: bigint): Uint8Array =>
  concat(tables.tile, Uint8Array.of(level), be64(index))
export const batchKey = (id: Uint8Array): Uint8Array => concat(tables.batch, id)
export const classKey = (batchClass: BatchClass, index: bigint): Uint8Array =>
  concat(tables.classIndex, Uint8Array.of(batchClasses.indexOf(batchClass)), be64(index))
export const textKey = (name: Uint8Array, text: string): Uint8Array => concat(name, utf8(text))
export const laneIndexKey = (lane: string, number: bigint): Uint8Array =>
  concat(tables.laneIndex, utf8(lane), Uint8Array.of(0), be64(number))
export const amendmentKey = (id: Uint8Array, position: number, index: bigint): Uint8Array =>
  concat(tables.amendment, id, be32(position), be64(index))
export const receiptKey = (id: Uint8Array, node: string): Uint8Array =>
  concat(tables.receipt, id, utf8(node))
export const spineKey = (log: string, tile: bigint): Uint8Array =>
  concat(tables.spine, utf8(log), Uint8Array.of(0), be64(tile))
export const reportedKey = (node: string, lane: string): Uint8Array =>
  concat(tables.reported, utf8(node), Uint8Array.of(0), utf8(lane))
export const placeKey = (prefix: Uint8Array, index: bigint, position: number): Uint8Array =>
  concat(prefix, be64(index), be32(position))

/** Log index at the end of a key of a table whose keys end with it. */
export const indexAtEnd = (key: Uint8Array): bigint => fromBe64(key, key.length - 8)

/** What stands in the keys of a table; undefined when it does not. */
type Words = (rest: Buffer) => string | undefined

const indexWords: Words = (rest) => (rest.length === 8 ? String(rest.readBigUInt64BE()) : undefined)
const textWords: Words = (rest) => rest.toString()
const bucketWords: Words = (rest) =>
  rest.length === 9 ? `${rest[0]}/${rest.readUInt32BE(1)}/${rest.readUInt32BE(5)}` : undefined
const textIndexWords: Words = (rest) =>
  rest.length > 9
    ? `${rest.subarray(0, -9).toString()} ${rest.readBigUInt64BE(rest.length - 8)}`
    : undefined

/** By table; the keys of all others are hashes. */
const wordsOf: Readonly<Partial<Record<string, Words>>> = {
  entry: indexWords,
  body: (rest) => (rest.length === 12 ? String(rest.readBigUInt64BE()) : indexWords(rest)),
  transit: indexWords,
  pieces: indexWords,
  receiptOrder: indexWords,
  tile: (rest) => (rest.length === 9 ? `${rest[0]}/${rest.readBigUInt64BE(1)}` : undefined),
  recordId: bucketWords,
  subject: bucketWords,
  classIndex: (rest) =>
    rest.length === 9
      ? `${batchClasses[rest[0]!] ?? rest[0]} ${rest.readBigUInt64BE(1)}`
      : undefined,
  laneIndex: textIndexWords,
  spine: textIndexWords,
  receipt: (rest) =>
    rest.length > 32 ? `${rest.toString('hex', 0, 32)} ${rest.toString('utf8', 32)}` : undefined,
  reported: (rest) => rest.toString().replace('\0', ' '),
  witness: textWords,
  cosigned: textWords,
  quarantine: textWords,
  childReceipt: textWords,
  meta: textWords,
  lane: textWords,
  state: textWords,
}

/** A key as people read it: the name of its table, then what it is the key of. What a name in it begins, `rows.ts` says. */
export function keyText(key: Uint8Array): string {
  const [name = '?'] = Object.entries(tables).find(([, byte]) => byte[0] === key[0]) ?? []
  const rest = Buffer.from(key).subarray(1)
  return `${name} ${wordsOf[name]?.(rest) ?? rest.toString('hex')}`
}

/** Every key that begins with `prefix`. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  const lt = Uint8Array.from(prefix)
  for (let i = lt.length - 1; i >= 0; i--) {
    if (lt[i] !== 0xff) {
      lt[i] = lt[i]! + 1
      return { gte: prefix, lt: lt.subarray(0, i + 1) }
    }
  }
  return { gte: prefix, lt: new Uint8Array(prefix.length + 1).fill(0xff) }
}
