/**
 * Header lines become mappings: which column of a file feeds which field of a record. A name is taken when it is one
 * of the catalog item's, or one that departments use for the same and for nothing else; stars, brackets and blanks
 * around it are not part of it. A bracket with a unit is: 元 is not 万元.
 */
import { HuxinError } from '../base/errors.ts'
import { bilingual, type Text, text } from '../base/text.ts'
import type { CatalogItem, Column } from '../gen/huxin/v1/catalog_pb.ts'
import { columnLetters } from '../workbook/place.ts'
import {
  accountWords,
  citizenIdAliases,
  harmlessRemarks,
  headerAliases,
  personNameAliases,
} from './data/header-words.ts'
import { isRejectColumn } from './reject-columns.ts'

/** Which column of the file feeds which field. */
export interface Mapping {
  readonly columns: readonly {
    readonly at: number
    readonly column: Column
    readonly header: string
  }[]
  readonly defaults: readonly Column[]
}

/** A name as it is compared: half width, without blanks, marks and stars, small letters. */
export function plainName(name: string): string {
  // Longer ones are no names, and would take long to compare.
  const plain = name
    .slice(0, NAME_LENGTH_MAX)
    .normalize('NFKC')
    .replace(/[\s\u00ad\u200b-\u200f\u2060\ufeff]+/g, '')
  return plain.replace(/^[*※★#·、.]+|[*※★#:;,.、。]+$/g, '').toLowerCase()
}

const NAME_LENGTH_MAX = 500

/** The names of an item's columns. */
export class HeaderNames {
  readonly item: CatalogItem
  readonly #own = new Map<string, Column>()
  readonly #aliases = new Map<string, Column>()

  /** @param more further names of fields, for example those of one department: name → field */
  constructor(item: CatalogItem, more: Readonly<Record<string, string>> = {}) {
    this.item = item
    for (const column of item.columns)
      for (const name of [column.headerZh, column.headerEn, column.field])
        this.#own.set(plainName(name), column)
    for (const [name, field] of Object.entries(more)) {
      const column =
        item.columns.find((known) => known.field === field) ?? this.#own.get(plainName(field))
      if (!column)
        throw new HuxinError(
          'argument_invalid',
          text`${field} is no column of ${item.id}@${item.edition}: ${item.columns.map(columnName)}`,
        )
      this.#own.set(plainName(name), column)
    }
    for (const column of item.columns)
      for (const alias of aliasesOf(item, column)) this.#aliases.set(plainName(alias), column)
  }

  /** The column that a name means, and whether the item itself calls it so; undefined for none. */
  find(name: string): { readonly column: Column; readonly own: boolean } | undefined {
    const plain = plainName(name)
    if (plain === '') return undefined
    const unprefixed = /^(?:cf|xk|pj)_(.+)$/.exec(plain)?.[1]
    // Without the brackets' marks 有效期（起） is 有效期起; without what is in them 评价日期（必填） is 评价日期.
    const forms = [
      plain,
      plain.replace(/[()[\]{}〔〕【】「」<>《》]/g, ''),
      withoutRemarks(plain),
      ...(unprefixed === undefined ? [] : [withoutRemarks(unprefixed)]),
    ]
    for (const [own, known] of [
      [true, this.#own],
      [false, this.#aliases],
    ] as const) {
      const column = forms.map((form) => known.get(form)).find((found) => found !== undefined)
      if (column) return { column, own }
    }
    return undefined
  }

  /** How many columns of the item a line names. */
  count(cells: readonly string[]): number {
    return new Set(
      cells.map((cell) => this.find(cell)?.column).filter((column) => column !== undefined),
    ).size
  }
}

function aliasesOf(item: CatalogItem, column: Column): readonly string[] {
  if (column.type === 'citizen_id') return citizenIdAliases
  const persons =
    column.field === 'subject.name' &&
    item.columns.some(({ field, type }) => field === 'subject.id' && type === 'citizen_id')
  return persons ? personNameAliases : (headerAliases[column.field] ?? [])
}

function withoutRemarks(plain: string): string {
  return plain
    .replace(
      /[([{〔【「<《]([^()[\]{}〔〕【】「」<>《》]*)[)\]}〕】」>》]/g,
      (whole, inner: string) => (harmlessRemarks.test(inner) ? '' : whole),
    )
    .replace(/[*:]+$/, '')
}

export interface HeaderMapping extends Mapping {
  /** Columns that have no place in the item, left out. */
  readonly extra: readonly { readonly at: number; readonly name: string }[]
  /** Columns that the item calls otherwise. */
  readonly assumed: readonly Assumed[]
}

/** A name that departments use for a column of the item. */
export interface Assumed {
  readonly name: string
  readonly column: Column
}

/** Which columns are read under another name; undefined for none. */
export function assumedText(assumed: readonly Assumed[]): Text | undefined {
  if (assumed.length === 0) return undefined
  return text`columns that the catalog item calls otherwise are taken for its own: ${assumed.slice(0, NAMES_SHOWN).map(({ name, column }) => bilingual(`${shown(name)} as ${column.headerZh} (${column.headerEn})`, `“${shown(name)}”按“${column.headerZh}”`))}`
}

const NAMES_SHOWN = 20

/**
 * Maps a header line by the item's columns. Columns that the item does not know are left out, unless their name
 * is so like that of a column which is missing that it may be meant.
 * @throws HuxinError argument_invalid for a doubled or missing column, and for one that may be another
 */
export function mapHeader(
  names: HeaderNames,
  header: readonly string[],
  ignoreExtra: boolean,
): HeaderMapping {
  const { item } = names
  const { columns, extra } = divide(names, header)
  const absent = item.columns.filter(
    (column) => !columns.some((mapped) => mapped.column === column),
  )
  const required = absent.filter((column) => column.required && column.defaultValue === '')
  if (required.length > 0) {
    throw new HuxinError(
      'argument_invalid',
      text`the file has no column ${required.map(columnName)}, which ${item.id}@${item.edition} requires; its header has ${header.filter((name) => plainName(name) !== '').map(shown)}`,
    )
  }
  for (const { at, name } of ignoreExtra ? [] : extra) {
    const meant = absent.find(
      (column) => isLike(name, column.headerZh) || isLike(name, column.headerEn),
    )
    if (meant) {
      throw new HuxinError(
        'argument_invalid',
        text`column ${columnLetters(at)} (${shown(name)}) may mean ${columnName(meant)}: name it so, or leave it out with --ignore-extra`,
      )
    }
  }
  return {
    columns,
    extra,
    assumed: columns
      .filter(({ own }) => !own)
      .map(({ header: name, column }) => ({ name, column })),
    defaults: absent.filter(({ defaultValue }) => defaultValue !== ''),
  }
}

/** Columns of the item, and the others. A name of the item's own stands before another that means the same. */
function divide(names: HeaderNames, header: readonly string[]) {
  const columns: { at: number; column: Column; header: string; own: boolean }[] = []
  const extra: { at: number; name: string }[] = []
  for (const [at, name] of header.entries()) {
    const found = names.find(name)
    const twin = found && columns.find(({ column }) => column === found.column)
    if (twin && twin.own === found.own) {
      throw new HuxinError(
        'argument_invalid',
        text`columns ${columnLetters(twin.at)} (${shown(twin.header)}) and ${columnLetters(at)} (${shown(name)}) both mean ${columnName(found.column)}: keep one of them`,
      )
    }
    if (twin && found.own) {
      columns.splice(columns.indexOf(twin), 1)
      extra.push({ at: twin.at, name: twin.header })
    }
    if (found && !(twin && twin.own)) columns.push({ at, header: name, ...found })
    else if (plainName(name) !== '' && !isRejectColumn(name)) extra.push({ at, name })
  }
  return { columns, extra: extra.sort((a, b) => a.at - b.at) }
}

/** How a column is called in a sentence. */
export function columnName({ headerZh, headerEn }: Column): Text {
  return bilingual(`${headerZh} (${headerEn})`, headerZh)
}

/** A name from a file as it may stand in a sentence. */
export function shown(name: string): string {
  const line = name.replace(/[\p{C}\s]+/gu, ' ').trim()
  return line.length > 30 ? `${line.slice(0, 30)}…` : line
}

/** Whether two names share most of their pairs of neighbouring characters, or one is the other with a remark. */
function isLike(name: string, known: string): boolean {
  const [a, b] = [plainName(name), plainName(known)]
  if (accountWords.test(a)) return false
  if (a.length >= 2 && (a.startsWith(b) || b.startsWith(a))) return true
  const pairs = (words: string): string[] =>
    Array.from({ length: Math.max(0, words.length - 1) }, (_, i) => words.slice(i, i + 2))
  const others = new Set(pairs(b))
  const shared = pairs(a).filter((pair) => others.has(pair)).length
  return shared > 0 && (2 * shared) / (a.length + b.length - 2) >= 0.6
}
