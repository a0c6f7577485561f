/** The node's secret keys on disk: owner-only files, one folder an epoch. */
import { dirname, join } from 'node:path'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { deniedAt, type Files, systemFiles, textFromEditor } from '../base/files.ts'
import type { Random } from '../base/random.ts'
import { formatSignerKey, parseSignerKey, type Signer } from '../note/key.ts'
import { epochFiles } from './config.ts'

export interface NodeKeys {
  readonly note: Signer
  readonly cosign: Signer
  /** Secret of the subject index, 32 bytes. */
  readonly subject: Uint8Array
}

interface KeyMaking {
  readonly random: Random
  readonly files?: Files
}

/**
 * Makes a note key and a cosign key in `folder`, or takes those that are there: what was cut off goes on with
 * the keys that it made.
 */
export async function makeKeys(
  folder: string,
  node: string,
  { random, files = systemFiles }: KeyMaking,
): Promise<Pick<NodeKeys, 'note' | 'cosign'>> {
  await files.makeFolder(folder)
  const make = async (name: string, type: 'ed25519' | 'cosignature'): Promise<Signer> => {
    const file = join(folder, name)
    if (await isThere(files, file)) return parseSignerKey((await readSecret(files, file)).trim())
    const text = formatSignerKey(node, type, random.fill(new Uint8Array(32)))
    await writeSecret(files, file, `${text}\n`)
    return parseSignerKey(text)
  }
  return {
    note: await make('note.key', 'ed25519'),
    cosign: await make('cosign.key', 'cosignature'),
  }
}

/** Makes the key of the subject index, unless there is one. */
export async function createSubjectKey(
  folder: string,
  { random, files = systemFiles }: KeyMaking,
): Promise<void> {
  const { subjectKey } = epochFiles(folder, 0)
  if (await isThere(files, subjectKey)) return
  await files.makeFolder(dirname(subjectKey))
  await writeSecret(
    files,
    subjectKey,
    `${Buffer.from(random.fill(new Uint8Array(32))).toString('hex')}\n`,
  )
}

/** Reads the keys of an epoch. @throws HuxinError config_invalid */
export async function loadKeys(
  folder: string,
  epoch: number,
  { node, files = systemFiles }: { readonly node: string; readonly files?: Files },
): Promise<NodeKeys> {
  const { noteKey, cosignKey, subjectKey } = epochFiles(folder, epoch)
  const note = parseKey(await readSecret(files, noteKey), noteKey, node)
  const cosign = parseKey(await readSecret(files, cosignKey), cosignKey, node)
  const subject = Buffer.from((await readSecret(files, subjectKey)).trim(), 'hex')
  if (note.type !== 'ed25519' || cosign.type !== 'cosignature' || subject.length !== 32) {
    throw new HuxinError(
      'config_invalid',
      text`the keys under ${dirname(noteKey)} are mixed up: note.key is of type 1, cosign.key of type 4`,
    )
  }
  return { note, cosign, subject }
}

function parseKey(content: string, file: string, node: string): Signer {
  try {
    const signer = parseSignerKey(content.trim())
    if (signer.name !== node)
      throw new HuxinError('config_invalid', text`it is the key of ${signer.name}, not of ${node}`)
    return signer
  } catch (error) {
    throw new HuxinError(
      'config_invalid',
      text`${file} holds no key for this node: ${textOf(error)}`,
    )
  }
}

/** A key that may not be read is there all the same: nothing is written over it. */
function isThere(files: Files, file: string): Promise<boolean> {
  return files.read(file).then(
    ({ length }) => length > 0,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
}

async function readSecret(files: Files, file: string): Promise<string> {
  const bytes = await files.read(file).catch(async (error: unknown) => {
    throw new HuxinError(
      'config_invalid',
      (await deniedAt(file, error)) ??
        text`${file} cannot be read: run huxin node init, or huxin node recover when it was lost`,
    )
  })
  const words = textFromEditor(bytes)
  if (words === undefined)
    throw new HuxinError('config_invalid', text`${file} is no text in UTF-8: save it as UTF-8`)
  return words
}

async function writeSecret(files: Files, file: string, content: string): Promise<void> {
  try {
    await files.writeWhole(file, content)
  } catch (error) {
    throw new HuxinError('config_invalid', text`${file} cannot be written: ${textOf(error)}`)
  }
}
