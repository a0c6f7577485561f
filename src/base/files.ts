/**
 * Files that are there after the power fails: their bytes are on the disk before their name is, and the
 * name is before anybody is told.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { type Text, text } from './text.ts'

const DIGEST_PIECE = 1 << 20

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

/** SHA-256 of a file in hexadecimal; a piece of it at a time is in memory. Fails as the file system does. */
export async function fileDigest(file: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const piece of createReadStream(file, { highWaterMark: DIGEST_PIECE })) digest.update(piece as Uint8Array)
  return digest.digest('hex')
}

/**
 * Why a file cannot be opened, where rights are the reason: the first file or folder on the way that is closed, whose it is, who
 * asks. Undefined where something else is the reason.
 */
export async function deniedAt(file: string, error: unknown): Promise<Text | undefined> {
  if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '')) return undefined
  const closed = await firstClosed(resolve(file))
  const owner = await stat(closed).then(({ uid }) => nameOf(uid), () => undefined)
  const { username } = userInfo()
  return owner === undefined || owner === username
    ? text`${closed} may not be opened by the user ${username}: change its rights (chmod)`
    : text`${closed} belongs to the user ${owner}, and ${username} may not open it: run this as ${owner}, or give it to ${username} (chown)`
}

/** The first on the way that may not be entered or read; the file itself where all of them may. */
async function firstClosed(file: string): Promise<string> {
  const folders: string[] = []
  for (let at = dirname(file); ; at = dirname(at)) {
    folders.unshift(at)
    if (at === dirname(at)) break
  }
  // Looking at what is in it takes the right to enter it, of the user that acts.
  for (const folder of folders) if (!await stat(`${folder}/.`).then(() => true, () => false)) return folder
  return file
}

/** Name of a user of this system; the number where it has none. */
async function nameOf(uid: number): Promise<string> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return users.split('\n').map((line) => line.split(':')).find(([, , id]) => id === String(uid))?.[0] ?? String(uid)
}

/** A text as editors of any system leave it: UTF-8, or UTF-16 that says so by its mark, which is dropped. Undefined for anything else. */
export function textFromEditor(bytes: Uint8Array): string | undefined {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
