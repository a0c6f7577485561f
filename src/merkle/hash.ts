/**
 * Room `merkle`: RFC 6962 Merkle trees as pure functions: hashes, roots, frontiers, C2SP tlog-tiles
 * arithmetic, proofs and their verification. No state, no I/O, no knowledge of what a leaf is.
 *
 * - leaf hash = SHA-256(0x00 ‖ data), node hash = SHA-256(0x01 ‖ left ‖ right), empty root = SHA-256("")
 *   (RFC 6962 section 2.1). A tree of n > 1 leaves splits at the largest power of two below n.
 * - Sizes and indexes are bigint. Hashes are 32 bytes; many hashes are one array of n × 32 bytes.
 * - Proofs come from outside and are attacker-controlled: verification throws proof_invalid and
 *   nothing else.
 *
 * Speed: a digest taken as a latin1 string and written into an arena costs a quarter of one returned
 * as a Buffer; where thousands are hashed, that is what is done.
 */
import { createHash, hash } from 'node:crypto'
import { assert } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { lanes } from './sha256-lanes.ts'

export const HASH_BYTES = 32
/** From so many leaves on, a tree is hashed four nodes at a time. */
const LANES_MIN = 8

const nodeScratch = Buffer.alloc(1 + 2 * HASH_BYTES)
nodeScratch[0] = 0x01
let leafScratch = Buffer.alloc(4096)

/** SHA-256(0x00 ‖ data) */
export function leafHash(data: Uint8Array): Uint8Array {
  const into = Buffer.allocUnsafe(HASH_BYTES)
  leafHashInto(data, into, 0)
  return into
}

/** SHA-256(0x01 ‖ left ‖ right) */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const into = Buffer.allocUnsafe(HASH_BYTES)
  nodeScratch.set(left, 1)
  nodeScratch.set(right, 1 + HASH_BYTES)
  into.write(hash('sha256', nodeScratch, 'binary'), 0, HASH_BYTES, 'latin1')
  return into
}

/** SHA-256("") */
export function emptyRoot(): Uint8Array {
  return createHash('sha256').digest()
}

/** Writes SHA-256(0x00 ‖ data) into the arena without allocating a digest. */
export function leafHashInto(data: Uint8Array, arena: Buffer, offset: number): void {
  if (leafScratch.length <= data.length) leafScratch = Buffer.alloc(2 * data.length + 1)
  leafScratch[0] = 0x00
  leafScratch.set(data, 1)
  arena.write(
    hash('sha256', leafScratch.subarray(0, 1 + data.length), 'binary'),
    offset,
    HASH_BYTES,
    'latin1',
  )
}

/** Root of a tree given its leaf hashes, n × 32 bytes, n ≥ 0. Does not change them. */
export function rootOfLeaves(leafHashes: Uint8Array): Uint8Array {
  assert(leafHashes.length % HASH_BYTES === 0, text`leaf hashes are n × 32 bytes`)
  let count = leafHashes.length / HASH_BYTES
  if (count === 0) return emptyRoot()
  const vector = count < LANES_MIN ? undefined : lanes()
  if (vector) return vector.root(leafHashes)
  const arena = Buffer.from(leafHashes)
  // Pairing level by level and promoting an odd last node unchanged is the RFC's tree.
  while (count > 1) {
    const pairs = count >> 1
    for (let i = 0; i < pairs; i++) {
      arena.copy(nodeScratch, 1, 2 * i * HASH_BYTES, 2 * (i + 1) * HASH_BYTES)
      arena.write(hash('sha256', nodeScratch, 'binary'), i * HASH_BYTES, HASH_BYTES, 'latin1')
    }
    if (count & 1)
      arena.copy(arena, pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES)
    count = pairs + (count & 1)
  }
  return Buffer.from(arena.subarray(0, HASH_BYTES))
}
