/**
 * Room `batch`: the unit that travels. A batch is a signed header and a separate body; the same
 * bytes pass through every tier. This room owns three formats, to the byte (`proto/README.md`):
 *
 * - the header (`huxin/batch/v1`, this file), a C2SP signed note whose text is hashed to the batch id,
 * - the body (`body.ts`), a protobuf message in one canonical form, whose Merkle root the header states,
 * - the log entry (`entry.ts`, `huxin/entry/v1`), which wraps a header with a node's verdict.
 *
 * Everything parsed here is attacker-controlled. Every parser is total: arbitrary bytes give a
 * HuxinError of the format's own code and nothing else, and only the canonical form is accepted, so
 * that format(parse(x)) is x. Nothing here knows who may send what: that is `exchange`.
 */
import { createHash } from 'node:crypto'
import { hex, utf8 } from '../base/bytes.ts'
import { formatTime, parseTime } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type BatchClass, batchClasses } from '../topology/lane.ts'

/** Place of a batch in one lane (报送序列). */
export interface LanePlace {
  readonly target: string
  /** Dense, from 0. */
  readonly number: bigint
  /** Batch id of number - 1; undefined exactly when number is 0. */
  readonly previous: Uint8Array | undefined
}

/** What a batch header says. */
export interface BatchHeader {
  /** `<trust domain>/<node id>` of the node that sealed it (报送节点). */
  readonly origin: string
  /** From 1. */
  readonly epoch: number
  /** Unified social credit code of the body answerable for the records (数据提供单位). */
  readonly provider: string
  readonly batchClass: BatchClass
  /** One place for each target; 1 to 64, sorted by target. */
  readonly lanes: readonly LanePlace[]
  readonly kind: string
  /** `<item>@<edition>`, or undefined for kinds without an item. */
  readonly item: string | undefined
  readonly createdMs: number
  readonly records: number
  /** RFC 6962 root of the leaf hashes, 32 bytes. */
  readonly root: Uint8Array
  /** Lines of a later minor version, verbatim. */
  readonly extra: readonly string[]
}

const ORIGIN = /^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}$/
const TARGET = /^(?:\*\*|[a-z0-9-]{1,32}(?:\/\*\*)?)$/
const ITEM = /^[a-z0-9-]{1,32}\/[a-z0-9-]{1,64}@[A-Za-z0-9.-]{1,32}$/
const PROVIDER = /^[0-9A-HJ-NPQRTUWXY]{18}$/
const NUMBER = /^(?:0|[1-9][0-9]{0,17})$/
const EPOCH = /^[1-9][0-9]{0,8}$/
const HASH = /^sha256:([0-9a-f]{64})$/
const EXTRA = /^[a-z][a-z0-9-]{0,31} [^\x00-\x1f\x7f]{1,512}$/

/** The text of a header, as it is signed and hashed. */
export function formatHeader(header: BatchHeader): string {
  const lanes = header.lanes.map(
    (lane) =>
      `lane ${lane.target} ${header.batchClass} ${lane.number} ${lane.previous ? `sha256:${hex(lane.previous)}` : '-'}\n`,
  )
  return (
    'huxin/batch/v1\n' +
    `origin ${header.origin} ${header.epoch}\n` +
    `provider ${header.provider}\n` +
    lanes.join('') +
    `kind ${header.kind}\n` +
    `item ${header.item ?? '-'}\n` +
    `created ${formatTime(header.createdMs)}\n` +
    `records ${header.records} sha256:${hex(header.root)}\n` +
    header.extra.map((line) => `${line}\n`).join('')
  )
}

/**
 * Parses the text of a header. The signature is checked elsewhere; until then the result is a claim.
 * @throws HuxinError header_malformed
 */
export function parseHeader(content: string): BatchHeader {
  const lines = content.split('\n')
  if (lines.pop() !== '') throw malformed(text`does not end with a line feed`)
  let at = 0
  const field = (name: string): string[] => {
    const words = (lines[at++] ?? '').split(' ')
    if (words[0] !== name) throw malformed(text`line ${at} is not "${name} …"`)
    return words.slice(1)
  }
  const match = (word: string | undefined, form: RegExp, what: string): string => {
    if (word === undefined || !form.test(word))
      throw malformed(text`line ${at} has no valid ${what}`)
    return word
  }
  if (lines[at++] !== 'huxin/batch/v1') throw malformed(text`first line is not huxin/batch/v1`)
  const origin = field('origin')
  const epoch = match(origin[1], EPOCH, 'epoch')
  arity(origin, 2, at)
  const originName = match(origin[0], ORIGIN, 'origin')
  const provider = field('provider')
  match(provider[0], PROVIDER, 'provider')
  arity(provider, 1, at)
  const lanes: LanePlace[] = []
  let batchClass: BatchClass | undefined
  while (lines[at]?.startsWith('lane ')) {
    const lane = field('lane')
    arity(lane, 4, at)
    const place = parseLane(lane, at)
    if (batchClass !== undefined && lane[1] !== batchClass)
      throw malformed(text`line ${at} changes the class`)
    batchClass = lane[1] as BatchClass
    const before = lanes.at(-1)
    if (before && before.target >= place.target)
      throw malformed(text`line ${at} is not in order of targets`)
    lanes.push(place)
  }
  if (batchClass === undefined) throw malformed(text`no lane line`)
  if (lanes.length > limits.lanesMax)
    throw malformed(text`${lanes.length} lanes, at most ${limits.lanesMax}`)
  const kind = field('kind')
  match(kind[0], /^[a-z][a-z-]{0,31}$/, 'kind')
  arity(kind, 1, at)
  const item = field('item')
  arity(item, 1, at)
  if (item[0] !== '-') match(item[0], ITEM, 'item')
  const created = field('created')
  arity(created, 1, at)
  const createdMs = parseTime(created[0] ?? '')
  if (createdMs === undefined) throw malformed(text`line ${at} has no valid time`)
  const records = field('records')
  arity(records, 2, at)
  const count = Number(match(records[0], NUMBER, 'number of records'))
  if (count < 1 || count > limits.batchRecordsMax)
    throw malformed(text`${count} records, allowed are 1 to ${limits.batchRecordsMax}`)
  const root = parseHash(records[1], at)
  const extra = lines.slice(at)
  if (extra.length > 16 || extra.some((line) => !EXTRA.test(line)))
    throw malformed(text`line ${at + 1} is not a header line`)
  return {
    origin: originName,
    epoch: Number(epoch),
    provider: provider[0]!,
    batchClass,
    lanes,
    kind: kind[0]!,
    item: item[0] === '-' ? undefined : item[0],
    createdMs,
    records: count,
    root,
    extra,
  }
}

/** Batch id: SHA-256 of the header's text, 32 bytes. */
export function batchId(headerText: string): Uint8Array {
  return createHash('sha256').update(utf8(headerText)).digest()
}

/** The further header line of amendments that are restorations: a version before them carries the batch, and goes on taking the records for withdrawn. */
export const RESTORES = 'x-action restore'

/** True for a batch of amendments that restores records and does nothing else. */
export function isRestoring({ kind, extra }: BatchHeader): boolean {
  return kind === 'amendment' && extra.length === 1 && extra[0] === RESTORES
}

/** Begins the names of kinds and header lines that a version which does not know them carries unread. */
export const OPTIONAL = 'x-'

function parseLane(lane: readonly string[], at: number): LanePlace {
  const [target = '', batchClass = '', number = '', previous = ''] = lane
  if (!TARGET.test(target)) throw malformed(text`line ${at} has no valid target`)
  if (!(batchClasses as readonly string[]).includes(batchClass))
    throw malformed(text`line ${at} has no valid class`)
  if (!NUMBER.test(number)) throw malformed(text`line ${at} has no valid lane number`)
  if ((number === '0') !== (previous === '-'))
    throw malformed(text`line ${at}: number 0 and only number 0 has no previous batch`)
  return {
    target,
    number: BigInt(number),
    previous: previous === '-' ? undefined : parseHash(previous, at),
  }
}

function parseHash(word: string | undefined, at: number): Uint8Array {
  const match = HASH.exec(word ?? '')
  if (!match) throw malformed(text`line ${at} has no valid hash`)
  return Buffer.from(match[1]!, 'hex')
}

function arity(words: readonly string[], count: number, at: number): void {
  if (words.length !== count)
    throw malformed(text`line ${at} has ${words.length} values, not ${count}`)
}

function malformed(what: Said): HuxinError {
  return new HuxinError('header_malformed', text`batch header: ${what}`)
}
