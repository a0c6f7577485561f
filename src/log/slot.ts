/**
 * The last signed checkpoint, kept outside the database: two slots of one file, written in turn and
 * fsynced, so that one of them is whole at any moment. A database that is older than this file, or
 * different, was restored from a copy, and the node must not sign (log.ts).
 */
import { type DurableFile, type Files, systemFiles } from '../base/files.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'

const SLOT_BYTES = 4096
/** Eight bytes of sequence number and two of length, big-endian, then the note. */
const HEAD_BYTES = 10

export interface CheckpointSlot {
  /**
   * The notes found, at most two. `sizeOf` says over how many entries a note is signed, undefined when the bytes
   * are no checkpoint of this log: a slot torn by a crash. What is written next leaves the largest one alone.
   */
  read(sizeOf: (note: Uint8Array) => bigint | undefined): Promise<readonly Uint8Array[]>
  /** Durable when it resolves; when it rejects it may still have happened. @throws HuxinError store_failed */
  write(note: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** A slot that holds a checkpoint. */
interface Held {
  readonly place: number
  readonly sequence: bigint
  readonly size: bigint
  readonly note: Uint8Array
}

/** Opens or creates the file. @throws HuxinError store_failed */
export async function openSlot(
  file: string,
  files: Pick<Files, 'openDurable'> = systemFiles,
): Promise<CheckpointSlot> {
  const handle = await files.openDurable(file).catch((error: unknown) => {
    throw new HuxinError(
      'store_failed',
      text`the checkpoint file ${file} cannot be opened for writing: ${textOf(error)}`,
      { cause: error },
    )
  })
  let sequence = 0n
  /** Where the newest checkpoint is; the other place is written. */
  let newest = 0
  return {
    async read(sizeOf) {
      const held: Held[] = []
      for (const place of [0, 1]) {
        const slot = await readSlot(handle, place)
        const size = slot && sizeOf(slot.note)
        if (slot && size !== undefined) held.push({ ...slot, place, size })
      }
      held.sort((a, b) =>
        a.size < b.size || (a.size === b.size && a.sequence < b.sequence) ? 1 : -1,
      )
      sequence = held.reduce(
        (highest, slot) => (slot.sequence > highest ? slot.sequence : highest),
        0n,
      )
      newest = held[0]?.place ?? 0
      return held.map(({ note }) => note)
    },
    async write(note) {
      const bytes = Buffer.alloc(SLOT_BYTES)
      if (note.length > SLOT_BYTES - HEAD_BYTES)
        throw new HuxinError(
          'internal',
          text`a checkpoint of ${note.length} bytes does not fit its slot`,
        )
      bytes.writeBigUInt64BE(sequence + 1n)
      bytes.writeUInt16BE(note.length, 8)
      bytes.set(note, HEAD_BYTES)
      try {
        const bytesWritten = await handle.write((1 - newest) * SLOT_BYTES, bytes)
        if (bytesWritten < SLOT_BYTES)
          throw new HuxinError(
            'store_failed',
            text`${bytesWritten} of ${SLOT_BYTES} bytes were written: is the disk full?`,
          )
      } catch (error) {
        throw new HuxinError(
          'store_failed',
          text`the checkpoint file did not write: ${textOf(error)}`,
          { cause: error },
        )
      }
      // Only now: what failed was torn perhaps, and is written over.
      sequence++
      newest = 1 - newest
    },
    close: () => handle.close(),
  }
}

async function readSlot(
  handle: DurableFile,
  place: number,
): Promise<{ sequence: bigint; note: Uint8Array } | undefined> {
  const bytes = await handle.read(place * SLOT_BYTES, SLOT_BYTES)
  if (bytes.length < HEAD_BYTES) return undefined
  const length = bytes.readUInt16BE(8)
  if (length === 0 || bytes.length < HEAD_BYTES + length || HEAD_BYTES + length > SLOT_BYTES)
    return undefined
  return {
    sequence: bytes.readBigUInt64BE(),
    note: bytes.subarray(HEAD_BYTES, HEAD_BYTES + length),
  }
}
