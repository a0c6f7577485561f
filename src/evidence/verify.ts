/** Verification of a file of evidence: from the root key down to the record, each step with its own fault. */
import { equalBytes, hex } from '../base/bytes.ts'
import { text, textOf } from '../base/text.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import { parseHeaderNote, type SealedHeader, verifyHeader } from '../batch/seal.ts'
import { leafHash } from '../merkle/hash.ts'
import { verifyInclusion } from '../merkle/proof.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { verifyCosignatureLine } from '../note/cosignature.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { parseNote, verifyNote } from '../note/note.ts'
import { logVkey, parseTlogProof } from '../note/tlog-proof.ts'
import { FederationState } from '../topology/federation.ts'
import { type MemberStatement, parseStatement } from '../topology/member.ts'
import { evidenceFault } from './faults.ts'
import {
  type EvidencePart,
  type Issuance,
  parseEvidence,
  parsePathPart,
  parseRecordPart,
  partHash,
} from './file.ts'

/** A log that holds the batch. */
export interface ProvenLog {
  /** Origin line: `<trust domain>/<node id>/<epoch>`. */
  readonly log: string
  readonly index: bigint
  /** Size of the signed tree. */
  readonly size: bigint
  readonly entry: Entry
  /** Members whose cosignatures verify, with the time in seconds since 1970 that each states. */
  readonly cosigners: readonly { readonly name: string; readonly timeSeconds: bigint }[]
  /** Names on signature lines whose keys the file does not show. */
  readonly unchecked: readonly string[]
}

/** What a file proves. */
export interface ProvenEvidence {
  readonly issuance: Issuance
  readonly batchId: string
  readonly header: BatchHeader
  /** Undefined when the evidence is of the batch alone; `bytes` undefined when only the hash is there. */
  readonly record:
    | {
        readonly position: number
        readonly leafHash: Uint8Array
        readonly bytes: Uint8Array | undefined
      }
    | undefined
  /** At least one, in the order of the file. */
  readonly logs: readonly ProvenLog[]
  /** Vkey of the root key from which everything follows. */
  readonly roots: readonly string[]
}

/**
 * Verifies a file with nothing but root keys.
 * @throws HuxinError evidence_invalid, `details.fault` says which way; note_malformed for a root key that is none
 */
export function verifyEvidence(bytes: Uint8Array, rootVkeys: readonly string[]): ProvenEvidence {
  const { issuanceNote, issuance, parts } = parseEvidence(bytes)
  const statements = replayStatements(partsOf(parts, 'statement'), rootVkeys)
  verifyIssuance(issuanceNote, issuance, statements)
  checkUnchanged(issuance, parts)
  const entries = partsOf(parts, 'entry')
  if (entries.length === 0) throw evidenceFault('no_log', text`there is no part "entry"`)
  const shown = entries.map((part) => showLog(part, parts, statements, issuance))
  const batch = shown[0]!.batch
  return {
    issuance,
    batchId: batch.idText,
    header: batch.header,
    record: showRecord(issuance, parts, batch.header),
    logs: shown.map(({ log }) => log),
    roots: rootVkeys.filter((vkey) =>
      statements.some(
        ({ member, parent }) => parent === undefined && member === parseVkey(vkey).name,
      ),
    ),
  }
}

export function partsOf(parts: readonly EvidencePart[], kind: string): EvidencePart[] {
  return parts.filter(({ name }) => name.startsWith(`${kind} `))
}

/** Replays the statements from the root keys; they stand in the order in which they were made. */
export function replayStatements(
  parts: readonly EvidencePart[],
  rootVkeys: readonly string[],
): readonly MemberStatement[] {
  const anchors = rootVkeys.map((vkey) => ({ name: parseVkey(vkey).name, vkey }))
  const federation = FederationState.from(anchors)
  return parts.map(({ name, bytes }) => {
    try {
      const note = parseNote(bytes)
      const statement = parseStatement(note.text)
      if (name !== `statement ${statement.member} ${statement.serial}`)
        throw evidenceFault(
          'statement_invalid',
          text`${name} is of ${statement.member} ${statement.serial}`,
        )
      if (statement.parent === undefined && statement.serial === 0)
        checkRoot(statement.member, note, anchors)
      federation.applyStatement(bytes)
      return statement
    } catch (error) {
      throw asFault(error, 'statement_invalid', name)
    }
  })
}

function checkRoot(
  member: string,
  note: ReturnType<typeof parseNote>,
  anchors: readonly { readonly name: string; readonly vkey: string }[],
): void {
  const anchor = anchors.find(({ name }) => name === member)
  if (!anchor)
    throw evidenceFault(
      'root_unknown',
      text`it begins at ${member}, the key is of ${anchors.map(({ name }) => name).join(', ') || text`nobody`}`,
    )
  try {
    verifyNote(note, [parseVkey(anchor.vkey)])
  } catch {
    throw evidenceFault(
      'root_unknown',
      text`the first statement of ${member} is not signed with the key ${anchor.vkey}`,
    )
  }
}

/** Keys that a member's statements name for an epoch, oldest first. */
export function keysOf(
  statements: readonly MemberStatement[],
  node: string,
  epoch: number,
  which: 'noteVkey' | 'cosignVkey',
): Verifier[] {
  const vkeys = statements
    .filter((statement) => statement.member === node && statement.epoch === epoch)
    .map((statement) => statement[which])
  return [...new Set(vkeys)].map((vkey) => parseVkey(vkey))
}

function verifyIssuance(
  noteBytes: Uint8Array,
  { issuer, epoch }: Issuance,
  statements: readonly MemberStatement[],
): void {
  try {
    verifyNote(parseNote(noteBytes), keysOf(statements, issuer, epoch, 'noteVkey'))
  } catch (error) {
    throw evidenceFault('issuance_signature', textOf(error))
  }
}

const changed = {
  record: 'record_changed',
  path: 'path_changed',
  entry: 'entry_changed',
  proof: 'proof_changed',
  statement: 'statement_changed',
} as const

/** The parts are, byte for byte, those that were issued. */
function checkUnchanged(issuance: Issuance, parts: readonly EvidencePart[]): void {
  for (const [i, { name, bytes }] of parts.entries()) {
    const { hash } = issuance.parts[i]!
    const found = partHash(bytes)
    if (equalBytes(found, hash)) continue
    throw evidenceFault(
      changed[name.split(' ')[0] as keyof typeof changed],
      text`${name} has SHA-256 ${hex(found).slice(0, 16)}…, issued was ${hex(hash).slice(0, 16)}…`,
    )
  }
}

/** A log holds the entry, and the entry is of the batch that its origin signed. */
function showLog(
  part: EvidencePart,
  parts: readonly EvidencePart[],
  statements: readonly MemberStatement[],
  issuance: Issuance,
): { log: ProvenLog; batch: SealedHeader } {
  const [, origin = '', index = ''] = part.name.split(' ')
  const where = `${origin} ${index}`
  const proofPart = parts.find(({ name }) => name === `proof ${where}`)
  if (!proofPart) throw evidenceFault('part_removed', text`proof ${where}`)
  const { entry, batch } = attempt('part_malformed', part.name, () => {
    const parsed = parseEntry(part.bytes)
    return { entry: parsed, batch: parseHeaderNote(parsed.header) }
  })
  const tlog = attempt('part_malformed', proofPart.name, () => parseTlogProof(proofPart.bytes))
  if (tlog.index !== BigInt(index))
    throw evidenceFault('log_other', text`proof ${where} is of entry ${tlog.index}`)
  const tree = showCheckpoint(origin, tlog.checkpointNote, statements)
  attempt('not_logged', where, () =>
    verifyInclusion({
      index: tlog.index,
      size: tree.checkpoint.size,
      leafHash: leafHash(part.bytes),
      proof: tlog.proof,
      root: tree.checkpoint.root,
    }),
  )
  if (!equalBytes(batch.id, issuance.batchId))
    throw evidenceFault(
      'batch_other',
      text`${where} holds batch ${batch.idText}, issued was ${hex(issuance.batchId)}`,
    )
  showOrigin(batch, statements)
  return {
    log: {
      log: origin,
      index: tlog.index,
      size: tree.checkpoint.size,
      entry,
      cosigners: tree.cosigners,
      unchecked: tree.unchecked,
    },
    batch,
  }
}

function showCheckpoint(
  origin: string,
  note: Uint8Array,
  statements: readonly MemberStatement[],
): { checkpoint: Checkpoint } & Pick<ProvenLog, 'cosigners' | 'unchecked'> {
  const at = origin.lastIndexOf('/')
  const keys = keysOf(statements, origin.slice(0, at), Number(origin.slice(at + 1)), 'noteVkey')
  if (keys.length === 0) throw evidenceFault('log_unknown', origin)
  // The same key under the name that tools of other makes want: that of the log.
  const logKeys = [...keys, ...keys.map((key) => parseVkey(logVkey(origin, key)))]
  const { text: content, signatures } = attempt('part_malformed', `proof ${origin}`, () =>
    parseNote(note),
  )
  const claimed = attempt('part_malformed', `proof ${origin}`, () => parseCheckpoint(content))
  if (claimed.origin !== origin)
    throw evidenceFault('log_other', text`the checkpoint is of ${claimed.origin}, not of ${origin}`)
  const checkpoint = attempt('checkpoint_signature', origin, () =>
    openCheckpoint(note, logKeys, origin),
  )
  checkFrozen(checkpoint, statements)
  const cosigners: { name: string; timeSeconds: bigint }[] = []
  const unchecked: string[] = []
  for (const line of signatures) {
    if (logKeys.some(({ name, keyId }) => name === line.name && keyId === line.keyId)) continue
    const key = statements
      .filter(({ member }) => member === line.name)
      .map(({ cosignVkey }) => parseVkey(cosignVkey))
      .find(({ keyId }) => keyId === line.keyId)
    if (!key) {
      unchecked.push(line.name)
      continue
    }
    const cosigned = verifyCosignatureLine(content, line, key)
    if (!cosigned)
      throw evidenceFault('cosignature_invalid', text`${line.name} on the checkpoint of ${origin}`)
    cosigners.push({ name: line.name, timeSeconds: cosigned.timeSeconds })
  }
  return { checkpoint, cosigners, unchecked }
}

/** The statement of the next epoch says where a frozen log ended: what its old key signed beyond that proves nothing. */
function checkFrozen(
  { origin, size, root }: Checkpoint,
  statements: readonly MemberStatement[],
): void {
  const next = statements.find(
    ({ member, epoch, frozen }) => frozen && `${member}/${epoch - 1}` === origin,
  )?.frozen
  if (!next || size < next.size || (size === next.size && equalBytes(root, next.root))) return
  throw evidenceFault(
    'log_frozen',
    text`${origin} was frozen at ${next.size} entries, this checkpoint is over ${size}`,
  )
}

function showOrigin(batch: SealedHeader, statements: readonly MemberStatement[]): void {
  const { origin, epoch } = batch.header
  const keys = keysOf(statements, origin, epoch, 'noteVkey')
  const signed = keys.some((key) => {
    try {
      verifyHeader(batch, key)
      return true
    } catch {
      return false
    }
  })
  if (!signed)
    throw evidenceFault(
      'header_signature',
      keys.length === 0
        ? text`no statement names a key of ${origin} in epoch ${epoch}`
        : text`${origin}, epoch ${epoch}`,
    )
}

function showRecord(
  issuance: Issuance,
  parts: readonly EvidencePart[],
  header: BatchHeader,
): ProvenEvidence['record'] {
  if (!issuance.record) return undefined
  const { position, leafHash: issued } = issuance.record
  const [record, path] = ['record', 'path'].map((wanted) => {
    const part = parts.find(({ name }) => name === wanted)
    if (!part) throw evidenceFault('part_removed', wanted)
    return part.bytes
  }) as [Uint8Array, Uint8Array]
  const { leafHash: found, bytes } = parseRecordPart(record)
  if (!equalBytes(found, issued))
    throw evidenceFault(
      'record_other',
      text`it has ${hex(found)}, the issuance states ${hex(issued)}`,
    )
  const { index, size, proof } = parsePathPart(path)
  if (index !== position || size !== header.records)
    throw evidenceFault(
      'record_not_in_batch',
      text`the path is of record ${index} of ${size}, wanted is ${position} of ${header.records}`,
    )
  attempt('record_not_in_batch', `record ${position}`, () =>
    verifyInclusion({
      index: BigInt(index),
      size: BigInt(size),
      leafHash: found,
      proof,
      root: header.root,
    }),
  )
  return { position, leafHash: found, bytes }
}

export function attempt<T>(
  fault: Parameters<typeof evidenceFault>[0],
  what: string,
  doing: () => T,
): T {
  try {
    return doing()
  } catch (error) {
    throw asFault(error, fault, what)
  }
}

/** Any error of a lower room becomes the fault of this step; a fault stays what it is. */
function asFault(
  error: unknown,
  fault: Parameters<typeof evidenceFault>[0],
  what: string,
): unknown {
  return isFault(error) ? error : evidenceFault(fault, text`${what}: ${textOf(error)}`)
}

function isFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'evidence_invalid'
}
