/** What every command gets from the program, and the files it is told to read and write. */
import { lstat, readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { HuxinError } from '../base/errors.ts'
import { bilingual, text, textOf } from '../base/text.ts'
import type { Language, Output } from './output.ts'

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
  return readFile(file).catch(() => {
    throw new HuxinError('argument_invalid', text`${file} cannot be read: is the name right?`)
  })
}

const UTF_8_MARK = '\ufeff'

/**
 * The text of a file as editors of any system leave it: UTF-8, or UTF-16 that says so by its mark, which is dropped unless `keepMark`.
 * @throws HuxinError argument_invalid
 */
export function textOfFile(bytes: Uint8Array, file: string, { keepMark = false }: { readonly keepMark?: boolean } = {}): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  try {
    const words = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
    return words.startsWith(UTF_8_MARK) && (encoding !== 'utf-8' || !keepMark) ? words.slice(1) : words
  } catch {
    throw new HuxinError('argument_invalid', bilingual(`${file} is no text in ${encoding.toUpperCase()}: save it as UTF-8`, `${file} 不是 ${encoding.toUpperCase()} 文本：请另存为 UTF-8`))
  }
}

/**
 * Reads a text that was signed as it was written, and that went through an editor or a mail since: line feeds, no spaces at line
 * ends, no empty lines at the end.
 * @throws HuxinError argument_invalid
 */
export async function readSignedText(file: string): Promise<string> {
  const lines = textOfFile(await readInput(file), file).split(/\r\n|\r|\n/)
  return `${lines.map((line) => line.trimEnd()).join('\n').trimEnd()}\n`
}

/** What `--force` allows. */
export interface Overwriting {
  readonly force?: boolean | undefined
}

/** Call it before an act whose result goes to a file. @throws HuxinError argument_invalid when a file of that name is there */
export async function checkFree(file: string, { force }: Overwriting): Promise<void> {
  if (force === true) return
  const there = await lstat(file).then(() => true, () => false)
  if (there) throw taken(file)
}

/**
 * Writes a file named on the command line, owner-only. Nothing that is there is overwritten, unless it has the same content
 * or `force` is given.
 * @throws HuxinError argument_invalid
 */
export async function writeOutput(file: string, content: Uint8Array | string, { force }: Overwriting): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  try {
    await writeFile(file, bytes, { mode: 0o600, flag: force === true ? 'w' : 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new HuxinError('argument_invalid', text`${file} cannot be written: ${textOf(error)}`)
    const there = await readFile(file).catch(() => undefined)
    if (!there?.equals(bytes)) throw taken(file)
  }
}

function taken(file: string): HuxinError {
  return new HuxinError('argument_invalid', bilingual(`${file} is there already: name another file, or give --force to replace it`, `${file} 已存在：请换一个文件名，或用 --force 覆盖`))
}
