/**
 * A machine of a simulation: a disk that outlasts the processes on it, and one process at a time. A process that was killed never
 * hears of anything again, and what it waited for never comes: so its code stands still where it was, as if the memory were gone.
 */
import { HuxinError, isHuxinError } from '../../src/base/errors.ts'
import type { DurableFile, Files } from '../../src/base/files.ts'
import type { SeededRandom } from '../../src/base/random.ts'
import { text } from '../../src/base/text.ts'
import { openSlot } from '../../src/log/slot.ts'
import type { Disk } from '../../src/node/ports.ts'
import { MemoryEngine } from '../../src/store/memory/engine.ts'
import type { Engine, KeyRange, Store } from '../../src/store/store.ts'
import type { VirtualTime } from './time.ts'

/**
 * What becomes of a write. The process may end at it: the write is not made; or it is, and nobody is told. Or the disk says that it
 * failed, which may be so or not.
 */
export type WriteFate = 'made' | 'killed-before' | 'killed-after' | 'failed-before' | 'failed-after'

export interface DiskFaults {
  /** Milliseconds that a durable write takes. */
  readonly writeMs: () => number
  /** Asked at each write. */
  readonly fate: () => WriteFate
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

/** One process on a machine. */
export class Process {
  alive = true

  /** What is awaited of the world by whoever may be dead when it comes. */
  hear<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      answer.then(
        (value) => {
          if (this.alive) resolve(value)
        },
        (error: unknown) => {
          if (this.alive) reject(error as Error)
        },
      )
    })
  }
}

export class Machine {
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #engine = new MemoryEngine()
  readonly #files = new Map<string, Buffer>()
  readonly #databases = new Set<string>()
  #process = new Process()
  /** Called when the process was killed at a write. */
  onKilled: (() => void) | undefined
  /** What goes wrong with the disk. */
  faults: DiskFaults
  /** Writes so far. */
  writes = 0

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time
    this.#random = random
    this.faults = { writeMs: () => 1, fate: () => 'made' }
  }

  get process(): Process {
    return this.#process
  }

  /** Ends the process. Without power what was written and not made durable is lost too, in whole. */
  kill(power: 'stays' | 'fails'): void {
    this.#process.alive = false
    this.#process = new Process()
    for (const name of this.#databases) {
      if (power === 'fails') this.#engine.losePower(name)
      else this.#engine.abandon(name)
    }
  }

  /** The disk as a process sees it while it lives. */
  disk(process = this.#process): Disk {
    const files = this.#filesOf(process)
    return { files, engine: this.#engineOf(process), openSlot: (file) => openSlot(file, files) }
  }

  async #write<T>(process: Process, make: () => T | Promise<T>): Promise<T> {
    if (!process.alive) return never()
    this.writes++
    await this.#time.sleep(this.faults.writeMs())
    if (!process.alive) return never()
    const fate = this.faults.fate()
    if (fate === 'killed-before') return this.#die()
    if (fate === 'failed-before') throw failed()
    const made = await make()
    if (fate === 'killed-after') return this.#die()
    if (fate === 'failed-after') throw failed()
    return made
  }

  #die<T>(): Promise<T> {
    this.kill(this.#random.below(2) === 0 ? 'stays' : 'fails')
    this.onKilled?.()
    return never()
  }

  #filesOf(process: Process): Files {
    const files = this.#files
    const absent = (file: string): Error =>
      Object.assign(new Error(`ENOENT: no such file, ${file}`), { code: 'ENOENT' })
    const below = (folder: string): string[] =>
      [...files.keys(), ...this.#databases].filter((file) => file.startsWith(`${folder}/`))
    const write = <T>(make: () => T | Promise<T>): Promise<T> => this.#write(process, make)
    return {
      read: async (file) => Buffer.from(files.get(file) ?? fail(absent(file))),
      names: async (folder) => {
        const names = below(folder).map((file) => file.slice(folder.length + 1).split('/')[0]!)
        return names.length > 0 ? [...new Set(names)].sort() : fail(absent(folder))
      },
      isThere: async (file) =>
        files.has(file) || this.#databases.has(file) || below(file).length > 0,
      writeWhole: (file, content) => write(() => void files.set(file, Buffer.from(content))),
      // A folder is there when something is in it.
      makeFolder: async () => undefined,
      rename: (from, to) =>
        write(async () => {
          for (const file of [from, ...below(from)]) {
            const content = files.get(file)
            if (content) files.set(to + file.slice(from.length), content)
            files.delete(file)
            if (!this.#databases.delete(file)) continue
            this.#engine.rename(file, to + file.slice(from.length))
            this.#databases.add(to + file.slice(from.length))
          }
        }),
      remove: (file) =>
        write(() => {
          for (const one of [file, ...below(file)]) {
            files.delete(one)
            if (this.#databases.delete(one)) this.#engine.remove(one)
          }
        }),
      openDurable: async (file) => {
        if (!files.has(file)) await write(() => void files.set(file, Buffer.alloc(0)))
        return this.#durable(process, file)
      },
      closedBelow: async () => [],
      space: async () => ({ blocks: 1e9, bsize: 4096, bavail: 9e8, files: 1e9, ffree: 9e8 }),
    }
  }

  #durable(process: Process, file: string): DurableFile {
    const files = this.#files
    const inPlace = (at: number, bytes: Uint8Array): void => {
      const before = files.get(file) ?? Buffer.alloc(0)
      const after = Buffer.alloc(Math.max(before.length, at + bytes.length))
      before.copy(after)
      after.set(bytes, at)
      files.set(file, after)
    }
    return {
      read: async (at, length) =>
        Buffer.from((files.get(file) ?? Buffer.alloc(0)).subarray(at, at + length)),
      write: async (at, bytes) => {
        const fate = this.faults.fate()
        // A write in place that is cut off is made in part.
        const part = fate.endsWith('before') ? this.#random.below(bytes.length) : bytes.length
        if (!process.alive) return never()
        this.writes++
        await this.#time.sleep(this.faults.writeMs())
        if (!process.alive) return never()
        inPlace(at, bytes.subarray(0, part))
        if (fate.startsWith('failed')) throw failed()
        return fate === 'made' ? bytes.length : this.#die()
      },
      close: async () => undefined,
    }
  }

  #engineOf(process: Process): Engine {
    const engine = this.#engine
    return {
      isMade: (folder) => engine.isMade(folder),
      isFresh: (folder) => engine.isFresh(folder),
      open: async (folder, options) => {
        const store = await engine.open(folder, options)
        this.#databases.add(folder)
        return this.#storeOf(process, store)
      },
    }
  }

  /** Writes reach the database in the order in which they were asked for. */
  #storeOf(process: Process, store: Store): Store {
    let last: Promise<unknown> = Promise.resolve()
    // A database that failed once fails until it is opened again.
    let isWell = true
    const inOrder = (make: () => Promise<void>): Promise<void> => {
      const mine = last.then(() =>
        this.#write(process, isWell ? make : () => Promise.reject(failed())),
      )
      last = mine.catch((error: unknown) => {
        if (isHuxinError(error, 'store_failed')) isWell = false
      })
      return mine
    }
    const whileAlive =
      <A extends unknown[], T>(read: (...args: A) => Promise<T>) =>
      (...args: A): Promise<T> =>
        process.alive ? read(...args) : never<T>()
    return {
      ...store,
      get: whileAlive((key: Uint8Array) => store.get(key)),
      getMany: whileAlive((keys: readonly Uint8Array[]) => store.getMany(keys)),
      part: whileAlive((key: Uint8Array, start: number, end: number) =>
        store.part(key, start, end),
      ),
      range: whileAlive((range: KeyRange) => store.range(range)),
      reopen: whileAlive(async () => {
        await store.reopen()
        isWell = true
      }),
      commit: (ops, expect) => inOrder(() => store.commit(ops, expect)),
      write: (ops) => inOrder(() => store.write(ops)),
      clear: (range) => inOrder(() => store.clear(range)),
      destroyDeleted: (range) => inOrder(() => store.destroyDeleted(range)),
      close: whileAlive(() => store.close()),
    }
  }
}

function failed(): HuxinError {
  return new HuxinError('store_failed', text`the disk did not write: Input/output error`)
}

function fail(error: Error): never {
  throw error
}
