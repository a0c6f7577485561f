/**
 * The files of a database before LevelDB opens them. It goes on without a journal that it cannot open or read, and removes it: with
 * it goes what was written last, synced or not; it drops commits that are damaged; and a damaged table ends the process. So
 * nothing is opened before what can be seen of that was looked at.
 */
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HuxinError } from '../../base/errors.ts'
import { type Said, text, textOf } from '../../base/text.ts'
import { findDamage } from './journal.ts'
import { findTableDamage } from './table-files.ts'

/** Stands in the folder while a process has the database open: what one leaves there has ended without closing it. */
const MARK = 'huxin.open'

/**
 * Reads the journals, and of the tables what leads to the rest, or all of it.
 * @throws HuxinError store_failed | store_corrupt
 */
export async function checkFiles(
  folder: string,
  {
    isAcknowledged,
    whole,
  }: { isAcknowledged: ((key: Uint8Array) => boolean) | undefined; whole: boolean },
): Promise<void> {
  const cannot =
    (what: Said) =>
    (error: unknown): never => {
      throw new HuxinError(
        'store_failed',
        text`the database in ${folder} does not open now: ${what} cannot be read: ${textOf(error)}`,
        { cause: error },
      )
    }
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? [] : cannot(text`the folder`)(error),
  )
  // As large as the write buffer, a few of them at most; the next reading finds them in memory.
  for (const name of names.filter((one) => /^\d+\.log$/.test(one))) {
    const damaged = findDamage(
      await readFile(join(folder, name)).catch(cannot(name)),
      isAcknowledged,
    )
    if (damaged === undefined) continue
    throw new HuxinError(
      'store_corrupt',
      text`the journal ${join(folder, name)} is damaged at byte ${damaged}, and whole commits follow: it is not opened, or they would be lost. Check the disk and keep a copy of this folder; then run huxin node recover, or restore the newest backup`,
    )
  }
  const table = await findTableDamage(folder, { whole }).catch(cannot(text`a table`))
  if (table)
    throw new HuxinError(
      'store_corrupt',
      text`the table ${table.file} is damaged at byte ${table.at}: it is not opened, or what is read of it would end the process. Check the disk and keep a copy of this folder; then run huxin node recover, or restore the newest backup`,
    )
}

/** Whether a database was made in a folder. */
export async function isMade(folder: string): Promise<boolean> {
  return readFile(join(folder, 'CURRENT')).then(
    () => true,
    () => false,
  )
}

/**
 * Whether a folder has no database yet. One with tables but no CURRENT was damaged; it must not be taken for a new database. Only
 * one whose making was cut off has its first manifest and neither tables nor journals.
 * @throws HuxinError store_corrupt
 */
export async function isFresh(folder: string): Promise<boolean> {
  if (await isMade(folder)) return false
  const names = await readdir(folder).catch(() => [])
  if (names.some((name) => /\.(ldb|log)$|^MANIFEST-(?!000001$)/.test(name))) {
    throw new HuxinError(
      'store_corrupt',
      text`${folder} is damaged: its file CURRENT is missing; run huxin node recover`,
    )
  }
  return true
}

/** Whether a process had the database open and did not close it. */
export function isMarked(folder: string): Promise<boolean> {
  return access(join(folder, MARK)).then(
    () => true,
    () => false,
  )
}

/** On a full disk there is none: then the next start checks less. */
export async function mark(folder: string): Promise<void> {
  await writeFile(join(folder, MARK), '', { mode: 0o600 }).catch(() => undefined)
}

export async function unmark(folder: string): Promise<void> {
  await rm(join(folder, MARK), { force: true }).catch(() => undefined)
}
