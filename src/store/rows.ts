/**
 * Row families: every row of the store belongs to one, and the room that writes it says here once what stands there. A family
 * is a whole table, or the rows of a table whose key begins with a name. `huxin fsck` names and checks rows by their family, and
 * `huxin node rebuild` makes derived ones anew. A program holds its families in one list, which is given to both.
 */
import { concat, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { openChecked } from './checked.ts'
import { derivedTables, keyText, prefixRange, tables } from './keys.ts'
import type { Bounds } from './store.ts'

export type TableName = keyof typeof tables

/** What stands in a key behind the name of its family. */
export interface KeyForm {
  fits(rest: Buffer): boolean
  /** The key as people read it. */
  words(name: string, rest: Buffer): string
}

/** Nothing: the family is one row. */
export const onlyKey: KeyForm = { fits: (rest) => rest.length === 0, words: (name) => name }
export const textKeys: KeyForm = {
  fits: () => true,
  words: (name, rest) => `${name}/${rest.toString()}`,
}
export const hashKeys: KeyForm = {
  fits: (rest) => rest.length === 32,
  words: (name, rest) => `${name} ${rest.toString('hex')}`,
}
/** Eight bytes: a log index. */
export const indexKeys: KeyForm = {
  fits: (rest) => rest.length === 8,
  words: (name, rest) => `${name} ${rest.readBigUInt64BE()}`,
}
/** A log index, and four bytes: the position of a record. */
export const placeKeys: KeyForm = {
  fits: (rest) => rest.length === 12,
  words: (name, rest) => `${name} ${rest.readBigUInt64BE()}/${rest.readUInt32BE(8)}`,
}
/** A text, a slash, and a size or log index. */
export const textIndexKeys: KeyForm = {
  fits: (rest) => rest.length > 9,
  words: (name, rest) =>
    `${name}/${rest.subarray(0, -9).toString()} ${rest.readBigUInt64BE(rest.length - 8)}`,
}

/** A stored row, and its key behind the name of its family. */
export interface FamilyRow {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly rest: Buffer
}

/** Throws a HuxinError whose text is the finding. */
export type RowCheck<View> = (row: FamilyRow, view: View) => void | Promise<void>

/**
 * How a row is derived. `each`: an entry of the log gives it, compared one by one and counted; `last`: the last entry that says it
 * stands; `own`: a check of its own knows how it comes about.
 */
export type Derivation = 'each' | 'last' | 'own'

interface WholeTable {
  readonly table: TableName
}

interface NamedRows extends WholeTable {
  /** Lower-case letters and `-`, before the first slash of the key. */
  readonly name: string
  readonly keys: KeyForm
}

interface Derived {
  readonly derived: Derivation
}

interface Primary<View> {
  /** `walk`: whoever walks over the log checks it. */
  readonly check: RowCheck<View> | 'walk'
}

export type RowsOptions<View> = (WholeTable | NamedRows) & (Derived | Primary<View>)

/** The rows of one meaning. `View` is what its check is given. */
export interface RowFamily<in View> {
  readonly table: TableName
  /** Undefined for a whole table. */
  readonly name: string | undefined
  readonly keys: KeyForm | undefined
  /** Undefined for primary rows. */
  readonly derived: Derivation | undefined
  readonly check: RowCheck<View> | 'walk' | undefined
  /** What every key of it begins with. */
  readonly prefix: Uint8Array
  readonly range: Bounds
  /** The key of a row by what stands behind the name. */
  key(rest?: string | Uint8Array): Uint8Array
  /** What stands behind the name. */
  restOf(key: Uint8Array): Buffer
}

/** A family of rows. Its room exports it, and `node/rows.ts` lists it. */
export function defineRows<View = unknown>(options: RowsOptions<View>): RowFamily<View> {
  const named = 'name' in options ? options : undefined
  const slash = !named || named.keys === onlyKey ? '' : '/'
  const prefix = concat(tables[options.table], utf8(`${named?.name ?? ''}${slash}`))
  return {
    table: options.table,
    name: named?.name,
    keys: named?.keys,
    derived: 'derived' in options ? options.derived : undefined,
    check: 'check' in options ? options.check : undefined,
    prefix,
    range: prefixRange(prefix),
    key: (rest = '') => concat(prefix, typeof rest === 'string' ? utf8(rest) : rest),
    restOf: (key) => Buffer.from(key).subarray(prefix.length),
  }
}

/** The check of values that carry a check value (`checked.ts`), of a length where it is always the same. */
export function hasCheckValue(bytes?: number): RowCheck<unknown> {
  return ({ key, value }) => {
    const opened = openChecked(key, value)
    if (!opened || (bytes !== undefined && opened.length !== bytes))
      throw new HuxinError('store_corrupt', text`it does not have its check value`)
  }
}

/** Every family of a program. */
export class RowRegister<in out View> {
  readonly families: readonly RowFamily<View>[]
  readonly #tables = new Map<
    number,
    {
      readonly name: TableName
      readonly whole: RowFamily<View> | undefined
      readonly named: ReadonlyMap<string, RowFamily<View>>
    }
  >()

  /** @throws Error when two families share a row, a table has none, or rows that nothing gives again stand where a rebuild clears */
  constructor(families: readonly RowFamily<View>[]) {
    this.families = families
    for (const [name, [byte]] of Object.entries(tables) as [TableName, Uint8Array][]) {
      const own = families.filter(({ table }) => table === name)
      const whole = own.find((family) => family.name === undefined)
      const named = new Map(
        own.flatMap((family) => (family.name === undefined ? [] : [[family.name, family]])),
      )
      if (
        own.length === 0 ||
        own.length !== named.size + (whole ? 1 : 0) ||
        (whole && named.size > 0)
      )
        throw new Error(`table ${name}: each row belongs to one family`)
      const isDerived = derivedTables.some((table) => table[0] === byte)
      if (isDerived && own.some(({ derived }) => derived === undefined))
        throw new Error(`table ${name} is derived: a rebuild would lose primary rows`)
      this.#tables.set(byte!, { name, whole, named })
    }
  }

  /** The family of a row; undefined when the program knows no such row. */
  of(key: Uint8Array): RowFamily<View> | undefined {
    const table = this.#tables.get(key[0] ?? 0)
    if (!table || table.whole) return table?.whole
    const words = Buffer.from(key).toString('latin1', 1)
    const end = words.indexOf('/')
    const family = table.named.get(end < 0 ? words : words.slice(0, end))
    return family && key.length >= family.prefix.length && family.keys!.fits(family.restOf(key))
      ? family
      : undefined
  }

  /** A key as people read it. */
  text(key: Uint8Array): string {
    const family = this.of(key)
    return family?.name === undefined
      ? keyText(key)
      : `${family.table} ${family.keys!.words(family.name, family.restOf(key))}`
  }

  /** What a rebuild clears and makes anew. */
  derivedRanges(): Bounds[] {
    const inPrimaryTables = this.families.filter(
      ({ derived, table }) =>
        derived !== undefined && !derivedTables.some((one) => one === tables[table]),
    )
    return [
      ...derivedTables.map((table) => prefixRange(table)),
      ...inPrimaryTables.map(({ range }) => range),
    ]
  }
}
