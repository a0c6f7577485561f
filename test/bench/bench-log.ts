/**
 * A log alone in a folder, of any size: filled through `Log` itself, in pieces of 65,536 entries and without
 * an fsync for each, so that every table holds what it would hold had the entries come one by one.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { formatEntry } from '../../src/batch/entry.ts'
import { sealHeader } from '../../src/batch/seal.ts'
import { Log } from '../../src/log/log.ts'
import { type CheckpointSlot, openSlot } from '../../src/log/slot.ts'
import { formatSignerKey, parseSignerKey, type Signer } from '../../src/note/key.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { BODY } from '../support/federation.ts'
import { ReadCounter } from '../support/counting-store.ts'
import { INDUSTRY_ITEM } from '../support/records.ts'
import { folderBytes } from './script.ts'

export const ORIGIN = 'bench.example/330000/1'
export const LOG_NODE = 'bench.example/330000'
const PIECE = 65_536

/** The bytes of entry i. */
export type MakeEntry = (i: bigint) => Uint8Array

/** The same key for every log, so that a folder that was kept can be opened again. */
export function benchSigner(): Signer {
  return parseSignerKey(formatSignerKey(LOG_NODE, 'ed25519', new Uint8Array(32).fill(7)))
}

/** Entries of 64 bytes, all different. */
export const smallEntry: MakeEntry = (i) => {
  const bytes = Buffer.alloc(64, 0x2e)
  bytes.writeBigUInt64BE(i, 0)
  return bytes
}

/** Entries as long as those of real batches, all different: a number stands in the place of the first digits of the root. */
export function realEntries(): MakeEntry {
  const header = sealHeader(
    {
      origin: LOG_NODE,
      epoch: 1,
      provider: BODY,
      batchClass: 'normal',
      lanes: [{ target: '330000/**', number: 41n, previous: new Uint8Array(32) }],
      kind: 'evaluation',
      item: INDUSTRY_ITEM,
      createdMs: Date.UTC(2026, 10, 23),
      records: 1000,
      root: new Uint8Array(32),
      extra: [],
    },
    benchSigner(),
  ).note
  const timeMs = Date.UTC(2026, 10, 23)
  const template = Buffer.from(
    formatEntry({
      timeMs,
      source: { kind: 'client', name: 'bench' },
      judged: { timeMs, node: LOG_NODE },
      rules: '2026.1',
      verdict: { accepted: true },
      header,
    }),
  )
  const at = template.indexOf('records 1000 sha256:') + 'records 1000 sha256:'.length
  return (i) => {
    const bytes = Buffer.from(template)
    bytes.write(i.toString(16).padStart(16, '0'), at, 'latin1')
    return bytes
  }
}

export class BenchLog {
  readonly folder: string
  readonly counter = new ReadCounter()
  readonly store: Store
  readonly #slot: CheckpointSlot
  #log: Log

  /** Opens what is in the folder, or begins it. */
  static async open(folder: string): Promise<BenchLog> {
    await mkdir(folder, { recursive: true })
    const store = await levelEngine.open(join(folder, 'db'), { create: true })
    const counter = new ReadCounter()
    const slot = await openSlot(join(folder, 'checkpoint.signed'))
    const counted = counter.wrap(store)
    const log = await Log.open({ store: counted, origin: ORIGIN, signer: benchSigner(), slot })
    await log.seal()
    return new BenchLog({ folder, counter, store: counted, slot, log })
  }

  private constructor(parts: {
    folder: string
    counter: ReadCounter
    store: Store
    slot: CheckpointSlot
    log: Log
  }) {
    this.folder = parts.folder
    this.counter = parts.counter
    this.store = parts.store
    this.#slot = parts.slot
    this.#log = parts.log
  }

  get log(): Log {
    return this.#log
  }

  /** Appends until the log has `size` entries. */
  async fill(size: bigint, make: MakeEntry): Promise<void> {
    while (this.#log.size < size) {
      const from = this.#log.size
      // Pieces end where tiles end.
      const count = Math.min(PIECE - Number(from % BigInt(PIECE)), Number(size - from))
      const staged = this.#log.stage(
        Array.from({ length: count }, (_, i) => make(from + BigInt(i))),
      )
      await this.store.write(staged.ops)
      staged.apply()
      await this.#log.seal()
    }
  }

  /** Closes database and log and opens them anew: no cache of ours holds anything; that of the system does. */
  async reopen(): Promise<void> {
    await this.store.reopen()
    await this.forget()
  }

  /** The log alone anew, over the same database. */
  async forget(): Promise<void> {
    this.#log = await Log.open({
      store: this.store,
      origin: ORIGIN,
      signer: benchSigner(),
      slot: this.#slot,
    })
  }

  /** Has the database rearrange its files now, as it has those of a log that has long been there. */
  async settle(): Promise<void> {
    await this.store.destroyDeleted({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) })
  }

  /** Size of all its files. */
  async diskBytes(): Promise<number> {
    return folderBytes(this.folder)
  }

  async close(): Promise<void> {
    await this.store.close()
    await this.#slot.close()
  }
}

/** Processor time that this process has used, microseconds. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
