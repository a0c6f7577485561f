/** What every command gets from the program, and the files it is told to read and write. */
import { access, constants, lstat, readFile, stat, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { asBuffer } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { deniedAt, textFromEditor } from '../base/files.ts'
import { bilingual, type Language, text, textOf } from '../base/text.ts'
import type { Output } from './output.ts'

export interface Io {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  /** Where a person answers questions; undefined where nobody does. */
  readonly stdin?: (NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }) | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What every command works with. */
export interface Shell {
  readonly io: Io
  /** Exit code of the run; a command sets it when it found something. */
  exitCode: number
  /** The output of the command that runs. */
  output(command: Command): Output
  /** Adds the options that every command has. */
  common(command: Command, example: string): Command
  readonly language: Language
}

/** Reads a file named on the command line. @throws HuxinError argument_invalid */
export async function readInput(file: string): Promise<Uint8Array> {
  return readFile(file).catch(async (error: unknown) => {
    throw await unreadable(file, error)
  })
}

/** For a file named on the command line that is not read at once. @throws HuxinError argument_invalid when it is none, or may not be read */
export async function checkReadable(file: string): Promise<void> {
  const isFile = await access(file, constants.R_OK)
    .then(async () => (await stat(file)).isFile())
    .catch(async (error: unknown) => {
      throw await unreadable(file, error)
    })
  if (!isFile) throw await unreadable(file, undefined)
}

async function unreadable(file: string, error: unknown): Promise<HuxinError> {
  return new HuxinError(
    'argument_invalid',
    (await deniedAt(file, error)) ?? text`${file} cannot be read: is the name right?`,
  )
}

const UTF_8_MARK = Buffer.of(0xef, 0xbb, 0xbf)

/**
 * The text of a file as editors of any system leave it: UTF-8, or UTF-16 that says so by its mark, which is dropped unless `keepMark`.
 * @throws HuxinError argument_invalid
 */
export function textOfFile(
  bytes: Uint8Array,
  file: string,
  { keepMark = false }: { readonly keepMark?: boolean } = {},
): string {
  const words = textFromEditor(bytes)
  if (words === undefined)
    throw new HuxinError('argument_invalid', text`${file} is no text in UTF-8: save it as UTF-8`)
  return keepMark && asBuffer(bytes).subarray(0, 3).equals(UTF_8_MARK) ? `\ufeff${words}` : words
}

/**
 * Reads a text that was signed as it was written, and that went through an editor or a mail since: line feeds, no spaces at line
 * ends, no empty lines at the end.
 * @throws HuxinError argument_invalid
 */
export async function readSignedText(file: string): Promise<string> {
  const lines = textOfFile(await readInput(file), file).split(/\r\n|\r|\n/)
  return `${lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()}\n`
}

/** Reads a text of lines whose bytes are checked: where an editor gave it other line ends or a mark, they are taken back. @throws HuxinError argument_invalid */
export async function readLines(file: string): Promise<Uint8Array> {
  const bytes = await readInput(file)
  const words = textFromEditor(bytes)
  const plain = words?.replaceAll('\r\n', '\n')
  return plain === undefined ||
    words === undefined ||
    (plain.length === words.length && asBuffer(bytes).length === Buffer.byteLength(words))
    ? bytes
    : Buffer.from(plain)
}

/** What `--force` allows. */
export interface Overwriting {
  readonly force?: boolean | undefined
}

/** Call it before an act whose result goes to a file. @throws HuxinError argument_invalid when a file of that name is there */
export async function checkFree(file: string, { force }: Overwriting): Promise<void> {
  if (force === true) return
  const there = await lstat(file).then(
    () => true,
    () => false,
  )
  if (there) throw taken(file)
}

/**
 * Writes a file named on the command line, owner-only. Nothing that is there is overwritten, unless it has the same content
 * or `force` is given.
 * @throws HuxinError argument_invalid
 */
export async function writeOutput(
  file: string,
  content: Uint8Array | string,
  { force }: Overwriting,
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  try {
    await writeFile(file, bytes, { mode: 0o600, flag: force === true ? 'w' : 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new HuxinError('argument_invalid', text`${file} cannot be written: ${textOf(error)}`)
    const there = await readFile(file).catch(() => undefined)
    if (!there?.equals(bytes)) throw taken(file)
  }
}

function taken(file: string): HuxinError {
  return new HuxinError(
    'argument_invalid',
    bilingual(
      `${file} is there already: name another file, or give --force to replace it`,
      `${file} 已存在：请换一个文件名，或用 --force 覆盖`,
    ),
  )
}
