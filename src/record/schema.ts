/**
 * JSON Schema of a record's attributes: a closed subset of 2020-12 that can be read by a person and cannot
 * run away. Every object is closed; every property says whether it is personal data; there are no
 * references, no `$data` and no combinators; patterns are matched in bounded time (`pattern.ts`).
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { utf8 } from '../base/bytes.ts'
import { isCivilDate } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { bilingual, type Text, text } from '../base/text.ts'
import { isMultiple, survivesDouble } from './decimal.ts'
import type { Report } from './fault.ts'
import { keywordText } from './schema-words.ts'
import { patternEngine, patternFault } from './pattern.ts'

const SCHEMA_BYTES_MAX = 65_536
const DEPTH_MAX = 8
/** Attributes up to this long get every fault at once; longer ones the first. */
const EXPLAINED_LENGTH_MAX = 4096
const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/**
 * Checks the attributes of one record, given as text (undefined when they are not UTF-8); reports nothing when
 * they are good.
 */
export type AttributesRule = (source: string | undefined, report: Report) => void

export interface Schema {
  readonly [keyword: string]: unknown
}

const annotations = new Set(['title', 'description', '$comment', 'examples', 'deprecated'])
const keywords = new Set([
  ...annotations,
  'type',
  'properties',
  'required',
  'additionalProperties',
  'minProperties',
  'maxProperties',
  'items',
  'minItems',
  'maxItems',
  'uniqueItems',
  'enum',
  'const',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'x-personal-data',
])

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses a JSON object; undefined when the text is not one. */
function parseObject(text: string): Schema | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isSchema(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Reports what is wrong with an attributes schema; `own`: of one that is published now, of which more is asked.
 * @returns the names of its top-level properties; empty when it cannot be read
 */
export function checkSchema(
  content: string,
  report: Report,
  { own = false }: { readonly own?: boolean } = {},
): readonly string[] {
  const at = 'attributes_schema'
  if (utf8(content).length > SCHEMA_BYTES_MAX) {
    report(at, 'schema_too_large', text`at most ${SCHEMA_BYTES_MAX} bytes`)
    return []
  }
  const schema = parseObject(content)
  if (!schema) {
    report(at, 'schema_json')
    return []
  }
  const { $schema, ...root } = schema
  let sound = true
  const unsound: Report = (path, code, detail) => {
    sound = false
    report(path, code, detail)
  }
  if ($schema !== undefined && $schema !== DIALECT)
    unsound(`${at}.$schema`, 'schema_keyword', text`only ${DIALECT}`)
  if (root['type'] !== 'object')
    unsound(`${at}.type`, 'schema_invalid', text`the root is of type object`)
  checkNode(root, { at, depth: 0, own }, unsound)
  if (sound) checkCompiles(schema, report)
  return isSchema(root['properties']) ? Object.keys(root['properties']) : []
}

function checkCompiles(schema: Schema, report: Report): void {
  try {
    compile(schema, false)
  } catch (error) {
    report('attributes_schema', 'schema_invalid', messageOf(error))
  }
}

interface Place {
  readonly at: string
  readonly depth: number
  readonly own: boolean
}

function checkNode(schema: unknown, place: Place, report: Report): void {
  const { at, depth, own } = place
  if (!isSchema(schema)) return report(at, 'schema_invalid', text`a schema is an object`)
  if (depth > DEPTH_MAX) return report(at, 'schema_too_large', text`at most ${DEPTH_MAX} levels`)
  for (const keyword of Object.keys(schema)) {
    if (!keywords.has(keyword)) report(`${at}.${keyword}`, 'schema_keyword')
    else if (isDataReference(schema[keyword]) && !annotations.has(keyword))
      report(`${at}.${keyword}`, 'schema_keyword', '$data')
  }
  if (typeof schema['type'] !== 'string')
    report(`${at}.type`, 'schema_invalid', text`every schema has one type`)
  if (schema['type'] === 'array' && schema['items'] === undefined) report(`${at}.items`, 'required')
  const pattern =
    typeof schema['pattern'] === 'string'
      ? patternFault(schema['pattern'], schema['maxLength'], { own })
      : undefined
  if (pattern !== undefined) report(`${at}.pattern`, 'schema_pattern', pattern)
  if (schema['type'] === 'object') checkObject(schema, place, report)
  if (schema['items'] !== undefined)
    checkNode(schema['items'], { at: `${at}.items`, depth: depth + 1, own }, report)
}

function checkObject(schema: Schema, { at, depth, own }: Place, report: Report): void {
  if (schema['additionalProperties'] !== false) report(at, 'schema_closed')
  const properties = schema['properties'] ?? {}
  if (!isSchema(properties))
    return report(`${at}.properties`, 'schema_invalid', text`properties are an object`)
  for (const [name, property] of Object.entries(properties)) {
    const path = `${at}.properties.${name}`
    const marking = isSchema(property) ? property['x-personal-data'] : undefined
    if (!['none', 'personal', 'sensitive'].includes(String(marking)))
      report(path, 'schema_personal_data')
    checkNode(property, { at: path, depth: depth + 1, own }, report)
  }
}

function isDataReference(value: unknown): boolean {
  return isSchema(value) && '$data' in value
}

function newAjv(allErrors: boolean): Ajv2020 {
  // optimize: ajv's own pass over its code takes most of the time, the more the more properties there are, and makes nothing faster.
  // ownProperties: a property called like a member of Object.prototype counts only when it is there.
  const ajv = new Ajv2020({
    strict: true,
    allErrors,
    ownProperties: true,
    addUsedSchema: false,
    logger: false,
    code: { regExp: patternEngine, optimize: false },
  })
  addFormats.default(ajv, { mode: 'fast' })
  ajv.addFormat('date', isCivilDate)
  ajv.addKeyword({ keyword: 'x-personal-data', schemaType: 'string' })
  // ajv compares each element with each other one.
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    compile: (wanted: boolean) => (wanted ? areUnique : () => true),
    error: { message: 'must NOT have duplicate items' },
  })
  // ajv divides binary fractions, and 8.69 is then no multiple of 0.01.
  ajv.removeKeyword('multipleOf')
  ajv.addKeyword({
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    compile: isMultipleOf,
    error: { message: ({ schema }) => `must be multiple of ${schema}` },
  })
  return ajv
}

/** What ajv's division took stays good: it is wrong only far beyond 15 digits, and a verdict is never taken back. */
function isMultipleOf(of: number): (value: number) => boolean {
  return (value) => isMultiple(value, of) || Math.trunc(value / of) === value / of
}

/** The compilers: the first stops at the first error, before it tries a pattern on a text that is too long. */
const compilers = new Map<boolean, Ajv2020>()

/** @throws Error of ajv when the schema is not valid in strict mode */
function compile(schema: Schema, allErrors: boolean): ValidateFunction {
  const ajv = compilers.get(allErrors) ?? newAjv(allErrors)
  compilers.set(allErrors, ajv)
  try {
    return ajv.compile(schema)
  } finally {
    ajv.removeSchema(schema)
  }
}

/**
 * The rule of a schema that checkSchema found good. Absent attributes are checked as `{}`.
 * @throws Error of ajv when the schema is not valid
 */
export function attributesRule(text: string): AttributesRule {
  const schema = parseObject(text) ?? {}
  const validate = compile(schema, false)
  let explaining: ValidateFunction | undefined
  return (given, report) => {
    const source = given === '' ? '{}' : given
    const value = source === undefined ? undefined : parseObject(source)
    if (source === undefined || value === undefined) return report('attributes', 'attributes_json')
    if (!validate(value)) {
      if (source.length > EXPLAINED_LENGTH_MAX) return reportErrors(validate, report)
      explaining ??= compile(schema, true)
      explaining(value)
      return reportErrors(explaining, report)
    }
    // Only now is the depth of the value known to be that of the schema.
    if (countNamed(source) !== countMembers(value)) report('attributes', 'attributes_duplicate')
  }
}

/** Type of each top-level property, as its schema has it, and its own schema; empty when the schema cannot be read. */
export function attributeSchemas(text: string): ReadonlyMap<string, Schema> {
  const properties = parseObject(text)?.['properties']
  return new Map(
    isSchema(properties)
      ? Object.entries(properties).filter((entry): entry is [string, Schema] => isSchema(entry[1]))
      : [],
  )
}

/** Whether attributes of this schema may hold whole numbers beyond those that every reader has exactly. */
export function mayHoldLargeNumbers(text: string): boolean {
  const schema = parseObject(text)
  return schema !== undefined && holdsLarge(schema)
}

function holdsLarge(schema: Schema): boolean {
  if (schema['type'] === 'integer' || schema['type'] === 'number') {
    const safe = (bound: unknown): boolean =>
      typeof bound === 'number' && Number.isSafeInteger(Math.trunc(bound))
    return !(
      safe(schema['minimum'] ?? schema['exclusiveMinimum']) &&
      safe(schema['maximum'] ?? schema['exclusiveMaximum'])
    )
  }
  const inner = [
    ...(isSchema(schema['properties']) ? Object.values(schema['properties']) : []),
    schema['items'],
  ]
  return inner.some((one) => isSchema(one) && holdsLarge(one))
}

/** The first whole number of a JSON text that a reader with doubles changes; undefined when there is none. */
export function inexactNumber(json: string): string | undefined {
  if (!/\d{16}/.test(json)) return undefined
  const numbers =
    json.replace(/"(?:[^"\\]|\\.)*"/g, '""').match(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g) ?? []
  return numbers.find(
    (one) => /^-?\d+$/.test(one) && !(survivesDouble(one) && Number.isSafeInteger(Number(one))),
  )
}

function reportErrors(validate: ValidateFunction, report: Report): void {
  for (const error of validate.errors ?? []) {
    const path = `attributes${error.instancePath.replaceAll('/', '.')}`
    report(path.slice(0, 120), 'attributes_schema', explain(error))
  }
}

/** What ajv says without what it would quote of the record: the name of an additional property. */
function explain(error: ErrorObject): Text {
  const { en, zh } = keywordText(error)
  return bilingual(`${error.keyword}: ${en}`, zh)
}

/** Number of members that the text of a valid JSON value names: colons outside strings. */
function countNamed(json: string): number {
  let count = 0
  let quoted = false
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (quoted && code === 0x5c) i++
    else if (code === 0x22) quoted = !quoted
    else if (code === 0x3a && !quoted) count++
  }
  return count
}

/** Whether no two elements are the same JSON value; linear in their text. */
function areUnique(values: readonly unknown[]): boolean {
  return new Set(values.map((value) => JSON.stringify(inOrder(value)))).size === values.length
}

/** The same value with the members of each object sorted by name. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inOrder)
  // Not as members of an object, whose order and __proto__ are special.
  return {
    members: Object.keys(value)
      .sort()
      .map((name) => [name, inOrder((value as Schema)[name])]),
  }
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + countMembers(one), 0)
  let count = 0
  for (const name of Object.keys(value)) count += 1 + countMembers((value as Schema)[name])
  return count
}
