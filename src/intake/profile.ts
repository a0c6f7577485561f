/**
 * The profile of a department: how its files differ from what the catalog item calls for. Kept as `profiles/<name>.yaml` in the
 * node's folder. It says which of its columns means what, what stands where a column is missing, what its words mean and
 * how its dates are written, so that nobody edits a file before an import.
 *
 * A profile is written by an operator and read with each import. It is checked whole: every fault is told with its place.
 */
import { bilingual, type Text, textOf } from '../base/text.ts'
import { parseYaml } from '../base/yaml.ts'
import type { CatalogItem, Column } from '../gen/huxin/v1/catalog_pb.ts'
import type { CompiledItem } from '../record/item.ts'
import { attributeSchemas } from '../record/schema.ts'
import { matchingForm } from '../record/text.ts'
import { isUscc } from '../record/uscc.ts'
import { type CellSettings, readCell } from './cells.ts'
import type { DateForm } from './dates.ts'
import { columnName, plainName } from './header.ts'

/** A profile as its file says it. */
export interface Profile {
  /** Whose files it is for, in words. */
  readonly title?: string
  readonly item?: string
  readonly targets?: readonly string[]
  readonly provider?: string
  readonly class?: 'normal' | 'bulk'
  readonly encoding?: string
  readonly sheet?: string
  readonly ignoreExtra?: boolean
  /** Name of a column in the files → column of the item, by a header or its field. */
  readonly columns?: Readonly<Record<string, string>>
  /** Column of the item → what would stand in its cells; for columns that the file does not have, and for empty cells. */
  readonly defaults?: Readonly<Record<string, string>>
  /** Column of the item → a department's word → what the item wants there. */
  readonly values?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dates?: DateForm
  readonly percent?: 'number' | 'fraction'
  readonly verbatim?: boolean
  readonly acceptOddNames?: boolean
}

export interface ProfileFault {
  /** Place in the file, for example `values.评价等级.优秀`. */
  readonly path: string
  readonly text: Text
}

/** What an import takes of a profile, by the item that it imports. */
export interface ResolvedProfile {
  /** Name of a column in the files → field. */
  readonly names: Readonly<Record<string, string>>
  /** field → cell. */
  readonly defaults: ReadonlyMap<string, string>
  readonly cells: CellSettings
}

export const PROFILE_BYTES_MAX = 262_144
const ENTRIES_MAX = 5_000

/** Names of profiles, which are file names too. */
export function isProfileName(name: string): boolean {
  return /^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,63}$/u.test(name) && !name.includes('..')
}

type Rule = (value: unknown) => Text | undefined

const fault = (en: string, zh: string): Text => bilingual(en, zh)
const aText: Rule = (value) =>
  typeof value === 'string' && value.trim() !== '' && value.length <= 500
    ? undefined
    : fault('a text is wanted; digits need quotes', '应为文本；纯数字须加引号')
const aBoolean: Rule = (value) =>
  typeof value === 'boolean' ? undefined : fault('true or false is wanted', '应为 true 或 false')
const oneOf =
  (...known: readonly string[]): Rule =>
  (value) =>
    known.includes(value as string)
      ? undefined
      : fault(`one of ${known.join(', ')} is wanted`, `应为 ${known.join('、')} 之一`)
const aMap: Rule = (value) =>
  isMap(value) && Object.keys(value).length <= ENTRIES_MAX
    ? undefined
    : fault(
        `a table of names is wanted, of at most ${ENTRIES_MAX}`,
        `应为“名称: 内容”的对应表，至多 ${ENTRIES_MAX} 项`,
      )

const rules: Readonly<Record<keyof Profile, Rule>> = {
  title: aText,
  item: aText,
  targets: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')
      ? undefined
      : fault('a list of targets is wanted, in quotes', '应为送达范围列表，各项加引号'),
  provider: (value) =>
    typeof value === 'string' && isUscc(value)
      ? undefined
      : fault(
          'a unified social credit code is wanted, in quotes',
          '应为统一社会信用代码，须加引号',
        ),
  class: oneOf('normal', 'bulk'),
  encoding: aText,
  sheet: aText,
  ignoreExtra: aBoolean,
  columns: aMap,
  defaults: aMap,
  values: aMap,
  dates: oneOf('certain', 'serial-1900', 'serial-1904', 'day-first', 'month-first'),
  percent: oneOf('number', 'fraction'),
  verbatim: aBoolean,
  acceptOddNames: aBoolean,
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads the text of a profile. With faults there is no profile. */
export function parseProfile(text: string): {
  readonly profile?: Profile
  readonly faults: readonly ProfileFault[]
} {
  let value: unknown
  try {
    value = text.length > PROFILE_BYTES_MAX ? undefined : parseYaml(text)
  } catch (error) {
    const said = textOf(error)
    return {
      faults: [
        {
          path: '',
          text: fault(`no YAML: ${firstLine(said.en)}`, `不是有效的 YAML：${firstLine(said.zh)}`),
        },
      ],
    }
  }
  if (!isMap(value))
    return {
      faults: [
        {
          path: '',
          text: fault(
            'a profile is a table of names and values, of at most 256 KB',
            '部门配置应为“名称: 内容”的对应表，至多 256 KB',
          ),
        },
      ],
    }
  const faults: ProfileFault[] = []
  for (const [key, one] of Object.entries(value)) {
    const rule = Object.hasOwn(rules, key) ? rules[key as keyof Profile] : undefined
    const found = rule
      ? rule(one)
      : fault(
          `not known; known are ${Object.keys(rules).join(', ')}`,
          `无此项；可用的有 ${Object.keys(rules).join('、')}`,
        )
    if (found) faults.push({ path: key, text: found })
    else if (key === 'columns' || key === 'defaults')
      faults.push(...textFaults(key, one as Readonly<Record<string, unknown>>))
    else if (key === 'values') {
      for (const [column, words] of Object.entries(one as Readonly<Record<string, unknown>>)) {
        const wrong = aMap(words)
        faults.push(
          ...(wrong
            ? [{ path: `${key}.${column}`, text: wrong }]
            : textFaults(`${key}.${column}`, words as Readonly<Record<string, unknown>>)),
        )
      }
    }
  }
  return faults.length > 0 ? { faults } : { profile: value as Profile, faults }
}

function firstLine(words: string): string {
  return words.split('\n')[0]!.slice(0, 200)
}

function textFaults(path: string, map: Readonly<Record<string, unknown>>): ProfileFault[] {
  return Object.entries(map).flatMap(([name, value]) => {
    const found = aText(value)
    return found ? [{ path: `${path}.${name}`, text: found }] : []
  })
}

/** Holds a profile against the item that it is for. */
export function resolveProfile(
  profile: Profile,
  { item, scaleOf }: Pick<CompiledItem, 'item' | 'scaleOf'>,
): { readonly resolved: ResolvedProfile; readonly faults: readonly ProfileFault[] } {
  const faults: ProfileFault[] = []
  const columnOf = (path: string, name: string): Column | undefined => {
    const column = findColumn(item, name)
    if (!column)
      faults.push({
        path,
        text: bilingual(
          `${name} is no column of ${item.id}@${item.edition}: ${item.columns.map((one) => columnName(one).en).join(', ')}`,
          `目录项 ${item.id}@${item.edition} 没有“${name}”列，可用的有：${item.columns.map((one) => columnName(one).zh).join('、')}`,
        ),
      })
    return column
  }
  const cells: CellSettings = {
    acceptOdd: profile.acceptOddNames ?? false,
    verbatim: profile.verbatim ?? false,
    ...(profile.dates ? { dates: profile.dates } : {}),
    ...(profile.percent ? { percent: profile.percent } : {}),
  }
  const names: Record<string, string> = {}
  for (const [name, meant] of Object.entries(profile.columns ?? {})) {
    const column = columnOf(`columns.${name}`, meant)
    if (column) names[name] = column.field
  }
  const schemas = attributeSchemas(item.attributesSchema)
  const check = (path: string, column: Column, cell: string): void => {
    const { fault: found } = readCell(
      {
        column,
        header: column.headerZh,
        schema: schemas.get(column.field.slice('attributes.'.length)),
        settings: cells,
      },
      cell,
    )
    if (found) faults.push({ path, text: found.text })
    else if (column.field.endsWith('.grade')) checkGrade(path, { item, scaleOf, cell }, faults)
  }
  const defaults = new Map<string, string>()
  for (const [name, cell] of Object.entries(profile.defaults ?? {})) {
    const column = columnOf(`defaults.${name}`, name)
    if (!column) continue
    check(`defaults.${name}`, column, cell)
    defaults.set(column.field, cell)
  }
  const values = new Map<string, ReadonlyMap<string, string>>()
  for (const [name, words] of Object.entries(profile.values ?? {})) {
    const column = columnOf(`values.${name}`, name)
    if (!column) continue
    for (const [word, meant] of Object.entries(words))
      check(`values.${name}.${word}`, column, meant)
    values.set(
      column.field,
      new Map(Object.entries(words).map(([word, meant]) => [matchingForm(word), meant])),
    )
  }
  return { resolved: { names, defaults, cells: { ...cells, values } }, faults }
}

/** A word for a grade means one that a scale of the item has. */
function checkGrade(
  path: string,
  { item, scaleOf, cell }: { item: CatalogItem; scaleOf: CompiledItem['scaleOf']; cell: string },
  faults: ProfileFault[],
): void {
  const grades = item.scales.flatMap((id) => scaleOf(id)?.grades ?? [])
  if (grades.length > 0 && !grades.includes(cell))
    faults.push({
      path,
      text: bilingual(
        `${cell} is no grade of ${item.scales.join(', ')}: ${grades.join(' ')}`,
        `${item.scales.join('、')} 没有等级“${cell}”，可用的有：${grades.join('、')}`,
      ),
    })
}

function findColumn({ columns }: CatalogItem, name: string): Column | undefined {
  const plain = plainName(name)
  return columns.find(({ field, headerZh, headerEn }) =>
    [field, headerZh, headerEn].some((known) => plainName(known) === plain),
  )
}
