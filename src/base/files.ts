/**
 * Files that are there after the power fails: their bytes are on the disk before their name is, and the
 * name is before anybody is told.
 */
import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { access, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Text, text } from './text.ts'

const DIGEST_PIECE = 1 << 20

/** What a file system says of itself, as `statfs` does. */
export interface Space {
  readonly blocks: number
  readonly bsize: number
  readonly bavail: number
  /** Inodes in all and free; 0 where it has no fixed number. */
  readonly files: number
  readonly ffree: number
}

/** A file that is written in place. */
export interface DurableFile {
  /** At most `length` bytes from `at` on, fewer where the file ends before. */
  read(at: number, length: number): Promise<Buffer>
  /** Durable when it resolves; when it rejects a part of it may be written. @returns the bytes that were written */
  write(at: number, bytes: Uint8Array): Promise<number>
  close(): Promise<void>
}

/**
 * The files of a running node, its database aside: the one way from a node to what stands in its folder. Fails as the file
 * system does, with its codes (`ENOENT`, `EACCES`).
 */
export interface Files {
  read(file: string): Promise<Buffer>
  /** Names in a folder. */
  names(folder: string): Promise<string[]>
  /** False where nothing of that name is; fails where that cannot be said. */
  isThere(file: string): Promise<boolean>
  /** Writes a whole file, owner-only: after a crash it is the old one or the new one. Durable when it resolves. */
  writeWhole(file: string, content: string | Uint8Array): Promise<void>
  /** Makes a folder and those above it, owner-only, durably. */
  makeFolder(folder: string): Promise<void>
  /** Gives a file or folder another name, durably. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file, or a folder with all that is in it; nothing where it is not there. */
  remove(file: string): Promise<void>
  /** Opens a file for writing in place, and makes it when it is not there. */
  openDurable(file: string): Promise<DurableFile>
  /** Files below a folder that this user may not both read and write; none where there is no folder. */
  closedBelow(folder: string): Promise<string[]>
  space(folder: string): Promise<Space>
}

/** One write that returns when it is on the disk, where the system has such writes. */
const durable = (constants.O_DSYNC as number | undefined) ?? 0

/** The files of this machine. */
export const systemFiles: Files = {
  read: (file) => readFile(file),
  names: (folder) => readdir(folder),
  isThere: (file) =>
    access(file).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false
        throw error
      },
    ),
  writeWhole: (file, content) => writeWhole(file, content),
  makeFolder,
  rename: renameWhole,
  remove: (file) => rm(file, { recursive: true, force: true }),
  openDurable,
  closedBelow,
  space: (folder) => statfs(folder),
}

async function openDurable(file: string): Promise<DurableFile> {
  const made = await open(file, 'ax', 0o600).then(
    (handle) => handle.close().then(() => true),
    () => false,
  )
  if (made) await syncFolder(dirname(file))
  const handle = await open(file, constants.O_RDWR | durable)
  return {
    async read(at, length) {
      const bytes = Buffer.alloc(length)
      const { bytesRead } = await handle.read(bytes, 0, length, at)
      return bytes.subarray(0, bytesRead)
    },
    async write(at, bytes) {
      const { bytesWritten } = await handle.write(bytes, 0, bytes.length, at)
      if (durable === 0) await handle.datasync()
      return bytesWritten
    },
    close: () => handle.close(),
  }
}

async function closedBelow(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  const closed: string[] = []
  for (const file of files) {
    const name = join(file.parentPath, file.name)
    const may = await access(name, constants.R_OK | constants.W_OK).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'EACCES',
    )
    if (!may) closed.push(name)
  }
  return closed
}

/** Makes the names in a folder durable, where the system can open folders. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync()
  } catch (error) {
    // Some systems open a folder and do not sync it.
    if (
      !['EINVAL', 'EPERM', 'EISDIR', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      throw error
  } finally {
    await handle?.close()
  }
}

/** Writes a whole file, owner-only unless `mode` says otherwise: after a crash it is the old one or the new one. Durable when it resolves. */
export async function writeWhole(
  file: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
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
  for (let made = folder; made.length >= first.length; made = dirname(made))
    await syncFolder(dirname(made))
}

/** Gives a file or folder another name, durably. */
export async function renameWhole(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(dirname(to))
}

/** SHA-256 of a file in hexadecimal; a piece of it at a time is in memory. Fails as the file system does. */
export async function fileDigest(file: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const piece of createReadStream(file, { highWaterMark: DIGEST_PIECE }))
    digest.update(piece as Uint8Array)
  return digest.digest('hex')
}

/**
 * Why a file cannot be opened, where rights are the reason: the first file or folder on the way that is closed, whose it is, who
 * asks. Undefined where something else is the reason.
 */
export async function deniedAt(file: string, error: unknown): Promise<Text | undefined> {
  if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? ''))
    return undefined
  const closed = await firstClosed(resolve(file))
  const owner = await stat(closed).then(
    ({ uid }) => nameOf(uid),
    () => undefined,
  )
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
  for (const folder of folders)
    if (
      !(await stat(`${folder}/.`).then(
        () => true,
        () => false,
      ))
    )
      return folder
  return file
}

/** Name of a user of this system; the number where it has none. */
async function nameOf(uid: number): Promise<string> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return (
    users
      .split('\n')
      .map((line) => line.split(':'))
      .find(([, , id]) => id === String(uid))?.[0] ?? String(uid)
  )
}

/** A text as editors of any system leave it: UTF-8, or UTF-16 that says so by its mark, which is dropped. Undefined for anything else. */
export function textFromEditor(bytes: Uint8Array): string | undefined {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
