/**
 * The last signed checkpoint, kept outside the database: two slots of one file, written in turn and
 * fsynced, so that one of them is whole at any moment. A database that is older than this file, or
 * different, was restored from a copy, and the node must not sign (log.ts).
 */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { HuxinError, messageOf } from '../base/errors.ts'

const SLOT_BYTES = 4096
/** Eight bytes of sequence number and two of length, big-endian, then the note. */
const HEAD_BYTES = 10

export interface CheckpointSlot {
  /** The notes found, at most two. A torn slot may give bytes that are no note. */
  read(): Promise<readonly Uint8Array[]>
  /** Durable when it resolves. @throws HuxinError store_failed */
  write(note: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Opens or creates the file. */
export async function openSlot(file: string): Promise<CheckpointSlot> {
  await open(file, 'ax', 0o600).then((made) => made.close(), () => undefined)
  // One write that returns when it is on the disk, where the system has such writes.
  const durable = (constants.O_DSYNC as number | undefined) ?? 0
  const handle = await open(file, constants.O_RDWR | durable)
  let sequence = 0n
  return {
    async read() {
      const slots = [await readSlot(handle, 0), await readSlot(handle, 1)].filter((slot) => slot !== undefined)
      sequence = slots.reduce((newest, slot) => (slot.sequence > newest ? slot.sequence : newest), 0n)
      return slots.map(({ note }) => note)
    },
    async write(note) {
      const bytes = Buffer.alloc(SLOT_BYTES)
      if (note.length > SLOT_BYTES - HEAD_BYTES) throw new HuxinError('internal', `a checkpoint of ${note.length} bytes does not fit its slot`)
      sequence++
      bytes.writeBigUInt64BE(sequence)
      bytes.writeUInt16BE(note.length, 8)
      bytes.set(note, HEAD_BYTES)
      try {
        // In turn: the slot written is never the one that holds the newest checkpoint.
        await handle.write(bytes, 0, SLOT_BYTES, Number(sequence % 2n) * SLOT_BYTES)
        if (durable === 0) await handle.datasync()
      } catch (error) {
        throw new HuxinError('store_failed', `the checkpoint file did not write: ${messageOf(error)}`, { cause: error })
      }
    },
    close: () => handle.close(),
  }
}

async function readSlot(handle: FileHandle, slot: number): Promise<{ sequence: bigint; note: Uint8Array } | undefined> {
  const bytes = Buffer.alloc(SLOT_BYTES)
  const { bytesRead } = await handle.read(bytes, 0, SLOT_BYTES, slot * SLOT_BYTES)
  const length = bytes.readUInt16BE(8)
  if (bytesRead < HEAD_BYTES || length === 0 || HEAD_BYTES + length > SLOT_BYTES) return undefined
  return { sequence: bytes.readBigUInt64BE(), note: bytes.subarray(HEAD_BYTES, HEAD_BYTES + length) }
}
