/** What is to be imported: files, the files of folders, and standard input. */
import { createWriteStream, type Dirent } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { HuxinError } from '../../base/errors.ts'
import { joined, type Text, text } from '../../base/text.ts'
import { isRejectFile, rejectFileOf } from '../../intake/reject.ts'

/** One file to import. */
export interface Source {
  /** As it was named, `-` for standard input. */
  readonly name: string
  readonly file: string
  readonly rejectFile: string
}

/** Bytes of standard input at most. */
const INPUT_BYTES_MAX = 16 * 1024 ** 3

/** Endings of files that hold tables. */
const ENDINGS: ReadonlySet<string> = new Set([
  '.csv',
  '.tsv',
  '.txt',
  '.xlsx',
  '.xls',
  '.et',
  '.ndjson',
  '.jsonl',
])

/** Why a thing in a folder is not imported. */
export type Unread = 'kind' | 'unfinished' | 'reject' | 'folder' | 'own'

/** Why a file of a folder is not imported, by its name; undefined for one that may be a table that a department put there. */
export function unreadReason(name: string): Unread | undefined {
  // What programs hide, and what an import or a spreadsheet program wrote for itself.
  if (/^[.~]|^(?:thumbs\.db|desktop\.ini)$|\.result\.txt$|\.rejected\.csv\.partial$/i.test(name))
    return 'own'
  if (/\.rejected\.csv$/i.test(name)) return 'reject'
  if (/\.(?:tmp|part|partial|crdownload|filepart|download)(?:\.|$)/i.test(name)) return 'unfinished'
  return ENDINGS.has(extname(name).toLowerCase()) ? undefined : 'kind'
}

/** What was left out of a folder. */
export interface Skipped {
  readonly folder: string
  readonly reason: Exclude<Unread, 'own'>
  readonly names: readonly string[]
}

/** The tables of a folder by name, and what is none. */
async function filesOf(folder: string): Promise<{ tables: string[]; skipped: Skipped[] }> {
  const found = (await readdir(folder, { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
  const reasonOf = (entry: Dirent): Unread | undefined =>
    entry.isDirectory() && !entry.name.startsWith('.') ? 'folder' : unreadReason(entry.name)
  const skipped = (['kind', 'unfinished', 'reject', 'folder'] as const).map((reason) => ({
    folder,
    reason,
    names: found.filter((entry) => reasonOf(entry) === reason).map(({ name }) => name),
  }))
  return {
    tables: found.filter((entry) => reasonOf(entry) === undefined).map(({ name }) => name),
    skipped: skipped.filter(({ names }) => names.length > 0),
  }
}

const NAMES_SHOWN = 10

/** What was left out, and what to do with it. */
export function skippedText({ reason, names }: Skipped): Text {
  const shown = [...names.slice(0, NAMES_SHOWN), ...(names.length > NAMES_SHOWN ? ['…'] : [])]
  switch (reason) {
    case 'kind':
      return text`${names.length} file(s) are no tables and are left out: ${shown}; tables end in ${[...ENDINGS]}`
    case 'unfinished':
      return text`${names.length} file(s) have the name of a download that is not done, and are left out: ${shown}`
    case 'reject':
      return text`${names.length} reject file(s) are left out: ${shown}; one that is mended is imported by its name`
    case 'folder':
      return text`${names.length} folder(s) in it are not looked into: ${shown}`
    default:
      return reason
  }
}

export interface Sources {
  readonly sources: readonly Source[]
  readonly skipped: readonly Skipped[]
  readonly close: () => Promise<void>
}

/** What is said of a file in a watched folder that is no table. */
export function notTable(): Text {
  return text`the file is no table and is not imported; tables end in ${[...ENDINGS]}`
}

/**
 * The files that arguments name, those of a folder by name. Standard input is kept in an owner-only file while it is imported.
 * @throws HuxinError argument_invalid
 */
export async function sourcesOf(
  names: readonly string[],
  {
    input,
    reject,
    force = false,
  }: { input: NodeJS.ReadableStream | undefined; reject: string | undefined; force?: boolean },
): Promise<Sources> {
  const sources: Source[] = []
  const skipped: Skipped[] = []
  if (
    reject !== undefined &&
    !force &&
    (await stat(reject).then(
      () => true,
      () => false,
    )) &&
    !(await isRejectFile(reject))
  ) {
    throw new HuxinError(
      'argument_invalid',
      text`${reject} exists and is no reject file: name another with --reject, or replace it with --force`,
    )
  }
  let spool: string | undefined
  const close = async (): Promise<void> => {
    if (spool !== undefined) await rm(spool, { recursive: true, force: true })
  }
  for (const name of names) {
    if (name === '-') {
      if (!input)
        throw new HuxinError('argument_invalid', text`there is no standard input to import`)
      spool ??= await mkdtemp(join(tmpdir(), 'huxin-import-'))
      const file = join(spool, 'input')
      await pipeline(
        bounded(input as AsyncIterable<Uint8Array>),
        createWriteStream(file, { mode: 0o600 }),
      ).catch(async (error: unknown) => {
        await close()
        throw error
      })
      sources.push({ name, file, rejectFile: reject ?? rejectFileOf('input') })
    } else if (
      await stat(name).then(
        (found) => found.isDirectory(),
        () => false,
      )
    ) {
      const found = await filesOf(name)
      if (found.tables.length === 0)
        throw new HuxinError(
          'argument_invalid',
          joined(
            [
              text`there is no table in the folder ${name}: ${[...ENDINGS].join(' ')} are looked for`,
              ...found.skipped.map(skippedText),
            ],
            '; ',
          ),
        )
      skipped.push(...found.skipped)
      sources.push(
        ...found.tables.map((table) => ({
          name: join(name, table),
          file: join(name, table),
          rejectFile: rejectFileOf(join(name, table)),
        })),
      )
    } else sources.push({ name, file: name, rejectFile: reject ?? rejectFileOf(name) })
  }
  if (reject !== undefined && sources.length > 1)
    throw new HuxinError(
      'argument_invalid',
      text`--reject names one file, and there are ${sources.length} to import: leave it out, and each has its own beside it`,
    )
  return { sources, skipped, close }
}

async function* bounded(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > INPUT_BYTES_MAX)
      throw new HuxinError(
        'argument_invalid',
        text`standard input is longer than ${INPUT_BYTES_MAX} bytes: import it as several files`,
      )
    yield piece
  }
}
