/**
 * Whose certificate a command uses. A log that names persons is worth nothing where a command takes whichever certificate comes
 * first: with one operator's certificate beside the node's it is that one, with several the person says who it is.
 */
import { access, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { deniedAt } from '../base/files.ts'
import { type Said, text } from '../base/text.ts'
import { certificatesOf, identityOfCertificate, type PeerIdentity } from '../pki/identity.ts'

/** A certificate of a person, beside that of the node. */
export interface Person {
  readonly file: string
  readonly name: string
}

const NAMED_MAX = 20

/**
 * The certificate file of `as`: the name of a person, or a file as seen from here or from beside the node's certificate; without it
 * that of the only operator.
 * @throws HuxinError argument_invalid | config_invalid
 */
export async function certificateOf(
  as: string | undefined,
  nodeCertificate: string,
): Promise<string> {
  const folder = dirname(nodeCertificate)
  if (as !== undefined && as !== '')
    return as.endsWith('.crt') ? certificateFile(as, folder) : personNamed(as, folder)
  const persons = await personsIn(folder, /^operator-.*\.crt$/)
  const [first, ...others] = persons
  if (!first)
    throw new HuxinError(
      'config_invalid',
      text`there is no operator certificate in ${folder}: name one with --as, or issue one with huxin pki issue --role operator`,
    )
  if (others.length > 0)
    throw new HuxinError(
      'argument_invalid',
      text`several operators have certificates here (${namesOf(persons)}): say who you are, with --as <name> or HUXIN_AS`,
    )
  return first.file
}

async function certificateFile(as: string, folder: string): Promise<string> {
  const there = async (file: string): Promise<boolean> =>
    access(file).then(
      () => true,
      () => false,
    )
  if (await there(as)) return as
  const beside = join(folder, basename(as))
  if (basename(as) === as && (await there(beside))) return beside
  throw new HuxinError(
    'argument_invalid',
    text`--as ${as} cannot be read: there is no such file; ${await whoIsThere(folder)}`,
  )
}

async function personNamed(name: string, folder: string): Promise<string> {
  if (
    await access(name).then(
      () => true,
      () => false,
    )
  )
    throw new HuxinError(
      'argument_invalid',
      text`--as ${name}: name the certificate, <name>.crt; its key is <name>.key beside it`,
    )
  const found = (await personsIn(folder, /^(?:operator|auditor)-.*\.crt$/)).filter(
    (person) => person.name === name,
  )
  const [person, other] = found
  if (!person)
    throw new HuxinError(
      'argument_invalid',
      text`nobody named ${name} has a certificate beside that of the node; ${await whoIsThere(folder)}`,
    )
  if (other)
    throw new HuxinError(
      'argument_invalid',
      text`${found.length} certificates name ${name}: give the file with --as, ${basename(person.file)} or ${basename(other.file)}`,
    )
  return person.file
}

async function whoIsThere(folder: string): Promise<Said> {
  const persons = await personsIn(folder, /^(?:operator|auditor)-.*\.crt$/)
  return persons.length === 0
    ? text`no person has one in ${folder}`
    : text`these persons have one: ${namesOf(persons)}`
}

function namesOf(persons: readonly Person[]): string {
  return persons
    .slice(0, NAMED_MAX)
    .map(({ name, file }) => `${name} (${basename(file)})`)
    .join(', ')
}

/** Persons with certificates in a folder, in the order of their names. @throws HuxinError config_invalid when it may not be read */
export async function personsIn(folder: string, pattern: RegExp): Promise<Person[]> {
  const names = await readdir(folder).catch(async (error: unknown) => {
    const denied = await deniedAt(folder, error)
    if (denied) throw new HuxinError('config_invalid', denied)
    return []
  })
  const persons = await Promise.all(
    names
      .filter((name) => pattern.test(name))
      .map(async (name) => ({
        file: join(folder, name),
        name: (await identityIn(join(folder, name)))?.name ?? '',
      })),
  )
  return persons.filter(({ name }) => name !== '').sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A certificate that is kept in a folder. */
export interface FiledCertificate {
  /** Without its folder. */
  readonly file: string
  readonly role: string
  readonly name: string
  readonly serial: string
  readonly notAfterMs: number
}

/** Certificates in a folder, of the node, of persons, of machines, in the order of their files; what is no certificate is left out. */
export async function certificatesIn(folder: string): Promise<FiledCertificate[]> {
  const names = (await readdir(folder).catch((): string[] => []))
    .filter((name) => name.endsWith('.crt'))
    .sort()
  const found = await Promise.all(
    names.map(async (file): Promise<FiledCertificate[]> => {
      try {
        const [leaf] = certificatesOf(await readFile(join(folder, file), 'utf8'))
        if (!leaf || leaf.ca) return []
        const { role, name, serial } = identityOfCertificate(leaf)
        return [{ file, role, name, serial, notAfterMs: Date.parse(leaf.validTo) }]
      } catch (error) {
        if (isHuxinError(error) || (error as NodeJS.ErrnoException).code !== undefined) return []
        throw error
      }
    }),
  )
  return found.flat()
}

/** Whom a certificate file names; undefined where it is none of this federation's form. */
export async function identityIn(file: string): Promise<PeerIdentity | undefined> {
  try {
    const [leaf] = certificatesOf(await readFile(file, 'utf8'))
    return leaf && identityOfCertificate(leaf)
  } catch (error) {
    if (isHuxinError(error) || (error as NodeJS.ErrnoException).code !== undefined) return undefined
    throw error
  }
}
