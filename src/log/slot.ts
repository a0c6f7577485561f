/**
 * The last signed checkpoint, kept outside the database: two slots of one file, written in turn and
 * fsynced, so that one of them is whole at any moment. A database that is older than this file, or
 * different, was restored from a copy, and the node must not sign (log.ts).
 */
import { open, type FileHandle } from 'node:fs/promises'
import { asBuffer } from '../base/bytes.ts'
import { HuxinError, messageOf } from '../base/errors.ts'

const SLOT_BYTES = 4096

export interface CheckpointSlot {
  /** The notes found, newest last written is not known: the caller takes the larger tree. */
  read(): Promise<readonly Uint8Array[]>
  /** Durable when it resolves. @throws HuxinError store_failed */
  write(note: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Opens or creates the file. */
export async function openSlot(file: string): Promise<CheckpointSlot> {
  const handle = await open(file, 'r+').catch(() => open(file, 'wx+', 0o600))
  let next = 0
  return {
    async read() {
      const notes: Uint8Array[] = []
      for (let slot = 0; slot < 2; slot++) {
        const note = await readSlot(handle, slot)
        if (note) notes.push(note)
      }
      return notes
    },
    async write(note) {
      const bytes = Buffer.alloc(SLOT_BYTES)
      if (note.length > SLOT_BYTES - 2) throw new HuxinError('internal', `a checkpoint of ${note.length} bytes does not fit its slot`)
      bytes.writeUInt16BE(note.length)
      bytes.set(note, 2)
      try {
        await handle.write(bytes, 0, SLOT_BYTES, next * SLOT_BYTES)
        await handle.datasync()
      } catch (error) {
        throw new HuxinError('store_failed', `the checkpoint file did not write: ${messageOf(error)}`, { cause: error })
      }
      next = 1 - next
    },
    close: () => handle.close(),
  }
}

async function readSlot(handle: FileHandle, slot: number): Promise<Uint8Array | undefined> {
  const bytes = Buffer.alloc(SLOT_BYTES)
  const { bytesRead } = await handle.read(bytes, 0, SLOT_BYTES, slot * SLOT_BYTES)
  if (bytesRead < SLOT_BYTES) return undefined
  const length = bytes.readUInt16BE()
  return length === 0 || length > SLOT_BYTES - 2 ? undefined : asBuffer(bytes.subarray(2, 2 + length))
}

/** A slot in memory, for tests. */
export function memorySlot(): CheckpointSlot {
  let note: Uint8Array | undefined
  return {
    read: async () => (note ? [note] : []),
    write: async (next) => {
      note = next
    },
    close: async () => undefined,
  }
}
