/**
 * Record ids that are made: from numbers of departments that have Chinese in them, and from the row where there is no number.
 *
 * A record id is ASCII in every format, so a number such as 龙交信〔2026〕1号 is written in Punycode (RFC 3492) behind `xn--`,
 * without the mappings of domain names: the same number always gives the same id, and the number can be read from
 * the id with any Punycode program.
 *
 * A derived id is a hash of provider, item, subject, field of industry, date and document, so that the same row always has the
 * same id. Kind and scale of an evaluation are part of it where they are other than the item's usual ones: two
 * grades of one company on two scales are two records. Until then they were not; what is in under such a former id keeps it.
 */
import { hash } from 'node:crypto'
import type { CatalogItem } from '../gen/huxin/v1/catalog_pb.ts'
import { EvaluationKind, type Record, SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { ofText, isRecordId } from './forms.ts'

const PREFIX = 'xn--'
const [BASE, T_MIN, T_MAX, SKEW, DAMP, BIAS_FIRST, POINT_FIRST] = [36, 1, 26, 38, 700, 72, 0x80]
const DIGITS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** A department's own number as a record id; undefined when it is too long, or has characters that no number has. */
export function encodeRecordId(text: string): string | undefined {
  const id = /^[\x20-\x7e]*$/.test(text) ? text : PREFIX + encode(text)
  return ofText(isRecordId, id) && !/[\p{C}]/u.test(text) ? id : undefined
}

/** The number that a record id was made from; the id itself when it is one. */
export function decodeRecordId(id: string): string {
  if (!id.startsWith(PREFIX)) return id
  const text = decode(id.slice(PREFIX.length))
  return text !== undefined && encodeRecordId(text) === id ? text : id
}

function encode(text: string): string {
  const points = [...text].map((one) => one.codePointAt(0)!)
  const basic = points.filter((point) => point < POINT_FIRST)
  let output = basic.length > 0 ? `${String.fromCodePoint(...basic)}-` : ''
  let [point, delta, bias, done] = [POINT_FIRST, 0, BIAS_FIRST, basic.length]
  while (done < points.length) {
    const next = Math.min(...points.filter((one) => one >= point))
    delta += (next - point) * (done + 1)
    point = next
    for (const one of points) {
      if (one < point) delta++
      if (one !== point) continue
      output += variableLength(delta, bias)
      bias = adapt(delta, done + 1, done === basic.length)
      delta = 0
      done++
    }
    delta++
    point++
  }
  return output
}

function variableLength(delta: number, bias: number): string {
  let output = ''
  let rest = delta
  for (let k = BASE; ; k += BASE) {
    const threshold = thresholdAt(k, bias)
    if (rest < threshold) return output + DIGITS[rest]
    output += DIGITS[threshold + ((rest - threshold) % (BASE - threshold))]
    rest = Math.floor((rest - threshold) / (BASE - threshold))
  }
}

function decode(input: string): string | undefined {
  const dash = input.lastIndexOf('-')
  const points = [...input.slice(0, Math.max(0, dash))].map((one) => one.codePointAt(0)!)
  let [point, at, bias] = [POINT_FIRST, 0, BIAS_FIRST]
  for (let i = dash + 1; i < input.length;) {
    const before = at
    for (let k = BASE, weight = 1; ; k += BASE) {
      const digit = i < input.length ? DIGITS.indexOf(input[i++]!) : -1
      if (digit < 0) return undefined
      at += digit * weight
      const threshold = thresholdAt(k, bias)
      if (digit < threshold) break
      weight *= BASE - threshold
    }
    const size = points.length + 1
    bias = adapt(at - before, size, before === 0)
    point += Math.floor(at / size)
    if (point > 0x10ffff) return undefined
    at %= size
    points.splice(at++, 0, point)
  }
  return String.fromCodePoint(...points)
}

function thresholdAt(k: number, bias: number): number {
  return Math.min(Math.max(k - bias, T_MIN), T_MAX)
}

function adapt(delta: number, size: number, first: boolean): number {
  let rest = Math.floor(delta / (first ? DAMP : 2))
  rest += Math.floor(rest / size)
  let k = 0
  for (; rest > Math.floor(((BASE - T_MIN) * T_MAX) / 2); k += BASE)
    rest = Math.floor(rest / (BASE - T_MIN))
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW))
}

export interface DerivedIds {
  readonly id: string
  /** The id without kind and scale; the same where both are usual. */
  readonly former: string
}

/** What a derived id is made from, as texts. */
export type DerivedParts = {
  readonly [
    part in
      | 'subjectType'
      | 'subjectId'
      | 'domain'
      | 'evaluatedOn'
      | 'document'
      | 'decidedOn'
      | 'kind'
      | 'scale'
  ]: string
}

export function derivedIds(
  item: CatalogItem,
  provider: string,
  { kind, scale, ...parts }: DerivedParts,
): DerivedIds {
  const { subjectType, subjectId, domain, evaluatedOn, document, decidedOn } = parts
  const key = [
    provider,
    item.id,
    ...[subjectType, subjectId, domain, evaluatedOn, document, decidedOn].map((part) =>
      part.normalize('NFC'),
    ),
  ]
  const former = idOf(key)
  const isUsual =
    kind === usual(item, 'evaluation_result.kind') &&
    scale === usual(item, 'evaluation_result.scale')
  return {
    id: item.kind !== 'evaluation' || isUsual ? former : idOf([...key, kind, scale]),
    former,
  }
}

/** The ids that a record has when they are derived from it. */
export function derivedIdsOf(
  item: CatalogItem,
  provider: string,
  { subject, content }: Record,
): DerivedIds {
  const result = content.case === 'evaluationResult' ? content.value : undefined
  const other = content.case === 'catalogedRecord' ? content.value : undefined
  return derivedIds(item, provider, {
    subjectType: nameOf(SubjectType, subject?.type),
    subjectId: subject?.id ?? '',
    domain: result?.domain ?? '',
    evaluatedOn: result?.evaluatedOn ?? '',
    document: other?.document ?? '',
    decidedOn: other?.decidedOn ?? '',
    kind: nameOf(EvaluationKind, result?.kind),
    scale: result?.scale ?? '',
  })
}

/** Whether a record id looks like a derived one. */
export function isDerivedId(recordId: string): boolean {
  return /^r-[0-9a-f]{30}$/.test(recordId)
}

function idOf(key: readonly string[]): string {
  return `r-${hash('sha256', key.join('\n')).slice(0, 30)}`
}

/** What a row has that says nothing. */
function usual({ columns }: CatalogItem, field: string): string {
  const column = columns.find((known) => known.field === field)
  return column ? (column.values[column.defaultValue] ?? column.defaultValue) : ''
}

/** As cells name it; '' for what is not said. */
function nameOf(values: Readonly<{ [name: string]: number }>, value = 0): string {
  return value === 0 ? '' : (Object.entries(values).find(([, known]) => known === value)?.[0] ?? '')
}
