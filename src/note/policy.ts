/**
 * Policies (C2SP tlog-policy): which logs are known, which witnesses, and which of the witnesses must
 * have cosigned a checkpoint before it counts. Lines `log <vkey> [<url>]`, `witness <name> <vkey>
 * [<url>]`, `group <name> all|any|<k> <member>…` and one `quorum <name>|none`; a name is defined
 * before it is used and is a member of one group at most.
 *
 * Stricter than the specification in one thing: the file must be UTF-8.
 */
import { equalBytes, utf8Text } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text, textOf } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { type KeyType, parseVkey, type Verifier } from './key.ts'
import { parseNote, verifyNote } from './note.ts'

export interface PolicyWitness {
  /** Its name in this policy; the key has one of its own. */
  readonly name: string
  readonly verifier: Verifier
  readonly url: string | undefined
}

export interface PolicyGroup {
  readonly name: string
  /** How many members must have witnessed: 1 to the number of members. */
  readonly threshold: number
  /** Names of witnesses and of groups defined before. */
  readonly members: readonly string[]
}

export interface Policy {
  readonly logs: readonly { readonly verifier: Verifier; readonly url: string | undefined }[]
  readonly witnesses: readonly PolicyWitness[]
  /** In the order of their definition, so that one pass evaluates them. */
  readonly groups: readonly PolicyGroup[]
  /** Name of a witness or group; `none` when no cosignature is wanted. */
  readonly quorum: string
}

/** @throws HuxinError config_invalid, with the number of the line */
export function parsePolicy(bytes: Uint8Array): Policy {
  if (bytes.length > limits.noteBytesMax)
    throw malformed(text`has ${bytes.length} bytes, at most ${limits.noteBytesMax}`)
  const content = utf8Text(bytes)
  if (content === undefined) throw malformed(text`is not UTF-8`)
  const draft: Draft = {
    logs: [],
    witnesses: [],
    groups: [],
    defined: new Set(),
    members: new Set(),
    quorum: undefined,
  }
  for (const [i, line] of content.split('\n').entries()) {
    try {
      readLine(draft, line)
    } catch (error) {
      throw malformed(text`line ${i + 1} ${textOf(error)}`)
    }
  }
  const { logs, witnesses, groups, quorum } = draft
  if (quorum === undefined) throw malformed(text`has no quorum line`)
  return { logs, witnesses, groups, quorum }
}

/** True when the witnesses of these names, as the policy names them, are enough. */
export function quorumReached(policy: Policy, verifiedNames: Iterable<string>): boolean {
  if (policy.quorum === 'none') return true
  const verified = new Set(verifiedNames)
  const witnessed = new Set(
    policy.witnesses.map(({ name }) => name).filter((name) => verified.has(name)),
  )
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => witnessed.has(member)).length >= threshold) witnessed.add(name)
  }
  return witnessed.has(policy.quorum)
}

/** A checkpoint of a log of the policy; `witnesses` are the policy's names of those that cosigned it. */
export interface WitnessedCheckpoint {
  readonly checkpoint: Checkpoint
  readonly witnesses: readonly string[]
}

/**
 * Opens a checkpoint of any log of the policy, cosigned as the policy wants it.
 * @throws HuxinError note_malformed | signature_invalid
 */
export function openCosignedCheckpoint(noteBytes: Uint8Array, policy: Policy): WitnessedCheckpoint {
  const { checkpoint, witnesses } = openWitnessedCheckpoint(noteBytes, policy)
  if (!quorumReached(policy, witnesses)) {
    throw new HuxinError(
      'signature_invalid',
      text`the checkpoint of ${checkpoint.origin} is cosigned by ${witnesses.join(', ') || text`none`}: not the quorum ${policy.quorum}`,
    )
  }
  return { checkpoint, witnesses }
}

/** The same, whether or not its witnesses are enough. @throws HuxinError note_malformed | signature_invalid */
export function openWitnessedCheckpoint(
  noteBytes: Uint8Array,
  policy: Policy,
): WitnessedCheckpoint {
  const note = parseNote(noteBytes)
  const checkpoint = parseCheckpoint(note.text)
  const { origin } = checkpoint
  const logs = policy.logs.filter(({ verifier }) => speaksFor(verifier.name, origin))
  const { verified } = verifyNote(
    note,
    [...logs, ...policy.witnesses].map(({ verifier }) => verifier),
  )
  const signed = ({ verifier }: { readonly verifier: Verifier }): boolean =>
    verified.some(({ name, keyId }) => name === verifier.name && keyId === verifier.keyId)
  if (!logs.some(signed))
    throw new HuxinError(
      'signature_invalid',
      text`the checkpoint of ${origin} is not signed by a log of the policy`,
    )
  return { checkpoint, witnesses: policy.witnesses.filter(signed).map(({ name }) => name) }
}

/** A log speaks for the origin that is its key's name, one of ours for the epochs of its node, and for no other. */
export function speaksFor(keyName: string, origin: string): boolean {
  return (
    keyName === origin ||
    (origin.startsWith(`${keyName}/`) && /^[1-9][0-9]{0,8}$/.test(origin.slice(keyName.length + 1)))
  )
}

interface Draft {
  readonly logs: { verifier: Verifier; url: string | undefined }[]
  readonly witnesses: PolicyWitness[]
  readonly groups: PolicyGroup[]
  readonly defined: Set<string>
  readonly members: Set<string>
  quorum: string | undefined
}

function readLine(draft: Draft, line: string): void {
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) throw new Error('holds a control character')
  const [keyword, ...words] = line.split(/[ \t]+/).filter((word) => word !== '')
  if (keyword === undefined || keyword.startsWith('#')) return
  if (keyword === 'log') return readLog(draft, words)
  if (keyword === 'witness') return readWitness(draft, words)
  if (keyword === 'group') return readGroup(draft, words)
  if (keyword === 'quorum') return readQuorum(draft, words)
  throw new Error('does not begin with log, witness, group or quorum')
}

function readLog({ logs }: Draft, words: readonly string[]): void {
  const [vkey, url, ...rest] = words
  if (vkey === undefined || rest.length > 0) throw new Error('is not "log <vkey> [<url>]"')
  logs.push({ verifier: readKey(vkey, 'ed25519', logs), url })
}

function readWitness({ witnesses, defined }: Draft, words: readonly string[]): void {
  const [name, vkey, url, ...rest] = words
  if (name === undefined || vkey === undefined || rest.length > 0)
    throw new Error('is not "witness <name> <vkey> [<url>]"')
  const verifier = readKey(vkey, 'cosignature', witnesses)
  define(defined, name)
  witnesses.push({ name, verifier, url })
}

function readGroup({ groups, defined, members: taken }: Draft, words: readonly string[]): void {
  const [name, count, ...members] = words
  if (name === undefined || count === undefined || members.length === 0)
    throw new Error('is not "group <name> all|any|<k> <member>…"')
  const threshold =
    count === 'all'
      ? members.length
      : count === 'any'
        ? 1
        : /^[1-9][0-9]{0,4}$/.test(count)
          ? Number(count)
          : 0
  if (threshold < 1 || threshold > members.length)
    throw new Error(`wants ${quote(count)} of ${members.length} members`)
  for (const member of members) {
    if (!defined.has(member)) throw new Error(`names ${quote(member)}, which is not defined before`)
    if (taken.has(member)) throw new Error(`names ${quote(member)}, which is a member already`)
    taken.add(member)
  }
  define(defined, name)
  groups.push({ name, threshold, members })
}

function readQuorum(draft: Draft, words: readonly string[]): void {
  const [name, ...rest] = words
  if (name === undefined || rest.length > 0) throw new Error('is not "quorum <name>"')
  if (draft.quorum !== undefined) throw new Error('is a second quorum line')
  if (name !== 'none' && !draft.defined.has(name))
    throw new Error(`names ${quote(name)}, which is not defined before`)
  draft.quorum = name
}

function define(defined: Set<string>, name: string): void {
  if (name === 'none' || defined.has(name))
    throw new Error(
      `defines ${quote(name)}, which is ${name === 'none' ? 'reserved' : 'defined already'}`,
    )
  defined.add(name)
}

function readKey(
  vkey: string,
  type: KeyType,
  others: readonly { readonly verifier: Verifier }[],
): Verifier {
  const verifier = parseVkey(vkey)
  if (verifier.type !== type)
    throw new Error(`has a key of type ${verifier.type}, ${type} is wanted`)
  if (others.some((other) => equalBytes(other.verifier.publicKey, verifier.publicKey)))
    throw new Error('has a key that another line has')
  return verifier
}

function quote(word: string): string {
  return JSON.stringify(word.slice(0, 64))
}

function malformed(what: Said): HuxinError {
  return new HuxinError('config_invalid', text`the witness policy ${what}`)
}
