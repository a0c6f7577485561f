/**
 * A folder into which departments drop files. A file is taken when it is whole: when it looked the same at two looks in a row, and
 * its name is that of no temporary file. Nothing is moved or removed. What became of a file stands beside it, owner-only, with how the
 * file looked: after a restart it is not taken again, and it is when somebody changed it.
 *
 * Whoever may write to the folder may put links and pipes there: no result is written through one or read from one, and no table is.
 */
import { lstat, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Clock, sleep } from '../../base/clock.ts'
import { unreadReason } from './sources.ts'

const LOOK_MS = 2_000
const RETRY_MS = 30_000
const RESULT_BYTES_MAX = 1 << 20

/** What became of a file; `later` when it is to be tried again. */
export interface Outcome {
  readonly later: boolean
  readonly text: string
}

export interface WatchOptions {
  readonly folder: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly importOne: (file: string) => Promise<Outcome>
  /** The result of a file that is no table. */
  readonly unread: string
  /** Milliseconds between two looks. */
  readonly lookMs?: number
}

/** Ends with the signal. One file's failure does not keep the others away. Fails when the folder cannot be read at first. */
export async function watchFolder({
  folder,
  clock,
  signal,
  importOne,
  unread,
  lookMs = LOOK_MS,
}: WatchOptions): Promise<void> {
  let before = new Map<string, string>()
  const notBeforeMs = new Map<string, number>()
  await readdir(folder)
  while (!signal.aborted) {
    const looks = await looksOf(folder)
    for (const [name, look] of looks) {
      if (signal.aborted) return
      if (
        before.get(name) !== look ||
        clock.monotonicMs() < (notBeforeMs.get(name) ?? 0) ||
        (await wasDone(join(folder, name), look))
      )
        continue
      const { later, text } =
        unreadReason(name) === undefined
          ? await importOne(join(folder, name))
          : { later: false, text: unread }
      // What has a result is not looked at again.
      if (later) notBeforeMs.set(name, clock.monotonicMs() + RETRY_MS)
      // Where it cannot be written the import is tried again: what is in is left out.
      else
        await writeResult(join(folder, name), `${text}\n${mark(look)}\n`).catch(() =>
          notBeforeMs.set(name, clock.monotonicMs() + RETRY_MS),
        )
    }
    for (const name of notBeforeMs.keys()) if (!looks.has(name)) notBeforeMs.delete(name)
    before = looks
    await sleep(clock, lookMs, signal)
  }
}

export function resultFile(file: string): string {
  return `${file}.result.txt`
}

/** Files of the folder that somebody put there, with size and time of each; one that went meanwhile is left out. */
async function looksOf(folder: string): Promise<Map<string, string>> {
  const looks = new Map<string, string>()
  for (const name of (await readdir(folder).catch(() => []))
    .filter(isGiven)
    .sort((a, b) => (a < b ? -1 : 1))) {
    const found = await lstat(join(folder, name)).catch(() => undefined)
    if (found?.isFile()) looks.set(name, `${found.size} ${found.mtimeMs}`)
  }
  return looks
}

/** Tables, and what is none and is told so. */
function isGiven(name: string): boolean {
  const reason = unreadReason(name)
  return reason === undefined || reason === 'kind'
}

/** Takes the place of whatever has the name of the result: `wx` and a new name follow no link. */
async function writeResult(file: string, content: string): Promise<void> {
  const part = join(dirname(file), `.${basename(file)}.result.part`)
  await rm(part, { force: true })
  await writeFile(part, content, { mode: 0o600, flag: 'wx' })
  await rename(part, resultFile(file))
}

async function wasDone(file: string, look: string): Promise<boolean> {
  const found = await lstat(resultFile(file)).catch(() => undefined)
  if (!found?.isFile() || found.size > RESULT_BYTES_MAX) return false
  const result = await readFile(resultFile(file), 'utf8').catch(() => '')
  return result.trimEnd().split('\n').at(-1) === mark(look)
}

/** The last line of a result. */
function mark(look: string): string {
  return `# huxin/import-result/v1 ${look}`
}
