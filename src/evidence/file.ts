/**
 * Room `evidence`: one file that proves, to somebody who knows nothing of the federation but the key of
 * its root, that a record was sealed by a member and logged by others, by whom and when. This room owns
 * the format `huxin/evidence/v1` (this file; to the byte in `proto/README.md`) and its verification
 * (`verify.ts`), both pure: no store, no network, no clock.
 *
 * A file is an issuance, which is a signed note of the node that issued it, followed by parts. Each part
 * is a text of another documented format, after a line `=== <name>`; the last line is `=== end`. So
 * `sed` takes a part out, and the tools for that format check it. The issuance names every part with its
 * SHA-256: it says that this file is the one that was issued, for what purpose, on which document.
 *
 * What is proved does not rest on the issuer's word. The chain is: root key → member statements → log
 * key → checkpoint → inclusion → entry → header signed by the origin → batch root → path → record.
 *
 * The file is attacker-controlled: whatever is in it, nothing but `evidence_invalid` is thrown, with a
 * fault of its own for each way in which it can be wrong (`faults.ts`). Nothing here says whether a
 * record is in force: no file can, because a withdrawal may come after it.
 */
import { createHash } from 'node:crypto'
import { asBuffer, base64, fromBase64, fromHex, hex, utf8, utf8Text } from '../base/bytes.ts'
import { text } from '../base/text.ts'
import { formatTime, parseTime } from '../base/clock.ts'
import { SALT_BYTES } from '../batch/body.ts'
import type { Signer } from '../note/key.ts'
import { parseNote, signNote } from '../note/note.ts'
import { NODE_NAME } from '../topology/tier.ts'
import { evidenceFault } from './faults.ts'

/** A part and its name. */
export interface EvidencePart {
  /** `record`, `path`, `entry <log> <index>`, `proof <log> <index>` or `statement <member> <serial>`. */
  readonly name: string
  /** A text that ends in a line feed and has no line that begins with `=== `. */
  readonly bytes: Uint8Array
}

/** What the issuer says of a file. */
export interface Issuance {
  /** Full name of the node that issued it. */
  readonly issuer: string
  readonly epoch: number
  readonly issuedMs: number
  /** Purpose code. */
  readonly purpose: string
  /** Number of the document that asked for it. */
  readonly document: string
  /** Batch id of the access record at the issuer, 32 bytes. */
  readonly access: Uint8Array
  /** Batch id, 32 bytes. */
  readonly batchId: Uint8Array
  /** Undefined when the evidence is of the batch alone. */
  readonly record: { readonly position: number; readonly leafHash: Uint8Array } | undefined
  /** In the order of the file. */
  readonly parts: readonly { readonly name: string; readonly hash: Uint8Array }[]
}

/** A file of which nothing was checked but its form. */
export interface UnverifiedEvidence {
  /** The signed note. */
  readonly issuanceNote: Uint8Array
  readonly issuance: Issuance
  readonly parts: readonly EvidencePart[]
}

export const EVIDENCE_BYTES_MAX = 4 << 20
export const PURPOSE = /^[a-z][a-z0-9-]{0,63}$/
export const DOCUMENT = /^[^\x00-\x1f\x7f]{1,200}$/
const PART_NAME =
  /^(?:record|path|(?:entry|proof) [a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}\/[1-9][0-9]{0,8} (?:0|[1-9][0-9]{0,17})|statement [a-z0-9.-]{1,128}\/[a-z0-9-]{1,32} (?:0|[1-9][0-9]{0,8}))$/
const DELIMITER = '\n=== '
const END = '=== end\n'

/** Puts a file together and signs its issuance. */
export function formatEvidence(
  issuance: Omit<Issuance, 'parts'>,
  parts: readonly EvidencePart[],
  signer: Signer,
): Uint8Array {
  const named = parts.map(({ name, bytes }) => ({ name, hash: partHash(bytes) }))
  const note = signNote(formatIssuance({ ...issuance, parts: named }), [signer])
  return Buffer.concat([
    note,
    ...parts.flatMap(({ name, bytes }) => [utf8(`=== ${name}\n`), bytes]),
    utf8(END),
  ])
}

/** @throws HuxinError evidence_invalid */
export function parseEvidence(bytes: Uint8Array): UnverifiedEvidence {
  if (bytes.length > EVIDENCE_BYTES_MAX)
    throw evidenceFault(
      'not_evidence',
      text`it has ${bytes.length} bytes, at most ${EVIDENCE_BYTES_MAX}`,
    )
  const buffer = asBuffer(bytes)
  if (!buffer.subarray(0, 18).equals(utf8('huxin/evidence/v1\n')))
    throw evidenceFault('not_evidence', text`its first line is not huxin/evidence/v1`)
  const pieces = splitParts(buffer)
  const last = pieces.pop()
  if (last?.name !== 'end' || last.bytes.length > 0)
    throw evidenceFault('cut_off', text`its last line is not "=== end"`)
  const [head, ...parts] = pieces
  const issuanceNote = head!.bytes
  const issuance = parseIssuance(issuanceNote)
  compareNames(
    issuance.parts.map(({ name }) => name),
    parts.map(({ name }) => name),
  )
  return { issuanceNote, issuance, parts }
}

export function partHash(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** Part `record`: salt and bytes as sealed, or the leaf hash alone. */
export function formatRecordPart(
  record:
    | { readonly salt: Uint8Array; readonly bytes: Uint8Array }
    | { readonly leafHash: Uint8Array },
): Uint8Array {
  return utf8(
    'leafHash' in record
      ? `hash ${hex(record.leafHash)}\n`
      : `salt ${base64(record.salt)}\nrecord ${base64(record.bytes)}\n`,
  )
}

/** The leaf hash of a part `record`, and the record unless only its hash is there. @throws HuxinError evidence_invalid */
export function parseRecordPart(part: Uint8Array): {
  readonly leafHash: Uint8Array
  readonly bytes: Uint8Array | undefined
} {
  const content = utf8Text(part) ?? ''
  const only = /^hash ([0-9a-f]{64})\n$/.exec(content)
  if (only) return { leafHash: fromHex(only[1]!)!, bytes: undefined }
  const both = /^salt ([A-Za-z0-9+/=]+)\nrecord ([A-Za-z0-9+/=]+)\n$/.exec(content)
  const salt = both && fromBase64(both[1]!)
  const bytes = both && fromBase64(both[2]!)
  if (salt?.length !== SALT_BYTES || !bytes)
    throw evidenceFault(
      'part_malformed',
      text`record: neither "salt <base64>" and "record <base64>" nor "hash <hex>"`,
    )
  return {
    leafHash: createHash('sha256').update(Uint8Array.of(0)).update(salt).update(bytes).digest(),
    bytes,
  }
}

/** A record's place in its batch, with the hashes that lead to the batch's root. */
export interface RecordPath {
  readonly index: number
  readonly size: number
  /** 32 bytes each, the leaf's sibling first. */
  readonly proof: readonly Uint8Array[]
}

/** Part `path`: index, size and hashes, written as a tlog-proof writes them. */
export function formatPathPart({ index, size, proof }: RecordPath): Uint8Array {
  return utf8(`index ${index}\nsize ${size}\n${proof.map((hash) => `${base64(hash)}\n`).join('')}`)
}

/** @throws HuxinError evidence_invalid */
export function parsePathPart(part: Uint8Array): RecordPath {
  const lines = (utf8Text(part) ?? '').split('\n')
  const index = /^index (0|[1-9][0-9]{0,5})$/.exec(lines[0] ?? '')
  const size = /^size ([1-9][0-9]{0,5})$/.exec(lines[1] ?? '')
  const proof = lines.slice(2, -1).map((line) => fromBase64(line))
  if (
    !index ||
    !size ||
    lines.at(-1) !== '' ||
    lines.length > 30 ||
    proof.some((hash) => hash?.length !== 32)
  ) {
    throw evidenceFault('part_malformed', text`path: not "index <n>", "size <n>" and hashes`)
  }
  return { index: Number(index[1]), size: Number(size[1]), proof: proof as Uint8Array[] }
}

function formatIssuance({
  issuer,
  epoch,
  issuedMs,
  purpose,
  document,
  access,
  batchId,
  record,
  parts,
}: Issuance): string {
  return (
    'huxin/evidence/v1\n' +
    `issuer ${issuer} ${epoch}\n` +
    `issued ${formatTime(issuedMs)}\n` +
    `purpose ${purpose}\n` +
    `document ${document}\n` +
    `access sha256:${hex(access)}\n` +
    `batch sha256:${hex(batchId)}\n` +
    `record ${record ? `${record.position} sha256:${hex(record.leafHash)}` : '-'}\n` +
    parts.map(({ name, hash }) => `part sha256:${hex(hash)} ${name}\n`).join('')
  )
}

function parseIssuance(noteBytes: Uint8Array): Issuance {
  const lines = issuanceText(noteBytes).split('\n')
  const value = (at: number, form: RegExp): RegExpExecArray => {
    const match = form.exec(lines[at] ?? '')
    if (!match) throw evidenceFault('issuance_malformed', text`line ${at + 1} is not valid`)
    return match
  }
  const issuer = value(1, /^issuer (\S+) ([1-9][0-9]{0,8})$/)
  const issuedMs = parseTime(value(2, /^issued (\S+)$/)[1]!)
  const record = value(7, /^record (?:-|(0|[1-9][0-9]{0,5}) sha256:([0-9a-f]{64}))$/)
  const parts = lines
    .slice(8, -1)
    .map((_, i) => value(8 + i, /^part sha256:([0-9a-f]{64}) (.+)$/))
    .map(([, hash, name]) => ({ name: name!, hash: fromHex(hash!)! }))
  const issuance: Issuance = {
    issuer: issuer[1]!,
    epoch: Number(issuer[2]),
    issuedMs: issuedMs ?? 0,
    purpose: value(3, /^purpose (.*)$/)[1]!,
    document: value(4, /^document (.*)$/)[1]!,
    access: fromHex(value(5, /^access sha256:([0-9a-f]{64})$/)[1]!)!,
    batchId: fromHex(value(6, /^batch sha256:([0-9a-f]{64})$/)[1]!)!,
    record:
      record[2] === undefined
        ? undefined
        : { position: Number(record[1]), leafHash: fromHex(record[2])! },
    parts,
  }
  if (
    issuedMs === undefined ||
    !NODE_NAME.test(issuance.issuer) ||
    !PURPOSE.test(issuance.purpose) ||
    !DOCUMENT.test(issuance.document)
  ) {
    throw evidenceFault('issuance_malformed', text`issuer, time, purpose or document is not valid`)
  }
  return issuance
}

function issuanceText(noteBytes: Uint8Array): string {
  try {
    return parseNote(noteBytes).text
  } catch {
    throw evidenceFault('issuance_malformed', text`it is no signed note`)
  }
}

/** Pieces between the lines that begin with `=== `; what comes before the first has the name ''. */
export function splitParts(bytes: Buffer): EvidencePart[] {
  const pieces: EvidencePart[] = []
  let name = ''
  let from = 0
  let end = 0
  // The line feed of one such line may be that before the next: a part may be empty.
  for (let at = bytes.indexOf(DELIMITER); at >= 0; at = bytes.indexOf(DELIMITER, end)) {
    pieces.push({ name, bytes: bytes.subarray(from, at + 1) })
    end = bytes.indexOf('\n', at + 1)
    if (end < 0) throw evidenceFault('cut_off', text`it ends inside a line "=== …"`)
    name = bytes.subarray(at + DELIMITER.length, end).toString()
    from = end + 1
  }
  pieces.push({ name, bytes: bytes.subarray(from) })
  return pieces
}

/** The parts are those that the issuance names, in its order. */
function compareNames(wanted: readonly string[], found: readonly string[]): void {
  const twice = wanted.find((name, i) => wanted.indexOf(name) !== i || !PART_NAME.test(name))
  if (twice !== undefined)
    throw evidenceFault(
      'issuance_malformed',
      text`it names a part ${quote(twice)} that is not valid or named before`,
    )
  const absent = wanted.find((name) => !found.includes(name))
  if (absent !== undefined) throw evidenceFault('part_removed', absent)
  const extra = found.find((name, i) => !wanted.includes(name) || found.indexOf(name) !== i)
  if (extra !== undefined) throw evidenceFault('part_added', quote(extra))
  const moved = wanted.find((name, i) => found[i] !== name)
  if (moved !== undefined) throw evidenceFault('part_moved', moved)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
