/** Profiles of departments in the folder of a node: `profiles/<name>.yaml`. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, joined, type Text } from '../../base/text.ts'
import type { CatalogItem } from '../../gen/huxin/v1/catalog_pb.ts'
import {
  isProfileName,
  parseProfile,
  type Profile,
  PROFILE_BYTES_MAX,
  type ProfileFault,
  resolveProfile,
  type ResolvedProfile,
} from '../../intake/profile.ts'
import type { CompiledItem } from '../../record/item.ts'
import { textOfFile } from '../shell.ts'

const FOLDER = 'profiles'
const ENDING = '.yaml'
const FAULTS_SHOWN = 20

/** Names of the profiles of a node, sorted. */
export async function profileNames(node: string): Promise<readonly string[]> {
  const files = await readdir(join(node, FOLDER)).catch(() => [])
  return files
    .filter((file) => file.endsWith(ENDING))
    .map((file) => basename(file, ENDING))
    .filter(isProfileName)
    .sort()
}

/** Where a profile is; a name with a slash or an ending is that of a file. */
export function profileFile(node: string, name: string): string {
  if (/[\\/]/.test(name) || name.endsWith(ENDING)) return name
  if (!isProfileName(name))
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        `${JSON.stringify(name.slice(0, 80))} is no name of a profile: letters, digits, blanks, ".", "_" and "-"`,
        `${JSON.stringify(name.slice(0, 80))} 不能作部门配置名称：只用文字、数字、空格及“.”“_”“-”`,
      ),
    )
  return join(node, FOLDER, `${name}${ENDING}`)
}

/** Reads a profile and what is wrong with it. @throws HuxinError argument_invalid when there is no such file */
export async function readProfile(
  node: string,
  name: string,
): Promise<{ file: string; profile?: Profile; faults: readonly ProfileFault[] }> {
  const file = profileFile(node, name)
  const size = await stat(file).then(
    ({ size }) => size,
    () => undefined,
  )
  if (size === undefined) {
    const known = await profileNames(node)
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        `there is no profile ${file}; this node has ${known.join(', ') || 'none'}`,
        `没有部门配置 ${file}；本节点现有：${known.join('、') || '无'}`,
      ),
    )
  }
  if (size > PROFILE_BYTES_MAX)
    return { file, faults: parseProfile(' '.repeat(PROFILE_BYTES_MAX + 1)).faults }
  return { file, ...parseProfile(textOfFile(await readFile(file), file)) }
}

/** A profile that may be used. @throws HuxinError argument_invalid with every fault */
export async function loadProfile(node: string, name: string): Promise<Profile> {
  const { file, profile, faults } = await readProfile(node, name)
  if (!profile) throw faulty(file, faults)
  return profile
}

/** What an import takes of a profile. @throws HuxinError argument_invalid with every fault */
export function applyProfile(
  name: string,
  profile: Profile,
  compiled: CompiledItem,
): ResolvedProfile {
  const { resolved, faults } = resolveProfile(profile, compiled)
  if (faults.length > 0) throw faulty(name, faults)
  return resolved
}

/** The item for a file that need not have the columns for which a profile has a value. */
export function lenient(item: CatalogItem, { defaults }: ResolvedProfile): CatalogItem {
  return {
    ...item,
    columns: item.columns.map((column) =>
      defaults.has(column.field) ? { ...column, required: false } : column,
    ),
  }
}

function faulty(file: string, faults: readonly ProfileFault[]): HuxinError {
  const said = joined(faults.slice(0, FAULTS_SHOWN).map(faultText), '; ')
  const more = faults.length > FAULTS_SHOWN ? `; … (${faults.length})` : ''
  return new HuxinError(
    'argument_invalid',
    bilingual(`profile ${file}: ${said.en}${more}`, `部门配置 ${file}：${said.zh}${more}`),
  )
}

export function faultText({ path, text }: ProfileFault): Text {
  return path === '' ? text : bilingual(`${path}: ${text.en}`, `${path}：${text.zh}`)
}
