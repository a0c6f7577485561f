/**
 * Bodies in parts. A body has up to 3.5 megabytes and a lookup wants one record of it, so a body of more than a part is
 * stored as a head at its own key and parts of 16 kilobytes below it, all in one write. Whoever asks for the value gets it
 * whole; `part` reads those parts alone that it needs. Bodies of before stand whole and are read as they are.
 *
 * Head: 0x00, which no body and no refusal begins with; 0x02; length of the value in four bytes, big-endian. Part n has the key of
 * the head and n in four bytes, so that whatever removes or rewrites a range of bodies has their parts too. A value is only
 * joined where its length fits: otherwise the head itself is given, which is no body, and the reader says so. What its bytes must be
 * says the header of its batch; heads of before (0x01) have a CRC-32 beside it, which cost more than it found.
 */
import { crc32 } from 'node:zlib'
import { asBuffer, be32, concat } from '../base/bytes.ts'
import { tables } from './keys.ts'
import type { Op } from './store.ts'

export const PART_BYTES = 16_384
const FORM = 2
const HEAD_BYTES = 6
const CHECKED_FORM = 1
const CHECKED_HEAD_BYTES = 10
const BODY_KEY_BYTES = 9
const READS_MAX = 3

/** Reads one row. */
export type ReadRow = (key: Buffer) => Buffer | undefined

interface Head {
  readonly length: number
  /** CRC-32 of the value, where the head has one. */
  readonly check: number | undefined
}

function isBodyKey(key: Uint8Array): boolean {
  return key[0] === tables.body[0] && key.length === BODY_KEY_BYTES
}

function openHead(key: Uint8Array, stored: Buffer): Head | undefined {
  if (stored[0] !== 0 || !isBodyKey(key)) return undefined
  if (stored.length === HEAD_BYTES && stored[1] === FORM)
    return { length: stored.readUInt32BE(2), check: undefined }
  if (stored.length === CHECKED_HEAD_BYTES && stored[1] === CHECKED_FORM)
    return { length: stored.readUInt32BE(2), check: stored.readUInt32BE(6) }
  return undefined
}

function partKey(key: Uint8Array, part: number): Buffer {
  return asBuffer(concat(key, be32(part)))
}

function partsOf({ length }: Head): number {
  return Math.ceil(length / PART_BYTES)
}

/** The rows by which a value is put or removed. `read` tells what stands there now. */
export function rowsOf({ key, value }: Op, read: ReadRow): readonly Op[] {
  if (!isBodyKey(key)) return [{ key, value }]
  const bytes = value && asBuffer(value)
  // A backup gives heads and parts back as they are.
  if (bytes && openHead(key, bytes)) return [{ key, value }]
  const before = read(asBuffer(key))
  const old = before && openHead(key, before)
  const rows: Op[] = []
  let parts = 0
  if (!bytes || bytes.length <= PART_BYTES) rows.push({ key, value })
  else {
    rows.push({ key, value: concat(Uint8Array.of(0, FORM), be32(bytes.length)) })
    for (let at = 0; at < bytes.length; at += PART_BYTES)
      rows.push({ key: partKey(key, parts++), value: bytes.subarray(at, at + PART_BYTES) })
  }
  for (let part = parts; old && part < partsOf(old); part++)
    rows.push({ key: partKey(key, part), value: undefined })
  return rows
}

/** The last body that was ever written: nothing stands after it, so that what is put there needs no look at what stands there. */
export class LastBody {
  #key: Uint8Array

  /** `key`: the last one of the table in the store, of a body or a part. */
  constructor(key: Uint8Array | undefined) {
    this.#key = key ?? tables.body
  }

  /** Told of each key that is about to be written. @returns whether nothing can stand there */
  passes(key: Uint8Array): boolean {
    if (key[0] !== tables.body[0] || Buffer.compare(key, this.#key) <= 0) return false
    this.#key = key
    return true
  }
}

/** The whole value at a key, of which `stored` is what stands there. */
export function joined(key: Buffer, stored: Buffer | undefined, read: ReadRow): Buffer | undefined {
  let head = stored
  for (let i = 0; i < READS_MAX; i++) {
    const opened = head && openHead(key, head)
    if (!opened) return head
    const parts = Array.from(
      { length: partsOf(opened) },
      (_, part) => read(partKey(key, part)) ?? Buffer.alloc(0),
    )
    const value = Buffer.concat(parts)
    if (
      value.length === opened.length &&
      (opened.check === undefined || crc32(value) === opened.check)
    )
      return value
    // Perhaps it was replaced while it was read.
    const now = read(key)
    if (now && head && now.equals(head)) return head
    head = now
  }
  return head
}

/** Bytes `start` to `end` of the value at a key. They are not checked: whoever reads a part knows what it must be. */
export function joinedPart(
  key: Buffer,
  { start, end }: { start: number; end: number },
  read: ReadRow,
): Buffer | undefined {
  const stored = read(key)
  const head = stored && openHead(key, stored)
  if (!head) return stored?.subarray(start, end)
  const first = Math.floor(start / PART_BYTES)
  const last = Math.ceil(Math.min(end, head.length) / PART_BYTES)
  const parts = Array.from(
    { length: Math.max(0, last - first) },
    (_, i) => read(partKey(key, first + i)) ?? Buffer.alloc(0),
  )
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  return bytes.subarray(start - first * PART_BYTES, end - first * PART_BYTES)
}
