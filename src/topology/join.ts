/**
 * How a node comes in: the application that `huxin node init` writes
 * (`huxin/application/v1`, signed with the new note key), the join file that its parent answers with
 * (`huxin/join/v1`, JSON). A node that lost its log comes back with a member statement of the next
 * epoch, drafted and signed by itself with the old note key, to which the parent adds its signature.
 */
import { base64, fromBase64, fromHex, utf8, utf8Text } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { parseVkey, type Signer } from '../note/key.ts'
import { parseNote, signNote, verifyNote } from '../note/note.ts'
import type { TrustAnchor } from './federation.ts'
import { FederationState } from './federation.ts'
import { parseLaneKey } from './lane.ts'
import {
  checkVkey,
  formatAuthorities,
  parseAuthorities,
  parseStatement,
  readLines,
  USCC,
} from './member.ts'
import { isTier, NODE_NAME, type Tier } from './tier.ts'

export type { TrustAnchor }

export interface Application {
  readonly member: string
  readonly tier: Tier
  readonly parent: string
  readonly divisions: readonly string[]
  readonly body: string
  readonly host: string | undefined
  readonly noteVkey: string
  readonly cosignVkey: string
  /** The authority that issued the applicant's certificate; absent where it has none yet, and before 0.2. */
  readonly authorities?: readonly string[] | undefined
}

const APPLICATION_LINES = [
  'member',
  'tier',
  'parent',
  'divisions',
  'body',
  'host',
  'note',
  'cosign',
] as const

/** Writes an application, signed with the key that it names: proof that the applicant holds it. */
export function signApplication(application: Application, signer: Signer): Uint8Array {
  const text =
    'huxin/application/v1\n' +
    `member ${application.member}\ntier ${application.tier}\nparent ${application.parent}\n` +
    `divisions ${application.divisions.join(' ') || '-'}\nbody ${application.body}\nhost ${application.host ?? '-'}\n` +
    `note ${application.noteVkey}\ncosign ${application.cosignVkey}\n` +
    (application.authorities ? `authorities ${formatAuthorities(application.authorities)}\n` : '')
  return signNote(text, [signer])
}

/** @throws HuxinError note_malformed | statement_malformed | signature_invalid */
export function verifyApplication(bytes: Uint8Array): Application {
  const note = parseNote(bytes)
  const lines = readLines(note.text, 'huxin/application/v1', [
    ...APPLICATION_LINES,
    ...(note.text.includes('\nauthorities ') ? ['authorities'] : []),
  ])
  const { member = '', tier = '', parent = '', divisions = '', body = '', host = '' } = lines
  const codes = divisions === '-' ? [] : divisions.split(' ')
  if (
    !NODE_NAME.test(member) ||
    !isTier(tier) ||
    !NODE_NAME.test(parent) ||
    !USCC.test(body) ||
    (host !== '-' && !USCC.test(host)) ||
    codes.some((code, i) => !/^[0-9]{6}$/.test(code) || (i > 0 && codes[i - 1]! >= code))
  ) {
    throw new HuxinError(
      'statement_malformed',
      text`the application has a line that is not valid: write it with huxin node init`,
    )
  }
  const noteVkey = checkVkey(lines['note']!, member, 'ed25519')
  const cosignVkey = checkVkey(lines['cosign']!, member, 'cosignature')
  verifyNote(note, [parseVkey(noteVkey)])
  return {
    member,
    tier,
    parent,
    divisions: codes,
    body,
    host: host === '-' ? undefined : host,
    noteVkey,
    cosignVkey,
    ...(lines['authorities'] === undefined
      ? {}
      : { authorities: parseAuthorities(lines['authorities']) }),
  }
}

/** A lane that already stands somewhere when the member comes in. */
export interface JoinHead {
  readonly lane: string
  readonly number: bigint
  /** 64 hexadecimal digits. */
  readonly batchId: string
}

export interface JoinFile {
  readonly anchors: readonly TrustAnchor[]
  /**
   * From the root to the member: of each its statements, oldest first. The newest alone are enough as long
   * as nobody above the member changed keys since.
   */
  readonly statements: readonly Uint8Array[]
  readonly parentCheckpoint: Uint8Array
  readonly heads: readonly JoinHead[]
  /** `host:port` */
  readonly parentAddress: string
  readonly protocol: number
}

export function formatJoinFile(join: JoinFile): Uint8Array {
  return utf8(
    `${JSON.stringify(
      {
        format: 'huxin/join/v1',
        anchors: join.anchors,
        statements: join.statements.map(base64),
        parentCheckpoint: base64(join.parentCheckpoint),
        heads: join.heads.map(({ lane, number, batchId }) => ({
          lane,
          number: String(number),
          batchId,
        })),
        parentAddress: join.parentAddress,
        protocol: join.protocol,
      },
      undefined,
      2,
    )}\n`,
  )
}

/**
 * Parses a join file and checks its line of trust from a pinned root to the member.
 * @throws HuxinError config_invalid | note_malformed | statement_malformed | statement_invalid
 */
export function parseJoinFile(bytes: Uint8Array): JoinFile {
  let json: unknown
  try {
    json = JSON.parse(utf8Text(bytes) ?? '')
  } catch {
    throw bad(text`is not JSON`)
  }
  if (!isObject(json) || json['format'] !== 'huxin/join/v1')
    throw bad(text`is not of format huxin/join/v1`)
  const anchors = list(json['anchors']).map((row): TrustAnchor => {
    if (
      !isObject(row) ||
      typeof row['name'] !== 'string' ||
      typeof row['vkey'] !== 'string' ||
      !NODE_NAME.test(row['name'])
    )
      throw bad(text`has an anchor that is not valid`)
    return { name: row['name'], vkey: row['vkey'] }
  })
  const heads = list(json['heads']).map((row): JoinHead => {
    const { lane, number, batchId } = isObject(row) ? row : {}
    if (
      typeof lane !== 'string' ||
      !parseLaneKey(lane) ||
      typeof number !== 'string' ||
      !/^(?:0|[1-9][0-9]{0,17})$/.test(number) ||
      typeof batchId !== 'string' ||
      fromHex(batchId)?.length !== 32
    )
      throw bad(text`has a lane head that is not valid`)
    return { lane, number: BigInt(number), batchId }
  })
  const { parentAddress, protocol } = json
  if (anchors.length === 0) throw bad(text`pins no root`)
  if (
    typeof parentAddress !== 'string' ||
    typeof protocol !== 'number' ||
    !Number.isSafeInteger(protocol) ||
    protocol < 0
  )
    throw bad(text`has no parentAddress or protocol`)
  const join: JoinFile = {
    anchors,
    heads,
    parentAddress,
    protocol,
    statements: list(json['statements']).map((text) => bytesOf(text, 'statement')),
    parentCheckpoint: bytesOf(json['parentCheckpoint'], 'parentCheckpoint'),
  }
  trustOf(join)
  return join
}

/** The members named by a join file, each vouched for by the one above it. @throws HuxinError as parseJoinFile */
export function trustOf({
  anchors,
  statements,
}: Pick<JoinFile, 'anchors' | 'statements'>): FederationState {
  const federation = FederationState.from(anchors)
  const byMember = new Map<string, Uint8Array[]>()
  for (const bytes of statements) {
    const { member } = parseStatement(parseNote(bytes).text)
    byMember.set(member, [...(byMember.get(member) ?? []), bytes])
  }
  for (const notes of byMember.values()) federation.adopt(notes)
  return federation
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length > 100_000) throw bad(text`has a list that is missing`)
  return value
}

function bytesOf(value: unknown, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined
  if (!bytes) throw bad(text`has a ${name} that is not base64`)
  return bytes
}

function bad(what: Said): HuxinError {
  return new HuxinError(
    'config_invalid',
    text`the join file ${what}: ask the parent's operator for it again (huxin member approve)`,
  )
}
