/** What is to be imported: files, the files of folders, and standard input. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
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
const ENDINGS: ReadonlySet<string> = new Set(['.csv', '.tsv', '.txt', '.xlsx', '.xls', '.et', '.ndjson', '.jsonl'])

/** True for a file of a folder that may be a table that a department put there: no temporary file, and none that an import wrote. */
export function isTable(name: string): boolean {
  return ENDINGS.has(extname(name).toLowerCase()) && !/^[.~]/.test(name) && !/\.(rejected\.csv|result\.txt)$/i.test(name) && !/\.(tmp|part|partial|crdownload|filepart|download)\./i.test(name)
}

/**
 * The files that arguments name, those of a folder by name. Standard input is kept in an owner-only file while it is imported.
 * @throws HuxinError argument_invalid
 */
export async function sourcesOf(names: readonly string[], { input, reject, force = false }: { input: NodeJS.ReadableStream | undefined; reject: string | undefined; force?: boolean }): Promise<{ sources: Source[]; close: () => Promise<void> }> {
  const sources: Source[] = []
  if (reject !== undefined && !force && await stat(reject).then(() => true, () => false) && !await isRejectFile(reject)) {
    throw new HuxinError('argument_invalid', text`${reject} exists and is no reject file: name another with --reject, or replace it with --force`)
  }
  let spool: string | undefined
  const close = async (): Promise<void> => {
    if (spool !== undefined) await rm(spool, { recursive: true, force: true })
  }
  for (const name of names) {
    if (name === '-') {
      if (!input) throw new HuxinError('argument_invalid', text`there is no standard input to import`)
      spool ??= await mkdtemp(join(tmpdir(), 'huxin-import-'))
      const file = join(spool, 'input')
      await pipeline(bounded(input as AsyncIterable<Uint8Array>), createWriteStream(file, { mode: 0o600 })).catch(async (error: unknown) => {
        await close()
        throw error
      })
      sources.push({ name, file, rejectFile: reject ?? rejectFileOf('input') })
    } else if (await stat(name).then((found) => found.isDirectory(), () => false)) {
      const tables = (await readdir(name)).filter(isTable).sort((a, b) => (a < b ? -1 : 1))
      if (tables.length === 0) throw new HuxinError('argument_invalid', text`there is no table in the folder ${name}: ${[...ENDINGS].join(' ')} are looked for`)
      sources.push(...tables.map((table) => ({ name: join(name, table), file: join(name, table), rejectFile: rejectFileOf(join(name, table)) })))
    } else sources.push({ name, file: name, rejectFile: reject ?? rejectFileOf(name) })
  }
  if (reject !== undefined && sources.length > 1) throw new HuxinError('argument_invalid', text`--reject names one file, and there are ${sources.length} to import: leave it out, and each has its own beside it`)
  return { sources, close }
}

async function* bounded(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > INPUT_BYTES_MAX) throw new HuxinError('argument_invalid', text`standard input is longer than ${INPUT_BYTES_MAX} bytes: import it as several files`)
    yield piece
  }
}
