/**
 * The log entry: what a node says of a batch, and the batch's header verbatim. It is the leaf of the
 * node's log, holds no personal data, and is at most 65,535 bytes (C2SP tlog-tiles).
 *
 * `judged` is the time and place of the first receipt: the origin's parent's, or the origin's own when
 * it has no parent. Membership, keys and catalog editions are judged as of that time at every node.
 */
import { asBuffer, hex, utf8, utf8Text } from '../base/bytes.ts'
import { formatTime, parseTime } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'

/** Edition of the rules by which this program judges. */
export const RULES_EDITION = '2026.2'
/** The edition of programs before 0.2; what a node on the way logged under it is judged by it. */
export const FIRST_EDITION = '2026.1'

/** The edition by which a batch is judged that a node on the way judged by another, when one did: this program's, or one before. */
export function editionOf(stated: string | undefined): string {
  return stated === FIRST_EDITION ? FIRST_EDITION : RULES_EDITION
}

/** True when the rules that came with edition 2026.2 bind: recognitions, names of the catalog, ids of new members. */
export function bindsAll(rules: string | undefined): boolean {
  return editionOf(rules) === RULES_EDITION
}

/** Where an entry's batch came from. */
export type EntrySource =
  | { readonly kind: 'self' }
  /** A department's client of this node, by the name in its certificate. */
  | { readonly kind: 'client'; readonly name: string }
  /** A person with an operator's certificate of this node; written `client operator/<name>`, which earlier programs read as a client. */
  | { readonly kind: 'operator'; readonly name: string }
  /** A child node, by full name. */
  | { readonly kind: 'child'; readonly node: string }
  /** The parent's log: its origin line, the entry's index and the entry's leaf hash. */
  | {
      readonly kind: 'parent'
      readonly log: string
      readonly index: bigint
      readonly leaf: Uint8Array
    }
  /** Brought back from the parent by lane and number, or by recovery. */
  | { readonly kind: 'fetched'; readonly node: string }

export type Verdict =
  | { readonly accepted: true }
  /** `code` may be of a later minor version; `reasons` is the SHA-256 of the Refusal message stored beside the entry. */
  | { readonly accepted: false; readonly code: string; readonly reasons: Uint8Array }

export interface Judged {
  readonly timeMs: number
  /** Full name of the node. */
  readonly node: string
}

export interface Entry {
  readonly timeMs: number
  readonly source: EntrySource
  readonly judged: Judged
  readonly rules: string
  readonly verdict: Verdict
  /** The signed header note, as received. */
  readonly header: Uint8Array
}

const NAME = /^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}$/
const LOG = /^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}\/[1-9][0-9]{0,8}$/
/** Names come percent-encoded from certificates, where they have at most 600 bytes. */
const CLIENT = /^[^\x00-\x20\x7f]{1,600}$/
/** No percent-encoded name has a slash. */
const OPERATOR = 'operator/'

/** True for what was born at the node whose log says so. */
export function isBornHere({ kind }: EntrySource): boolean {
  return kind === 'self' || kind === 'client' || kind === 'operator'
}

/** `<time> <node>`, as it travels with a package. */
export function formatJudged(judged: Judged): string {
  return `${formatTime(judged.timeMs)} ${judged.node}`
}

/** Parses the text of formatJudged; undefined for anything else. */
export function parseJudged(text: string): Judged | undefined {
  const [time = '', node = '', ...rest] = text.split(' ')
  const timeMs = parseTime(time)
  return timeMs === undefined || !NAME.test(node) || rest.length > 0 ? undefined : { timeMs, node }
}

/** Everything before the header, with the empty line. */
export function formatEntryPrefix(entry: Omit<Entry, 'header'>): string {
  return (
    'huxin/entry/v1\n' +
    `time ${formatTime(entry.timeMs)}\n` +
    `from ${formatSource(entry.source)}\n` +
    `judged ${formatJudged(entry.judged)}\n` +
    `rules ${entry.rules}\n` +
    `verdict ${entry.verdict.accepted ? 'accepted' : `refused ${entry.verdict.code} sha256:${hex(entry.verdict.reasons)}`}\n\n`
  )
}

/** @throws HuxinError message_too_large */
export function formatEntry(entry: Entry): Uint8Array {
  const bytes = Buffer.concat([utf8(formatEntryPrefix(entry)), entry.header])
  if (bytes.length > limits.entryBytesMax) {
    throw new HuxinError(
      'message_too_large',
      text`a log entry has ${bytes.length} bytes, at most ${limits.entryBytesMax}`,
    )
  }
  return bytes
}

/** Length of the prefix of an entry, the empty line included; -1 when there is none. */
export function entryPrefixLength(bytes: Uint8Array): number {
  const at = asBuffer(bytes).indexOf('\n\n')
  return at < 0 ? -1 : at + 2
}

/** @throws HuxinError entry_malformed */
export function parseEntry(bytes: Uint8Array): Entry {
  if (bytes.length > limits.entryBytesMax) throw malformed(text`is too long`)
  const end = entryPrefixLength(bytes)
  const content = end < 0 ? undefined : utf8Text(bytes.subarray(0, end))
  if (content === undefined) throw malformed(text`has no prefix`)
  const lines = content.split('\n')
  if (lines.length !== 8)
    throw malformed(text`has ${lines.length - 2} lines before its header, not 6`)
  const value = (at: number, name: string): string => {
    const line = lines[at]!
    if (!line.startsWith(`${name} `)) throw malformed(text`line ${at + 1} is not "${name} …"`)
    return line.slice(name.length + 1)
  }
  if (lines[0] !== 'huxin/entry/v1') throw malformed(text`first line is not huxin/entry/v1`)
  const timeMs = parseTime(value(1, 'time'))
  const source = parseSource(value(2, 'from'))
  const judged = parseJudged(value(3, 'judged'))
  const rules = value(4, 'rules')
  const verdict = parseVerdict(value(5, 'verdict'))
  if (timeMs === undefined) throw malformed(text`has no valid time`)
  if (!source) throw malformed(text`has no valid source`)
  if (!judged) throw malformed(text`has no valid judged line`)
  if (!/^[A-Za-z0-9.-]{1,32}$/.test(rules)) throw malformed(text`has no valid rules edition`)
  if (!verdict) throw malformed(text`has no valid verdict`)
  return { timeMs, source, judged, rules, verdict, header: bytes.subarray(end) }
}

function formatSource(source: EntrySource): string {
  switch (source.kind) {
    case 'self':
      return 'self'
    case 'client':
      return `client ${source.name}`
    case 'operator':
      return `client ${OPERATOR}${source.name}`
    case 'child':
      return `child ${source.node}`
    case 'parent':
      return `parent ${source.log} ${source.index} sha256:${hex(source.leaf)}`
    case 'fetched':
      return `fetched ${source.node}`
  }
}

function parseSource(text: string): EntrySource | undefined {
  const words = text.split(' ')
  const [kind, name = '', index = '', leaf = ''] = words
  if (kind === 'self' && words.length === 1) return { kind }
  if (
    kind === 'client' &&
    words.length === 2 &&
    name.startsWith(OPERATOR) &&
    CLIENT.test(name.slice(OPERATOR.length))
  )
    return { kind: 'operator', name: name.slice(OPERATOR.length) }
  if (kind === 'client' && words.length === 2 && CLIENT.test(name)) return { kind, name }
  if ((kind === 'child' || kind === 'fetched') && words.length === 2 && NAME.test(name))
    return { kind, node: name }
  if (kind !== 'parent' || words.length !== 4 || !LOG.test(name)) return undefined
  if (!/^(?:0|[1-9][0-9]{0,17})$/.test(index) || !/^sha256:[0-9a-f]{64}$/.test(leaf))
    return undefined
  return { kind, log: name, index: BigInt(index), leaf: Buffer.from(leaf.slice(7), 'hex') }
}

function parseVerdict(text: string): Verdict | undefined {
  if (text === 'accepted') return { accepted: true }
  const match = /^refused ([^ ]+) sha256:([0-9a-f]{64})$/.exec(text)
  if (!match || !isRefusalCode(match[1]!)) return undefined
  return { accepted: false, code: match[1]!, reasons: Buffer.from(match[2]!, 'hex') }
}

/** True for the form of a code: a parent of a later minor version refuses for reasons that are not known here. */
export function isRefusalCode(code: string): boolean {
  return /^[a-z_]{1,64}$/.test(code)
}

function malformed(what: Said): HuxinError {
  return new HuxinError('entry_malformed', text`log entry ${what}`)
}
