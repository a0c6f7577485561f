/**
 * A file that is read twice is read as one thing: a department may still be copying it, or save it again meanwhile. It is
 * looked at before the first row is sent, before each batch and at the end.
 */
import { stat } from 'node:fs/promises'
import { type Clock, sleep } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { fileDigest } from '../../base/files.ts'
import { text, textOf } from '../../base/text.ts'

/** How a file stands at one moment. */
interface Look {
  readonly size: number
  readonly mtimeMs: number
  readonly inode: number
}

export class WholeFile {
  readonly #file: string
  readonly #look: Look
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly sha256: string

  private constructor(file: string, look: Look, sha256: string) {
    this.#file = file
    this.#look = look
    this.sha256 = sha256
  }

  get size(): number {
    return this.#look.size
  }

  /**
   * Waits `settleMs` where the file was written to just now, and reads it once.
   * @throws HuxinError argument_invalid when it cannot be read, or is still being written
   */
  static async open(
    file: string,
    { clock, settleMs }: { clock: Clock; settleMs: number },
  ): Promise<WholeFile> {
    const look = await lookAt(file)
    if (settleMs > 0 && Math.abs(clock.nowMs() - look.mtimeMs) < settleMs) {
      await sleep(clock, settleMs)
      if (!isSame(look, await lookAt(file)))
        throw new HuxinError(
          'argument_invalid',
          text`${file} is still being written: import it when it is whole; nothing was sent`,
        )
    }
    return new WholeFile(file, look, await hashOf(file))
  }

  /** Whether it looks as it did, which costs no reading. */
  async looksSame(): Promise<boolean> {
    return isSame(this.#look, await lookAt(this.#file))
  }

  /** Whether it has the bytes that it had. */
  async isSame(): Promise<boolean> {
    return (await this.looksSame()) && (await hashOf(this.#file)) === this.sha256
  }
}

async function lookAt(file: string): Promise<Look> {
  try {
    const { size, mtimeMs, ino } = await stat(file)
    return { size, mtimeMs, inode: ino }
  } catch (error) {
    throw unreadable(file, error)
  }
}

function isSame(a: Look, b: Look): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.inode === b.inode
}

async function hashOf(file: string): Promise<string> {
  try {
    return await fileDigest(file)
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(file: string, error: unknown): HuxinError {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT')
    return new HuxinError('argument_invalid', text`${file} cannot be read: is the name right?`)
  if (code === 'EISDIR')
    return new HuxinError('argument_invalid', text`${file} cannot be read: it is a folder`)
  return new HuxinError('argument_invalid', text`${file} cannot be read: ${textOf(error)}`)
}
