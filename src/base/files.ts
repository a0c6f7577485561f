/**
 * Files that are there after the power fails: their bytes are on the disk before their name is, and the
 * name is before anybody is told.
 */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes the names in a folder durable, where the system can open folders. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync()
  } catch (error) {
    // Some systems open a folder and do not sync it.
    if (!['EINVAL', 'EPERM', 'EISDIR', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle?.close()
  }
}

/** Writes a whole file, owner-only unless `mode` says otherwise: after a crash it is the old one or the new one. Durable when it resolves. */
export async function writeWhole(file: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const part = `${file}.part`
  const handle = await open(part, 'w', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(part, file)
  await syncFolder(dirname(file))
}

/** Makes a folder and those above it, owner-only, with durable names. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

/** Gives a file or folder another name, durably. */
export async function renameWhole(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(dirname(to))
}
