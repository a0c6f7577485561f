/** Errors of LevelDB's binding as errors of this program. */
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { type Text, text, textOf } from '../../base/text.ts'

/** @throws HuxinError not_ready when the database is closed meanwhile */
export async function whileOpen(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    throw isNotOpen(error) ? notOpen(error) : error
  })
}

function isNotOpen(error: unknown): boolean {
  // Of the database, of a snapshot or of an iterator that it closed.
  return /^LEVEL_[A-Z]+_NOT_OPEN$/.test(String(codeOf(error)))
}

/** The database is closed. */
export function notOpen(cause: unknown): HuxinError {
  return new HuxinError(
    'not_ready',
    text`the database is closed, or being opened again after a failed write`,
    { cause },
  )
}

/** @throws HuxinError not_ready | store_corrupt */
export async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (isHuxinError(error)) throw error
    if (isNotOpen(error)) throw notOpen(error)
    throw new HuxinError('store_corrupt', text`the database did not read: ${causeOf(error)}`, {
      cause: error,
    })
  }
}

/** @throws HuxinError store_failed */
export async function writing(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    throw new HuxinError('store_failed', text`the database did not write: ${causeOf(error)}`, {
      cause: error,
    })
  }
}

/** The engine's own code, of the error or of its cause. */
export function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return (error.cause as { code?: unknown } | undefined)?.code ?? (error as { code?: unknown }).code
}

/** What went wrong, with its cause. */
export function causeOf(error: unknown): Text {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? text`${textOf(error)}: ${textOf(cause)}` : textOf(error)
}
