/** What this machine can do at most, measured in the same run as everything else. */
import { hash } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Limit } from './figure.ts'
import { measureStream } from './stream-limit.ts'

export interface MachineLimits {
  /** Sequential write of 256 KB pieces with fdatasync after each, bytes/s. */
  readonly diskBytesPerSecond: number
  /** fdatasync of 4 KB, milliseconds. */
  readonly syncMs: number
  /** SHA-256 of 250-byte messages, per second. */
  readonly hashesPerSecond: number
  /** One stream of 256 KB messages over grpc-js with mutual TLS, both ends on this machine, bytes/s; 0: not measured. */
  readonly streamBytesPerSecond: number
}

/** With `network`, the stream is measured too. */
export async function measureLimits(
  folder: string,
  { network }: { network: boolean },
): Promise<MachineLimits> {
  const streamBytesPerSecond = network ? await measureStream(folder) : 0
  const file = join(folder, 'limit.bin')
  const fd = openSync(file, 'w')
  const diskBytesPerSecond = (1000 * (256 << 10)) / msOfWrites(fd, Buffer.alloc(256 << 10, 7))
  const syncMs = msOfWrites(fd, Buffer.alloc(4096, 1))
  closeSync(fd)
  rmSync(file)
  return { diskBytesPerSecond, syncMs, hashesPerSecond: hashesPerSecond(250), streamBytesPerSecond }
}

/** SHA-256 of messages of so many bytes, by the platform, one by one. */
export function hashesPerSecond(bytes: number): number {
  const message = Buffer.alloc(bytes, 3)
  const start = performance.now()
  for (let i = 0; i < 300_000; i++) hash('sha256', message, 'binary')
  return 300_000 / ((performance.now() - start) / 1000)
}

/** Bytes that travel and are kept for each record beside its own: salt, and the framing of both. */
const RECORD_FRAME_BYTES = 21

/** What bounds records of so many bytes that are hashed twice, written once, and, if `network`, come over a link. */
export function recordLimits(
  limits: MachineLimits,
  recordBytes: number,
  { network }: { network: boolean },
): Limit[] {
  const bytes = recordBytes + RECORD_FRAME_BYTES
  return [
    { what: 'disk', value: limits.diskBytesPerSecond / bytes },
    { what: 'SHA-256', value: limits.hashesPerSecond / 2 },
    ...(network ? [{ what: 'raw stream', value: limits.streamBytesPerSecond / bytes }] : []),
  ]
}

function msOfWrites(fd: number, piece: Buffer): number {
  const start = performance.now()
  for (let i = 0; i < 200; i++) {
    writeSync(fd, piece)
    fdatasyncSync(fd)
  }
  return (performance.now() - start) / 200
}
