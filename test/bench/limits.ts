/** What this machine can do at most, measured in the same run as everything else. */
import { hash } from 'node:crypto'
import { openSync, writeSync, fdatasyncSync, closeSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export interface MachineLimits {
  /** Sequential write of 256 KB pieces with fdatasync after each, bytes/s. */
  readonly diskBytesPerSecond: number
  /** fdatasync of 4 KB, milliseconds. */
  readonly syncMs: number
  /** SHA-256 of 250-byte messages, per second. */
  readonly hashesPerSecond: number
}

export function measureLimits(folder: string): MachineLimits {
  const file = join(folder, 'limit.bin')
  const fd = openSync(file, 'w')
  const piece = Buffer.alloc(256 << 10, 7)
  const rounds = 200
  let start = performance.now()
  for (let i = 0; i < rounds; i++) {
    writeSync(fd, piece)
    fdatasyncSync(fd)
  }
  const diskBytesPerSecond = (rounds * piece.length) / ((performance.now() - start) / 1000)
  const small = Buffer.alloc(4096, 1)
  start = performance.now()
  for (let i = 0; i < 200; i++) {
    writeSync(fd, small)
    fdatasyncSync(fd)
  }
  const syncMs = (performance.now() - start) / 200
  closeSync(fd)
  rmSync(file)
  const message = Buffer.alloc(250, 3)
  start = performance.now()
  for (let i = 0; i < 300_000; i++) hash('sha256', message, 'binary')
  const hashesPerSecond = 300_000 / ((performance.now() - start) / 1000)
  return { diskBytesPerSecond, syncMs, hashesPerSecond }
}
