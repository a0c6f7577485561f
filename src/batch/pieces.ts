/**
 * Pieces of a body: 64 leaves each, the last one has what is left. The root of a piece is a node of the body's tree, so
 * that the roots of all pieces lead to the root that the header states, and a record is checked with its piece alone:
 * 20 kilobytes where a body has megabytes. Hashes of salted records say nothing of anybody.
 */
import { asBuffer, be32, concat, equalBytes } from '../base/bytes.ts'
import type { Turns } from '../base/clock.ts'
import { HASH_BYTES, rootOfLeaves } from '../merkle/hash.ts'
import { type Body, bodyRoot, leafStarts, parseBody } from './body.ts'
import type { BatchHeader } from './header.ts'

export const PIECE_LEAVES = 64
/** Pieces hashed in one go, about a millisecond. */
const PIECES = 16
const START_BYTES = 4

/** How a body is divided. */
export interface BodyPieces {
  /** Root of each piece, 32 bytes each. */
  readonly roots: Uint8Array
  /** Where each piece begins in the body, and where the last one ends. */
  readonly starts: Uint32Array
}

/** What a header says of its body. */
export type StatedBody = Pick<BatchHeader, 'records' | 'root'>

/**
 * Divides a stored body, in turns with other work.
 * @returns undefined when it is not the body of this header
 * @throws HuxinError body_malformed | message_too_large | cancelled
 */
export async function divideBody(
  stored: Uint8Array,
  { records, root }: StatedBody,
  turns: Turns,
): Promise<BodyPieces | undefined> {
  const bytes = asBuffer(stored)
  const starts = leafStarts(bytes, PIECE_LEAVES)
  const pieces = starts.length - 1
  const roots = Buffer.alloc(HASH_BYTES * pieces)
  let leaves = 0
  for (let from = 0; from < pieces; from += PIECES) {
    const { count, leafHashes } = parseBody(
      bytes.subarray(starts[from], starts[Math.min(from + PIECES, pieces)]),
    )
    leaves += count
    for (let i = 0; i * PIECE_LEAVES < count; i++) {
      const at = i * PIECE_LEAVES * HASH_BYTES
      roots.set(
        rootOfLeaves(leafHashes.subarray(at, at + PIECE_LEAVES * HASH_BYTES)),
        (from + i) * HASH_BYTES,
      )
    }
    if (turns.over) await turns.next()
  }
  return leaves === records && equalBytes(rootOfLeaves(roots), root) ? { roots, starts } : undefined
}

/** How many leaves a piece has. */
export function leavesOf(piece: number, { records }: Pick<BatchHeader, 'records'>): number {
  return Math.min(PIECE_LEAVES, records - piece * PIECE_LEAVES)
}

/** A piece, when it has this root and so many leaves. */
export function openPiece(stored: Uint8Array, root: Uint8Array, leaves: number): Body | undefined {
  try {
    const body = parseBody(stored)
    return body.count === leaves && equalBytes(bodyRoot(body), root) ? body : undefined
  } catch {
    return undefined
  }
}

/** Roots, then starts in four bytes each. */
export function encodePieces({ roots, starts }: BodyPieces): Uint8Array {
  return concat(roots, ...Array.from(starts, be32))
}

/** What encodePieces gave for the body of this header; undefined for anything else. Starts may be those of an earlier form of the body. */
export function decodePieces(
  value: Uint8Array,
  { records, root }: StatedBody,
): BodyPieces | undefined {
  const pieces = Math.ceil(records / PIECE_LEAVES)
  const bytes = asBuffer(value)
  if (bytes.length !== pieces * (HASH_BYTES + START_BYTES) + START_BYTES) return undefined
  const roots = bytes.subarray(0, pieces * HASH_BYTES)
  if (!equalBytes(rootOfLeaves(roots), root)) return undefined
  const starts = Uint32Array.from({ length: pieces + 1 }, (_, i) =>
    bytes.readUInt32BE(roots.length + START_BYTES * i),
  )
  return starts.every((start, i) => (i === 0 ? start === 0 : start > starts[i - 1]!))
    ? { roots, starts }
    : undefined
}
