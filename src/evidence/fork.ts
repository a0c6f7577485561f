/**
 * The file that proves that a log's key signed two logs (`huxin/fork/v1`): two checkpoints that cannot be of
 * one tree, where their sizes differ the hashes that show it, and the member statements that lead from the
 * root key to the log's key. Nobody issues it and nothing in it is believed: whoever holds the two notes can
 * put it together, and whoever reads it checks all of it. A file that only looks like a fork is told from
 * one: an older checkpoint is none, and neither is a proof that leads nowhere.
 */
import { asBuffer, base64, fromBase64, utf8, utf8Text } from '../base/bytes.ts'
import { text } from '../base/text.ts'
import { compareTrees } from '../merkle/beginning.ts'
import { HASH_BYTES } from '../merkle/hash.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { formatVkey, parseVkey, type Verifier } from '../note/key.ts'
import { parseNote, verifyNote } from '../note/note.ts'
import { logVkey } from '../note/tlog-proof.ts'
import { evidenceFault } from './faults.ts'
import { EVIDENCE_BYTES_MAX, type EvidencePart, splitParts } from './file.ts'
import { attempt, keysOf, partsOf, replayStatements } from './verify.ts'

/** What shows the fork. */
export interface Fork {
  /** Origin line: `<trust domain>/<node id>/<epoch>`. */
  readonly log: string
  /** Checkpoint notes; the first is of the smaller tree. */
  readonly first: Uint8Array
  readonly second: Uint8Array
  /** See merkle/beginning.ts; empty when the sizes are equal. */
  readonly beginning: readonly Uint8Array[]
}

/** What a file proves. */
export interface ProvenFork {
  readonly log: string
  readonly first: Checkpoint
  readonly second: Checkpoint
  /** Vkeys that signed, as members name them; one, unless the key changed within the epoch. */
  readonly keys: readonly string[]
  /** Vkeys of the root keys from which that follows. */
  readonly roots: readonly string[]
}

const FIRST_LINE = 'huxin/fork/v1\n'
const HASHES_MAX = 64
const LOG = /^([a-z0-9.-]{1,128}\/[a-z0-9-]{1,32})\/([1-9][0-9]{0,8})$/

/** True when the bytes claim to be such a file. */
export function isForkFile(bytes: Uint8Array): boolean {
  return asBuffer(bytes).subarray(0, FIRST_LINE.length).equals(utf8(FIRST_LINE))
}

/** `statements`: parts `statement <member> <serial>`, each after those that it follows from. */
export function formatFork(
  { log, first, second, beginning }: Fork,
  statements: readonly EvidencePart[],
): Uint8Array {
  const parts: EvidencePart[] = [
    { name: 'checkpoint 1', bytes: first },
    { name: 'checkpoint 2', bytes: second },
    ...(beginning.length > 0
      ? [{ name: 'beginning', bytes: utf8(beginning.map((hash) => `${base64(hash)}\n`).join('')) }]
      : []),
    ...statements,
  ]
  return Buffer.concat([
    utf8(`${FIRST_LINE}log ${log}\n`),
    ...parts.flatMap(({ name, bytes }) => [utf8(`=== ${name}\n`), bytes]),
    utf8('=== end\n'),
  ])
}

/**
 * Verifies a file with nothing but root keys. A log whose key is itself a root key needs no statements.
 * @throws HuxinError evidence_invalid, `details.fault` says which way; note_malformed for a root key that is none
 */
export function verifyFork(bytes: Uint8Array, rootVkeys: readonly string[]): ProvenFork {
  const { log, parts } = parseFork(bytes)
  const [, node = '', epoch = ''] = LOG.exec(log)!
  const statements = replayStatements(partsOf(parts, 'statement'), rootVkeys)
  const pinned =
    statements.length > 0
      ? []
      : rootVkeys.map((vkey) => parseVkey(vkey)).filter(({ name }) => name === node || name === log)
  const keys = [...keysOf(statements, node, Number(epoch), 'noteVkey'), ...pinned]
  if (keys.length === 0) throw evidenceFault('log_unknown', log)
  const [first, second] = ['checkpoint 1', 'checkpoint 2'].map((name) =>
    openPart(name, parts, { log, keys }),
  ) as [Opened, Opened]
  showFork(first.checkpoint, second.checkpoint, parseBeginning(parts))
  return {
    log,
    first: first.checkpoint,
    second: second.checkpoint,
    keys: [...new Set([...first.signers, ...second.signers])],
    roots: rootVkeys.filter(
      (vkey) =>
        pinned.length > 0 ||
        statements.some(
          ({ member, parent }) => parent === undefined && member === parseVkey(vkey).name,
        ),
    ),
  }
}

function parseFork(bytes: Uint8Array): { log: string; parts: readonly EvidencePart[] } {
  if (bytes.length > EVIDENCE_BYTES_MAX)
    throw evidenceFault(
      'not_evidence',
      text`it has ${bytes.length} bytes, at most ${EVIDENCE_BYTES_MAX}`,
    )
  if (!isForkFile(bytes))
    throw evidenceFault('not_evidence', text`its first line is not huxin/fork/v1`)
  const [head, ...parts] = splitParts(asBuffer(bytes))
  const last = parts.pop()
  if (last?.name !== 'end' || last.bytes.length > 0)
    throw evidenceFault('cut_off', text`its last line is not "=== end"`)
  const log = /^huxin\/fork\/v1\nlog ([^\n]*)\n$/.exec(utf8Text(head!.bytes) ?? '')?.[1]
  if (log === undefined || !LOG.test(log))
    throw evidenceFault(
      'part_malformed',
      text`the second line is not "log <origin>", or it is not the last before the parts`,
    )
  checkOrder(parts.map(({ name }) => name))
  return { log, parts }
}

/** Two checkpoints, then a beginning or none, then statements. */
function checkOrder(names: readonly string[]): void {
  for (const [i, wanted] of ['checkpoint 1', 'checkpoint 2'].entries()) {
    if (!names.includes(wanted)) throw evidenceFault('part_removed', wanted)
    if (names[i] !== wanted) throw evidenceFault('part_moved', wanted)
  }
  const rest = names.slice(names[2] === 'beginning' ? 3 : 2)
  const extra = rest.find(
    (name, i) => !/^statement \S+ (?:0|[1-9][0-9]{0,8})$/.test(name) || rest.indexOf(name) !== i,
  )
  if (extra !== undefined)
    throw evidenceFault(
      extra === 'beginning' ? 'part_moved' : 'part_added',
      JSON.stringify(extra.slice(0, 80)),
    )
}

interface Opened {
  readonly checkpoint: Checkpoint
  readonly signers: readonly string[]
}

function openPart(
  name: string,
  parts: readonly EvidencePart[],
  { log, keys }: { log: string; keys: readonly Verifier[] },
): Opened {
  const { bytes } = parts.find((part) => part.name === name)!
  const note = attempt('part_malformed', name, () => parseNote(bytes))
  const claimed = attempt('part_malformed', name, () => parseCheckpoint(note.text))
  if (claimed.origin !== log)
    throw evidenceFault('log_other', text`${name} is of ${claimed.origin}, not of ${log}`)
  // The same key may sign under the name of the log.
  const known = keys.flatMap((key) => [
    { key, as: key },
    { key, as: parseVkey(logVkey(log, key)) },
  ])
  return attempt('checkpoint_signature', `${name} of ${log}`, () => {
    const verifiers = known.map(({ as }) => as)
    const checkpoint = openCheckpoint(bytes, verifiers, log)
    const { verified } = verifyNote(note, verifiers)
    const signed = known.filter(({ as }) =>
      verified.some((line) => line.name === as.name && line.keyId === as.keyId),
    )
    return {
      checkpoint,
      signers: [...new Set(signed.map(({ key }) => formatVkey(key.name, key.type, key.publicKey)))],
    }
  })
}

function parseBeginning(parts: readonly EvidencePart[]): readonly Uint8Array[] {
  const part = parts.find(({ name }) => name === 'beginning')
  if (!part) return []
  const lines = (utf8Text(part.bytes) ?? '').split('\n')
  const hashes = lines.slice(0, -1).map(fromBase64)
  if (
    lines.at(-1) !== '' ||
    hashes.length === 0 ||
    hashes.length > HASHES_MAX ||
    hashes.some((hash) => hash?.length !== HASH_BYTES)
  ) {
    throw evidenceFault(
      'part_malformed',
      text`beginning: not 1 to ${HASHES_MAX} hashes, base64, one a line`,
    )
  }
  return hashes as Uint8Array[]
}

function showFork(first: Checkpoint, second: Checkpoint, beginning: readonly Uint8Array[]): void {
  if (first.size > second.size)
    throw evidenceFault(
      'part_moved',
      text`checkpoint 1 is of ${first.size} entries, checkpoint 2 of ${second.size}: the smaller one comes first`,
    )
  const sizes =
    first.size === second.size
      ? text`both of ${first.size} entries`
      : text`of ${first.size} and of ${second.size} entries`
  const verdict = compareTrees(first, second, beginning)
  if (verdict === 'one')
    throw evidenceFault(
      'not_a_fork',
      text`${sizes}, ${first.size === second.size ? text`with one root` : text`the smaller one the beginning of the larger`}`,
    )
  if (verdict === 'two') return
  throw evidenceFault(
    'fork_unproven',
    beginning.length === 0
      ? text`${sizes}, and no part "beginning" shows with which tree of ${first.size} entries the larger one begins`
      : text`${sizes}, and the hashes in "beginning" do not lead to the root of the larger one`,
  )
}
