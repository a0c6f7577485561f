/** What every command gets from the program, and the files it is told to read and write. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import type { Language, Output } from './output.ts'

export interface Io {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
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

/** Writes a file named on the command line, owner-only. @throws HuxinError argument_invalid */
export async function writeOutput(file: string, content: Uint8Array | string): Promise<void> {
  await writeFile(file, content, { mode: 0o600 }).catch((error: unknown) => {
    throw new HuxinError('argument_invalid', text`${file} cannot be written: ${textOf(error)}`)
  })
}
