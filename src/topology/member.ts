/**
 * Member statements (`huxin/member/v1`): what the federation says of a member. A statement is a signed
 * note; this file formats and parses its text, `federation.ts` checks chain and signatures.
 */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { isCivilDate } from '../base/clock.ts'
import { hex } from '../base/bytes.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { isTier, NODE_NAME, nodeId, type Tier } from './tier.ts'

export type MemberStatus = 'active' | 'suspended' | 'retired'

/** The tree at which a log was frozen, and which its successor goes on from. */
export interface FrozenTree {
  readonly size: bigint
  /** 32 bytes. */
  readonly root: Uint8Array
}

/** What a root lost of its log, by its own word. */
export interface LostEntries {
  /** First entry that was not there any more. */
  readonly from: bigint
  /** The largest tree of that log which anybody showed. */
  readonly seen: FrozenTree
}

/** What a statement says. */
export interface MemberStatement {
  /** Full name. */
  readonly member: string
  /** Dense, from 0. */
  readonly serial: number
  /** SHA-256 of the text of serial - 1; undefined exactly for serial 0. */
  readonly previous: Uint8Array | undefined
  readonly tier: Tier
  /** Full name; undefined for a root. */
  readonly parent: string | undefined
  /** GB/T 2260 codes, sorted. */
  readonly divisions: readonly string[]
  /** Operating body, unified social credit code. */
  readonly body: string
  /** Hosting body (托管), unified social credit code. */
  readonly host: string | undefined
  /** From 1; a new epoch has a new log and new keys. */
  readonly epoch: number
  readonly noteVkey: string
  readonly cosignVkey: string
  /** Civil dates, inclusive. */
  readonly validFrom: string
  readonly validTo: string
  readonly status: MemberStatus
  readonly actor: string
  readonly document: string
  readonly reason: string
  /**
   * The authorities that may issue certificates in the name of this member, to the node and to its clients, operators and
   * auditors: SHA-256 of each one's SubjectPublicKeyInfo (DER), 64 hexadecimal digits, sorted. Absent in statements of
   * programs before 0.2.
   */
  readonly authorities?: readonly string[] | undefined
  /** Prefixes of catalog ids that this member owns beside those of its divisions, sorted: `zj` owns `zj/…`. */
  readonly catalog?: readonly string[] | undefined
  /** Only where the epoch begins after a frozen log: the last tree of the epoch before. */
  readonly frozen?: FrozenTree | undefined
  /** Only where a root begins the epoch after a loss: which entries of the epoch before were lost. */
  readonly lost?: LostEntries | undefined
}

/** Keys of a member in one epoch. A key changed within an epoch replaces the earlier one. */
export interface EpochKeys {
  readonly epoch: number
  readonly noteVkey: string
  readonly cosignVkey: string
  /** The last tree of this epoch's log, when it was frozen and the next epoch goes on from it. */
  readonly frozen?: FrozenTree
}

/** A member as its newest statement has it. */
export interface Member extends Omit<MemberStatement, 'member' | 'previous' | 'frozen' | 'lost'> {
  readonly name: string
  readonly id: string
  readonly trustDomain: string
  readonly statementHash: Uint8Array
  readonly noteBytes: Uint8Array
  /** Keys of every epoch, oldest first, so that old batches and logs still verify. */
  readonly epochs: readonly EpochKeys[]
}

export function formatStatement(statement: MemberStatement): string {
  return (
    'huxin/member/v1\n' +
    `member ${statement.member}\n` +
    `serial ${statement.serial}\n` +
    `previous ${statement.previous ? `sha256:${hex(statement.previous)}` : '-'}\n` +
    `tier ${statement.tier}\n` +
    `parent ${statement.parent ?? '-'}\n` +
    `divisions ${statement.divisions.join(' ') || '-'}\n` +
    `body ${statement.body}\n` +
    `host ${statement.host ?? '-'}\n` +
    `epoch ${statement.epoch}\n` +
    `note ${statement.noteVkey}\n` +
    `cosign ${statement.cosignVkey}\n` +
    `valid ${statement.validFrom} ${statement.validTo}\n` +
    `status ${statement.status}\n` +
    `actor ${statement.actor}\n` +
    `document ${statement.document}\n` +
    `reason ${statement.reason}\n` +
    (statement.authorities ? `authorities ${formatAuthorities(statement.authorities)}\n` : '') +
    (statement.catalog ? `catalog ${statement.catalog.join(' ')}\n` : '') +
    (statement.frozen
      ? `frozen ${statement.frozen.size} sha256:${hex(statement.frozen.root)}\n`
      : '') +
    (statement.lost
      ? `lost ${statement.lost.from} ${statement.lost.seen.size} sha256:${hex(statement.lost.seen.root)}\n`
      : '')
  )
}

/** @throws HuxinError statement_malformed */
export function parseStatement(text: string): MemberStatement {
  const lines = readLines(text, 'huxin/member/v1', [
    ...STATEMENT_LINES,
    ...OPTIONAL_LINES.filter((name) => text.includes(`\n${name} `)),
  ])
  const {
    member = '',
    serial = '',
    previous = '',
    tier = '',
    parent = '',
    divisions = '',
    status = '',
  } = lines
  check(NODE_NAME.test(member), 'member')
  check(COUNT.test(serial), 'serial')
  check(
    (serial === '0') === (previous === '-') &&
      (previous === '-' || /^sha256:[0-9a-f]{64}$/.test(previous)),
    'previous',
  )
  check(isTier(tier), 'tier')
  check(parent === '-' || NODE_NAME.test(parent), 'parent')
  const codes = divisions === '-' ? [] : divisions.split(' ')
  check(
    codes.every((code, i) => /^[0-9]{6}$/.test(code) && (i === 0 || codes[i - 1]! < code)),
    'divisions',
  )
  check(USCC.test(lines['body']!), 'body')
  check(lines['host'] === '-' || USCC.test(lines['host']!), 'host')
  check(COUNT.test(lines['epoch']!) && lines['epoch'] !== '0', 'epoch')
  const [validFrom = '', validTo = '', ...rest] = lines['valid']!.split(' ')
  check(
    isCivilDate(validFrom) && isCivilDate(validTo) && rest.length === 0 && validFrom <= validTo,
    'valid',
  )
  check(status === 'active' || status === 'suspended' || status === 'retired', 'status')
  return {
    member,
    serial: Number(serial),
    previous: previous === '-' ? undefined : Buffer.from(previous.slice(7), 'hex'),
    tier: tier as Tier,
    parent: parent === '-' ? undefined : parent,
    divisions: codes,
    body: lines['body']!,
    host: lines['host'] === '-' ? undefined : lines['host'],
    epoch: Number(lines['epoch']),
    noteVkey: checkVkey(lines['note']!, member, 'ed25519'),
    cosignVkey: checkVkey(lines['cosign']!, member, 'cosignature'),
    validFrom,
    validTo,
    status: status as MemberStatus,
    actor: lines['actor']!,
    document: lines['document']!,
    reason: lines['reason']!,
    ...(lines['authorities'] === undefined
      ? {}
      : { authorities: parseAuthorities(lines['authorities']) }),
    ...(lines['catalog'] === undefined ? {} : { catalog: parsePrefixes(lines['catalog']) }),
    ...(lines['frozen'] === undefined ? {} : { frozen: parseFrozen(lines['frozen'], 'frozen') }),
    ...(lines['lost'] === undefined ? {} : { lost: parseLost(lines['lost']) }),
  }
}

const STATEMENT_LINES = [
  'member',
  'serial',
  'previous',
  'tier',
  'parent',
  'divisions',
  'body',
  'host',
  'epoch',
  'note',
  'cosign',
  'valid',
  'status',
  'actor',
  'document',
  'reason',
] as const

/** Lines that stand after the others, in this order, where there is something to say. */
const OPTIONAL_LINES = ['authorities', 'catalog', 'frozen', 'lost'] as const

/** Authorities of one statement. */
export const AUTHORITIES_MAX = 8
/** Catalog prefixes of one statement. */
export const PREFIXES_MAX = 32
export const CATALOG_PREFIX = /^[a-z0-9-]{1,32}$/

export function formatAuthorities(authorities: readonly string[]): string {
  return authorities.map((digest) => `sha256:${digest}`).join(' ')
}

/** @throws HuxinError statement_malformed */
export function parseAuthorities(text: string): string[] {
  const words = text.split(' ')
  check(
    words.length <= AUTHORITIES_MAX &&
      isSorted(words) &&
      words.every((word) => /^sha256:[0-9a-f]{64}$/.test(word)),
    'authorities',
  )
  return words.map((word) => word.slice(7))
}

function parsePrefixes(text: string): string[] {
  const words = text.split(' ')
  check(
    words.length <= PREFIXES_MAX &&
      isSorted(words) &&
      words.every((word) => CATALOG_PREFIX.test(word)),
    'catalog',
  )
  return words
}

function isSorted(words: readonly string[]): boolean {
  return words.every((word, i) => i === 0 || words[i - 1]! < word)
}

function parseLost(text: string): LostEntries {
  const at = text.indexOf(' ')
  const from = text.slice(0, at)
  check(/^(?:0|[1-9][0-9]{0,17})$/.test(from), 'lost')
  const seen = parseFrozen(text.slice(at + 1), 'lost')
  check(BigInt(from) < seen.size, 'lost')
  return { from: BigInt(from), seen }
}

function parseFrozen(text: string, field: string): FrozenTree {
  const match = /^([1-9][0-9]{0,17}) sha256:([0-9a-f]{64})$/.exec(text)
  check(match !== null, field)
  return { size: BigInt(match![1]!), root: Buffer.from(match![2]!, 'hex') }
}

/** A vkey of the right type whose name is the member's. @throws HuxinError statement_malformed */
export function checkVkey(
  content: string,
  member: string,
  type: 'ed25519' | 'cosignature',
): string {
  try {
    const key = parseVkey(content)
    if (key.type === type && key.name === member) return content
  } catch {
    // falls through
  }
  throw new HuxinError(
    'statement_malformed',
    text`the ${type === 'ed25519' ? text`note` : text`cosign`} key is no ${type} key named ${member}`,
  )
}

/**
 * Reads the lines `<name> <value>` of a text of ours, in order, after its first line.
 * @throws HuxinError statement_malformed
 */
export function readLines(
  content: string,
  first: string,
  names: readonly string[],
): Record<string, string> {
  const lines = content.split('\n')
  if (lines.pop() !== '' || lines[0] !== first)
    throw new HuxinError(
      'statement_malformed',
      text`this is no ${first}: its first line is ${JSON.stringify((lines[0] ?? '').slice(0, 40))}`,
    )
  if (lines.length !== names.length + 1)
    throw new HuxinError(
      'statement_malformed',
      text`${first} has ${lines.length} lines, ${names.length + 1} are wanted`,
    )
  const values: Record<string, string> = {}
  for (const [i, name] of names.entries()) {
    const line = lines[i + 1]!
    const value = line.slice(name.length + 1)
    if (!line.startsWith(`${name} `) || value === '' || value.length > 2_000)
      throw new HuxinError(
        'statement_malformed',
        text`${first}: line ${i + 2} is not "${name} <value>"`,
      )
    values[name] = value
  }
  return values
}

export const COUNT = /^(?:0|[1-9][0-9]{0,8})$/
export const USCC = /^[0-9A-HJ-NPQRTUWXY]{18}$/

function check(condition: boolean, field: string): void {
  if (!condition)
    throw new HuxinError('statement_malformed', text`the line "${field}" is not valid`)
}

/** True when a list of division codes covers a code: by name, or by a province or prefecture code above it. */
export function covers(codes: readonly string[], code: string): boolean {
  return codes.some(
    (own) =>
      own === code ||
      own === '000000' ||
      own === '100000' ||
      (own.endsWith('0000') && code.startsWith(own.slice(0, 2))) ||
      (own.endsWith('00') && !own.endsWith('0000') && code.startsWith(own.slice(0, 4))),
  )
}

/** The member as a statement that may be applied makes it; `hash` is that of the statement's text. */
export function memberOf(
  statement: MemberStatement,
  before: Member | undefined,
  hash: Uint8Array,
  noteBytes: Uint8Array,
): Member {
  const { member: name, previous: _previous, frozen, lost: _lost, ...rest } = statement
  const earlier = before?.epochs.filter(({ epoch }) => epoch !== statement.epoch) ?? []
  const keys: EpochKeys = {
    epoch: statement.epoch,
    noteVkey: statement.noteVkey,
    cosignVkey: statement.cosignVkey,
  }
  return {
    ...rest,
    name,
    id: nodeId(name),
    trustDomain: name.slice(0, name.lastIndexOf('/')),
    statementHash: hash,
    noteBytes,
    epochs: [
      ...earlier.map((row) =>
        frozen && row.epoch === statement.epoch - 1 ? { ...row, frozen } : row,
      ),
      keys,
    ],
  }
}

/** The log that a log of a member goes on from, and at which tree; undefined when it began empty. */
export function predecessorOf(
  member: Member,
  log: string,
): { readonly log: string; readonly tree: FrozenTree } | undefined {
  const before = member.epochs.find(
    ({ epoch, frozen }) => frozen && `${member.name}/${epoch + 1}` === log,
  )
  return before?.frozen && { log: `${member.name}/${before.epoch}`, tree: before.frozen }
}

/** The statement that began an epoch, of all statements of a member, oldest first: later ones say the same keys, and not what the epoch goes on from. */
export function statementOfEpoch(
  history: readonly Uint8Array[],
  epoch: number,
): Uint8Array | undefined {
  return history.find((note) => parseStatement(parseNote(note).text).epoch === epoch)
}
