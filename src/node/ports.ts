/**
 * What a node reaches the world through: time, chance, disk and the network. The same `Node` runs on the machine, and in a
 * simulation where each of them is decided by one seed (`test/simulation`).
 */
import { type Clock, systemClock } from '../base/clock.ts'
import { type Files, systemFiles } from '../base/files.ts'
import { type Random, systemRandom } from '../base/random.ts'
import { type CheckpointSlot, openSlot } from '../log/slot.ts'
import { levelEngine } from '../store/leveldb/engine.ts'
import type { Engine } from '../store/store.ts'

/** Where a node keeps what it has. A backup is written and commands for a stopped node run beside it, on the machine's own disk. */
export interface Disk {
  readonly files: Files
  readonly engine: Engine
  /** Opens the file of the last signed checkpoint. @throws HuxinError store_failed */
  openSlot(file: string): Promise<CheckpointSlot>
}

export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
}

export const systemDisk: Disk = { files: systemFiles, engine: levelEngine, openSlot: (file) => openSlot(file, systemFiles) }

/** This machine. */
export const systemPorts: Ports = { clock: systemClock, random: systemRandom, disk: systemDisk }
