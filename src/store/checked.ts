/**
 * Values that nothing else in the store says a second time, a cursor for one, carry a check value: the
 * first 8 bytes of SHA-256 over key and value. One that does not fit is taken for lost, and whoever keeps such a
 * value must be able to do without it.
 */
import { createHash } from 'node:crypto'
import { concat, equalBytes } from '../base/bytes.ts'

const CHECK_BYTES = 8

/** The value as it is stored at `key`. */
export function checkedValue(key: Uint8Array, value: Uint8Array): Uint8Array {
  return concat(value, checkOf(key, value))
}

/** The value that is stored at `key`; undefined when there is none or it is damaged. */
export function openChecked(
  key: Uint8Array,
  stored: Uint8Array | undefined,
): Uint8Array | undefined {
  if (!stored || stored.length < CHECK_BYTES) return undefined
  const value = stored.subarray(0, -CHECK_BYTES)
  return equalBytes(checkOf(key, value), stored.subarray(-CHECK_BYTES)) ? value : undefined
}

function checkOf(key: Uint8Array, value: Uint8Array): Uint8Array {
  return createHash('sha256').update(key).update(value).digest().subarray(0, CHECK_BYTES)
}
