/**
 * The federation: all members, folded from their statements, and the rules by which a statement may
 * follow (DESIGN §2). A parent cannot quietly impersonate its child: keys change only with the old
 * key's signature, or as a new epoch that everyone sees.
 *
 * Who signs statement n+1:
 * - always the parent named in n (a root: itself);
 * - a key change within an epoch: also the old note key;
 * - a new epoch: the parent and the old note key; or, when that key is lost, the parent's parent; where
 *   there is no parent's parent, the parent alone;
 * - a move: the old parent (a root that is grafted: itself) and the new parent;
 * - the first statement of a child: its parent.
 */
import { createHash } from 'node:crypto'
import { equalBytes, utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote, type UnverifiedNote, verifyNote } from '../note/note.ts'
import { type EpochKeys, type Member, type MemberStatement, parseStatement } from './member.ts'
import { isAbove, nodeId } from './tier.ts'

/** A pinned root: its name and its note key. */
export interface TrustAnchor {
  readonly name: string
  readonly vkey: string
}

/** A statement that may be applied. */
export interface CheckedStatement {
  readonly kind: 'new' | 'duplicate'
  readonly member: Member
}

export class FederationState {
  readonly #anchors: readonly TrustAnchor[]
  readonly #members = new Map<string, Member>()
  readonly #byId = new Map<string, string>()
  readonly #children = new Map<string, Set<string>>()
  readonly #noteHistory = new Map<string, Uint8Array[]>()

  private constructor(anchors: readonly TrustAnchor[]) {
    this.#anchors = anchors
  }

  /** A federation of which only the pinned roots are known. @throws HuxinError note_malformed */
  static from(anchors: readonly TrustAnchor[]): FederationState {
    for (const { vkey } of anchors) parseVkey(vkey)
    return new FederationState(anchors)
  }

  get anchors(): readonly TrustAnchor[] {
    return this.#anchors
  }

  /**
   * A member by full name or id. A pinned root of which no statement came yet answers with its key
   * alone, so that its first statement can be verified.
   */
  member(nameOrId: string): Member | undefined {
    const name = nameOrId.includes('/') ? nameOrId : this.#byId.get(nameOrId)
    return (name === undefined ? undefined : this.#members.get(name)) ?? this.#anchorMember(nameOrId)
  }

  all(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** Direct children of a member. */
  children(nameOrId: string): readonly Member[] {
    const name = this.member(nameOrId)?.name
    return [...(name === undefined ? [] : this.#children.get(name) ?? [])].map((child) => this.#members.get(child)!)
  }

  /** True when `node` is `top` or lies below it. Both by full name or id. */
  isWithin(node: string, top: string): boolean {
    const topName = this.member(top)?.name
    if (topName === undefined) return false
    for (let at = this.member(node); at; at = at.parent === undefined ? undefined : this.#members.get(at.parent)) {
      if (at.name === topName) return true
    }
    return false
  }

  /** The member and everything above it, root first. */
  lineage(nameOrId: string): readonly Member[] {
    const list: Member[] = []
    for (let at = this.member(nameOrId); at; at = at.parent === undefined ? undefined : this.#members.get(at.parent)) list.unshift(at)
    return list
  }

  /** Every statement of a member, oldest first. */
  history(nameOrId: string): readonly Uint8Array[] {
    const name = this.member(nameOrId)?.name
    return name === undefined ? [] : this.#noteHistory.get(name) ?? []
  }

  /**
   * Checks that a statement may follow.
   * @throws HuxinError statement_malformed | note_malformed | statement_invalid; member_unknown when
   *   something before it is not known yet
   */
  checkStatement(noteBytes: Uint8Array): CheckedStatement {
    const note = parseNote(noteBytes)
    const statement = parseStatement(note.text)
    const hash = createHash('sha256').update(utf8(note.text)).digest()
    const before = this.#members.get(statement.member)
    if (before && statement.serial <= before.serial) return this.#repeated(before, statement, hash)
    this.#checkSerial(before, statement)
    this.#checkPlace(before, statement)
    this.#checkSigners(before, statement, note)
    return { kind: 'new', member: memberOf(statement, before, hash, noteBytes) }
  }

  /** Applies a statement that was checked when it was logged; a known one changes nothing. */
  applyStatement(noteBytes: Uint8Array): Member | undefined {
    const { kind, member } = this.checkStatement(noteBytes)
    if (kind === 'duplicate') return undefined
    const before = this.#members.get(member.name)
    if (before?.parent !== undefined && before.parent !== member.parent) this.#children.get(before.parent)?.delete(member.name)
    this.#members.set(member.name, member)
    this.#byId.set(member.id, member.name)
    if (member.parent !== undefined) {
      const siblings = this.#children.get(member.parent) ?? new Set()
      siblings.add(member.name)
      this.#children.set(member.parent, siblings)
    }
    this.#noteHistory.set(member.name, [...(this.#noteHistory.get(member.name) ?? []), noteBytes])
    return member
  }

  /**
   * Takes a member's newest statement from a join file, whose line of trust is checked upwards only:
   * the member's own chain is replayed from the parent's log afterwards.
   */
  adopt(noteBytes: Uint8Array): Member {
    const note = parseNote(noteBytes)
    const statement = parseStatement(note.text)
    const signer = statement.parent === undefined ? this.member(statement.member) : this.member(statement.parent)
    if (!signer) throw new HuxinError('statement_invalid', `the join file does not lead from a pinned root to ${statement.member}`)
    verifyNote(note, [parseVkey(signer.noteVkey)])
    const member = memberOf(statement, undefined, createHash('sha256').update(utf8(note.text)).digest(), noteBytes)
    this.#members.set(member.name, member)
    this.#byId.set(member.id, member.name)
    return member
  }

  #anchorMember(nameOrId: string): Member | undefined {
    const anchor = this.#anchors.find(({ name }) => name === nameOrId || nodeId(name) === nameOrId)
    if (!anchor || this.#members.has(anchor.name)) return undefined
    return {
      name: anchor.name, id: nodeId(anchor.name), trustDomain: anchor.name.slice(0, anchor.name.lastIndexOf('/')),
      serial: -1, tier: 'nation', parent: undefined, divisions: [], body: '-', host: undefined, epoch: 1, noteVkey: anchor.vkey, cosignVkey: '',
      validFrom: '0001-01-01', validTo: '9999-12-31', status: 'active', actor: '-', document: '-', reason: '-',
      statementHash: new Uint8Array(32), noteBytes: new Uint8Array(), epochs: [{ epoch: 1, noteVkey: anchor.vkey, cosignVkey: '' }],
    }
  }

  #repeated(before: Member, statement: MemberStatement, hash: Uint8Array): CheckedStatement {
    const known = this.#noteHistory.get(before.name)?.[statement.serial]
    const knownHash = known && createHash('sha256').update(utf8(parseNote(known).text)).digest()
    if (knownHash && equalBytes(knownHash, hash)) return { kind: 'duplicate', member: before }
    throw new HuxinError('statement_invalid', `there are two statements with serial ${statement.serial} of ${before.name}: the earlier stays in force, both are evidence against the signer`)
  }

  #checkSerial(before: Member | undefined, statement: MemberStatement): void {
    const wanted = before ? before.serial + 1 : 0
    if (statement.serial > wanted) throw new HuxinError('member_unknown', `statement ${statement.serial} of ${statement.member} came before statement ${wanted}`)
    if (before && (!statement.previous || !equalBytes(statement.previous, before.statementHash))) {
      throw invalid(statement, 'does not name the statement before it')
    }
  }

  #checkPlace(before: Member | undefined, statement: MemberStatement): void {
    const id = nodeId(statement.member)
    const holder = this.#byId.get(id)
    if (holder !== undefined && holder !== statement.member) throw invalid(statement, `takes the id ${id} of ${holder}`)
    if (before && statement.epoch !== before.epoch && statement.epoch !== before.epoch + 1) throw invalid(statement, `goes from epoch ${before.epoch} to ${statement.epoch}`)
    if (!before && statement.epoch !== 1) throw invalid(statement, `begins with epoch ${statement.epoch}, not 1`)
    if (statement.parent === undefined) {
      if (before ? before.parent !== undefined : !this.#anchors.some(({ name }) => name === statement.member)) throw invalid(statement, 'has no parent and is not a pinned root')
      return
    }
    const parent = this.#members.get(statement.parent)
    if (!parent) throw new HuxinError('member_unknown', `the parent ${statement.parent} of ${statement.member} is not known yet`)
    if (!isAbove(parent.tier, statement.tier)) throw invalid(statement, `is of tier ${statement.tier}, which is not below ${parent.tier} of its parent ${parent.name}`)
    if (this.#members.has(statement.member) && this.isWithin(parent.name, statement.member)) throw invalid(statement, `moves below itself (${parent.name})`)
    const outside = statement.divisions.find((code) => !covers(parent.divisions, code))
    if (outside !== undefined) throw invalid(statement, `serves ${outside}, which its parent ${parent.name} does not serve`)
  }

  #checkSigners(before: Member | undefined, statement: MemberStatement, note: UnverifiedNote): void {
    if (before?.status === 'retired' && statement.status !== 'retired') throw invalid(statement, 'brings back a retired member')
    const namedParent = before ? before.parent : statement.parent
    const speaker = namedParent === undefined ? this.member(statement.member) : this.#members.get(namedParent)
    if (!speaker) throw new HuxinError('member_unknown', `${namedParent} is not known yet`)
    const keysChange = before !== undefined && (before.noteVkey !== statement.noteVkey || before.cosignVkey !== statement.cosignVkey)
    const newEpoch = before !== undefined && before.epoch !== statement.epoch
    const above = speaker.parent === undefined ? undefined : this.#members.get(speaker.parent)
    if (newEpoch && above && before.parent !== undefined && isSignedBy(note, above)) return
    const wanted: { name: string; noteVkey: string }[] = [speaker]
    if (before && before.parent !== statement.parent && statement.parent !== undefined) wanted.push(this.#members.get(statement.parent)!)
    if (before && (keysChange || newEpoch) && (!newEpoch || above)) wanted.push(before)
    const absent = wanted.find((signer) => !isSignedBy(note, signer))
    if (absent) throw invalid(statement, `is not signed by ${absent.name}${newEpoch && above ? ` (a new epoch is signed by ${speaker.name} and the old key, or by ${above.name})` : ''}`)
  }
}

function isSignedBy(note: UnverifiedNote, { noteVkey }: { readonly noteVkey: string }): boolean {
  try {
    return verifyNote(note, [parseVkey(noteVkey)]).verified.length > 0
  } catch {
    return false
  }
}

/** True when a list of division codes covers a code: by name, or by a province or prefecture code above it. */
export function covers(codes: readonly string[], code: string): boolean {
  return codes.some((own) => own === code || own === '000000' || own === '100000' ||
    (own.endsWith('0000') && code.startsWith(own.slice(0, 2))) || (own.endsWith('00') && !own.endsWith('0000') && code.startsWith(own.slice(0, 4))))
}

function memberOf(statement: MemberStatement, before: Member | undefined, hash: Uint8Array, noteBytes: Uint8Array): Member {
  const { member: name, previous: _previous, ...rest } = statement
  const keys: EpochKeys = { epoch: statement.epoch, noteVkey: statement.noteVkey, cosignVkey: statement.cosignVkey }
  return {
    ...rest, name, id: nodeId(name), trustDomain: name.slice(0, name.lastIndexOf('/')), statementHash: hash, noteBytes,
    epochs: [...(before?.epochs.filter(({ epoch }) => epoch !== statement.epoch) ?? []), keys],
  }
}

function invalid({ member, serial }: MemberStatement, what: string): HuxinError {
  return new HuxinError('statement_invalid', `statement ${serial} of ${member} ${what}`)
}
