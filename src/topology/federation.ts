/**
 * The federation: all members, folded from their statements, and the rules by which a statement may
 * follow. A parent cannot quietly impersonate its child: keys change only with the old
 * key's signature, or as a new epoch that everyone sees.
 *
 * Who signs statement n+1:
 * - always the parent named in n (a root: itself);
 * - a key change within an epoch: also the old note key;
 * - a new epoch that goes on from a frozen log: the parent, the old note key and the new one, always;
 * - another new epoch: the parent and the old note key; or, when that key is lost, the parent's parent; where
 *   there is no parent's parent, the parent alone; a root after a loss: its old note key. The parent's parent alone moves nobody;
 * - a move: the old parent (a root that is grafted: itself) and the new parent;
 * - the first statement of a child: its parent.
 *
 * A member above others stays above them: its tier and divisions may not change so that a child would no
 * longer fit below it.
 */
import { createHash } from 'node:crypto'
import { equalBytes, utf8 } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote, type UnverifiedNote } from '../note/note.ts'
import { covers, type Member, memberOf, type MemberStatement, parseStatement } from './member.ts'
import { checkNew, squats } from './place.ts'
import { checkSigners } from './signers.ts'
import { isAbove, nodeId } from './tier.ts'
import { invalid, isSignedBy } from './transition.ts'

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

/** How a statement stands to the chain of its member. Only `signers` says that anything was verified. */
export type SerialComparison =
  | { readonly kind: 'new' }
  | { readonly kind: 'duplicate' }
  /** A statement with serial `wanted` comes first. */
  | { readonly kind: 'gap'; readonly wanted: number }
  | {
      /** Another statement has this serial; it stays in force. */
      readonly kind: 'conflict'
      readonly earlier: Uint8Array
      readonly later: Uint8Array
      /** Members that validly signed both notes, which is evidence against them; empty when nobody did. */
      readonly signers: readonly string[]
    }

export class FederationState {
  readonly #anchors: readonly TrustAnchor[]
  readonly #roots = new Set<string>()
  readonly #members = new Map<string, Member>()
  readonly #byId = new Map<string, string>()
  readonly #children = new Map<string, Set<string>>()
  /** Ends with the statement in force; begins with serial 0, but for members adopted from a join file. */
  readonly #noteHistory = new Map<string, readonly Uint8Array[]>()

  private constructor(anchors: readonly TrustAnchor[]) {
    this.#anchors = anchors
  }

  /**
   * A federation of which only the pinned roots are known.
   * @throws HuxinError note_malformed | config_invalid
   */
  static from(anchors: readonly TrustAnchor[]): FederationState {
    const ids = new Map<string, string>()
    for (const { name, vkey } of anchors) {
      const key = parseVkey(vkey)
      if (key.name !== name || key.type !== 'ed25519')
        throw new HuxinError(
          'config_invalid',
          text`the pinned key of ${name} is a ${key.type} key named ${key.name}`,
        )
      const holder = ids.get(nodeId(name))
      if (holder !== undefined)
        throw new HuxinError(
          'config_invalid',
          text`the pinned roots ${holder} and ${name} have one id: pin each root once`,
        )
      ids.set(nodeId(name), name)
    }
    return new FederationState(anchors)
  }

  /** A copy that changes on its own; members are shared. Linear in the number of members. */
  fork(): FederationState {
    const copy = new FederationState(this.#anchors)
    for (const [name, member] of this.#members) copy.#members.set(name, member)
    for (const [id, name] of this.#byId) copy.#byId.set(id, name)
    for (const [name, children] of this.#children) copy.#children.set(name, new Set(children))
    for (const [name, notes] of this.#noteHistory) copy.#noteHistory.set(name, notes)
    for (const name of this.#roots) copy.#roots.add(name)
    return copy
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
    return (
      (name === undefined ? undefined : this.#members.get(name)) ?? this.#anchorMember(nameOrId)
    )
  }

  all(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** Members without a parent: one, unless federations stand side by side before a graft. */
  roots(): readonly Member[] {
    return [...this.#roots].map((name) => this.#members.get(name)!)
  }

  /** Direct children of a member. */
  children(nameOrId: string): readonly Member[] {
    const name = this.member(nameOrId)?.name
    return [...(name === undefined ? [] : (this.#children.get(name) ?? []))].map((child) =>
      this.#members.get(child)!,
    )
  }

  /** True when `node` is `top` or lies below it. Both by full name or id. */
  isWithin(node: string, top: string): boolean {
    const topName = this.member(top)?.name
    if (topName === undefined) return false
    for (
      let at = this.member(node);
      at;
      at = at.parent === undefined ? undefined : this.#members.get(at.parent)
    ) {
      if (at.name === topName) return true
    }
    return false
  }

  /** The member and everything above it, root first. */
  lineage(nameOrId: string): readonly Member[] {
    const list: Member[] = []
    for (
      let at = this.member(nameOrId);
      at;
      at = at.parent === undefined ? undefined : this.#members.get(at.parent)
    )
      list.unshift(at)
    return list
  }

  /** Every statement of a member, oldest first. */
  history(nameOrId: string): readonly Uint8Array[] {
    const name = this.member(nameOrId)?.name
    return name === undefined ? [] : (this.#noteHistory.get(name) ?? [])
  }

  /**
   * Checks that a statement may follow.
   * @throws HuxinError statement_malformed | note_malformed | statement_invalid; member_unknown when
   *   something before it is not known yet
   */
  checkStatement(noteBytes: Uint8Array): CheckedStatement {
    const note = parseNote(noteBytes)
    const statement = parseStatement(note.text)
    const hash = textHash(note)
    const before = this.#members.get(statement.member)
    const comparison = this.#compare(before, statement, note, noteBytes)
    if (comparison.kind === 'gap' || comparison.kind === 'conflict')
      throw outOfTurn(statement, comparison)
    if (comparison.kind === 'duplicate') return { kind: 'duplicate', member: before! }
    if (before) this.#checkFollows(before, statement)
    this.#checkPlace(before, statement)
    checkSigners(
      { spoken: (name) => this.#members.get(name), root: (name) => this.member(name) },
      { before, statement, note },
    )
    return { kind: 'new', member: memberOf(statement, before, hash, noteBytes) }
  }

  /**
   * Checks statements that arrive together: each may follow when those before it are applied. Changes
   * nothing. Statements of one batch must be checked so, because each can be right alone and wrong beside
   * another: two with one serial, two members with one id. Without `placed` the rules of `place.ts` are not asked.
   * @throws HuxinError as checkStatement, for the first that may not follow
   */
  checkStatements(noteBytesList: readonly Uint8Array[], { placed = true } = {}): void {
    const draft = noteBytesList.length === 1 ? this : this.fork()
    for (const noteBytes of noteBytesList) {
      if (placed) checkNew(parseStatement(parseNote(noteBytes).text), draft.#members)
      if (draft === this) this.checkStatement(noteBytes)
      else draft.applyStatement(noteBytes)
    }
  }

  /**
   * Tells whether a statement is the next one of its member, a known one, one too early, or another one
   * with a serial that is taken. Checks no rule.
   * @throws HuxinError note_malformed | statement_malformed; member_unknown for a serial before a join file's
   */
  compareSerial(noteBytes: Uint8Array): SerialComparison {
    const note = parseNote(noteBytes)
    const statement = parseStatement(note.text)
    return this.#compare(this.#members.get(statement.member), statement, note, noteBytes)
  }

  /** Applies a statement that was checked when it was logged; a known one changes nothing. */
  applyStatement(noteBytes: Uint8Array): Member | undefined {
    const { kind, member } = this.checkStatement(noteBytes)
    if (kind === 'duplicate') return undefined
    this.#set(member)
    this.#noteHistory.set(member.name, [...(this.#noteHistory.get(member.name) ?? []), noteBytes])
    return member
  }

  /**
   * A copy to which those of the statements are applied that may follow, in whatever order they come: the
   * key that one brings may be what verifies another. The rest is left out.
   */
  foresee(notes: readonly Uint8Array[]): FederationState {
    const draft = this.fork()
    draft.#applyAll(notes)
    return draft
  }

  /** Those of the statements that may follow, in an order in which they may. */
  inOrder(notes: readonly Uint8Array[]): Uint8Array[] {
    return this.fork().#applyAll(notes)
  }

  #applyAll(notes: readonly Uint8Array[]): Uint8Array[] {
    const applied: Uint8Array[] = []
    for (let left = [...notes]; ;) {
      const next = left.findIndex((noteBytes) => this.#applies(noteBytes))
      if (next < 0) return applied
      applied.push(left[next]!)
      left = left.filter((_, i) => i !== next)
    }
  }

  #applies(noteBytes: Uint8Array): boolean {
    try {
      this.applyStatement(noteBytes)
      return true
    } catch (error) {
      if (!isHuxinError(error)) throw error
      return false
    }
  }

  /**
   * Takes one member from a join file, after the members above it: its statements, oldest first, the newest
   * at least. A root's are each signed by its pinned key or one that follows from it. Another member's
   * newest is signed by a key that its parent has or had, as far as the file shows, or in a later epoch by
   * the parent's parent; older ones are bound to it by their hashes. The whole chain is checked afterwards,
   * when the control lane is replayed from the parent's log.
   * @throws HuxinError statement_invalid | statement_malformed | note_malformed
   */
  adopt(notes: readonly Uint8Array[]): Member {
    const root = isRoot(notes)
    let member: Member | undefined
    for (const noteBytes of notes) {
      const note = parseNote(noteBytes)
      const statement = parseStatement(note.text)
      if (member) this.#checkFollows(member, statement)
      else if (this.#members.has(statement.member))
        throw invalid(statement, text`stands in the join file apart from those before it`)
      const keys = member
        ? [member.noteVkey]
        : this.#anchors.filter(({ name }) => name === statement.member).map(({ vkey }) => vkey)
      if (root && !keys.some((noteVkey) => isSignedBy(note, { noteVkey })))
        throw invalid(statement, text`does not follow from a pinned root`)
      member = memberOf(statement, member, textHash(note), noteBytes)
    }
    if (!member) throw new HuxinError('statement_invalid', text`the join file has no statement`)
    this.#checkVouched(member)
    this.#set(member)
    this.#noteHistory.set(member.name, notes)
    return member
  }

  /** The newest statement of a member fits below its parent and is signed from above. */
  #checkVouched(member: Member): void {
    const statement = { ...member, member: member.name, previous: undefined }
    this.#checkId(statement)
    if (member.parent === undefined) return
    const parent = this.#members.get(member.parent)
    if (!parent)
      throw invalid(
        statement,
        text`has the parent ${member.parent}, to which the join file does not lead from a pinned root`,
      )
    this.#checkBelow(statement, parent)
    const above =
      member.epoch > 1 && parent.parent !== undefined ? this.#members.get(parent.parent) : undefined
    const note = parseNote(member.noteBytes)
    const signed = [parent, above].some(
      (one) => one && this.#everyKey(one).some((noteVkey) => isSignedBy(note, { noteVkey })),
    )
    if (!signed)
      throw invalid(
        statement,
        text`is not signed by ${parent.name}${above ? text` or ${above.name}` : ''}`,
      )
  }

  #checkFollows(before: Member, statement: MemberStatement): void {
    if (
      before.name !== statement.member ||
      statement.serial !== before.serial + 1 ||
      !statement.previous ||
      !equalBytes(statement.previous, before.statementHash)
    ) {
      throw invalid(statement, text`does not name the statement before it`)
    }
  }

  #set(member: Member): void {
    const before = this.#members.get(member.name)
    if (before?.parent !== undefined && before.parent !== member.parent)
      this.#children.get(before.parent)?.delete(member.name)
    this.#members.set(member.name, member)
    this.#byId.set(member.id, member.name)
    if (member.parent === undefined) {
      this.#roots.add(member.name)
      return
    }
    this.#roots.delete(member.name)
    const siblings = this.#children.get(member.parent) ?? new Set()
    siblings.add(member.name)
    this.#children.set(member.parent, siblings)
  }

  /** Every note key that the known statements of a member name, and the pinned one. */
  #everyKey({ name, noteVkey }: Member): readonly string[] {
    const pinned = this.#anchors.filter((anchor) => anchor.name === name).map(({ vkey }) => vkey)
    const named = (this.#noteHistory.get(name) ?? []).map(
      (bytes) => parseStatement(parseNote(bytes).text).noteVkey,
    )
    return [...new Set([noteVkey, ...named, ...pinned])]
  }

  #anchorMember(nameOrId: string): Member | undefined {
    const anchor = this.#anchors.find(({ name }) => name === nameOrId || nodeId(name) === nameOrId)
    if (!anchor || this.#members.has(anchor.name)) return undefined
    return {
      name: anchor.name,
      id: nodeId(anchor.name),
      trustDomain: anchor.name.slice(0, anchor.name.lastIndexOf('/')),
      serial: -1,
      tier: 'nation',
      parent: undefined,
      divisions: [],
      body: '-',
      host: undefined,
      epoch: 1,
      noteVkey: anchor.vkey,
      cosignVkey: '',
      validFrom: '0001-01-01',
      validTo: '9999-12-31',
      status: 'active',
      actor: '-',
      document: '-',
      reason: '-',
      statementHash: new Uint8Array(32),
      noteBytes: new Uint8Array(),
      epochs: [{ epoch: 1, noteVkey: anchor.vkey, cosignVkey: '' }],
    }
  }

  #compare(
    before: Member | undefined,
    statement: MemberStatement,
    note: UnverifiedNote,
    noteBytes: Uint8Array,
  ): SerialComparison {
    const wanted = before ? before.serial + 1 : 0
    if (statement.serial === wanted) return { kind: 'new' }
    if (statement.serial > wanted) return { kind: 'gap', wanted }
    const earlier = this.#noteHistory.get(statement.member)!.at(statement.serial - wanted)
    if (!earlier)
      throw new HuxinError(
        'member_unknown',
        text`statement ${statement.serial} of ${statement.member} is not kept here`,
      )
    const earlierNote = parseNote(earlier)
    if (earlierNote.text === note.text) return { kind: 'duplicate' }
    const names = new Set(note.signatures.map(({ name }) => name))
    const signers = [...names].filter((name) => {
      const member = this.#members.get(name)
      const keys = member ? this.#everyKey(member) : []
      return [earlierNote, note].every((one) =>
        keys.some((noteVkey) => isSignedBy(one, { noteVkey })),
      )
    })
    return { kind: 'conflict', earlier, later: noteBytes, signers }
  }

  #checkPlace(before: Member | undefined, statement: MemberStatement): void {
    this.#checkId(statement)
    if (before && statement.epoch !== before.epoch && statement.epoch !== before.epoch + 1)
      throw invalid(statement, text`goes from epoch ${before.epoch} to ${statement.epoch}`)
    if (statement.frozen && statement.epoch !== (before?.epoch ?? statement.epoch) + 1)
      throw invalid(statement, text`names a frozen log and begins no epoch`)
    if (
      statement.lost &&
      (statement.frozen ||
        statement.parent !== undefined ||
        statement.epoch !== (before?.epoch ?? statement.epoch) + 1)
    ) {
      throw invalid(
        statement,
        text`says what was lost and is not that of a root that begins an epoch after it`,
      )
    }
    if (!before && statement.epoch !== 1)
      throw invalid(statement, text`begins with epoch ${statement.epoch}, not 1`)
    for (const child of before ? this.children(before.name) : [])
      this.#checkStaysAbove(statement, child)
    if (statement.parent === undefined) {
      if (
        before
          ? before.parent !== undefined
          : !this.#anchors.some(({ name }) => name === statement.member)
      )
        throw invalid(statement, text`has no parent and is not a pinned root`)
      return
    }
    const parent = this.#members.get(statement.parent)
    if (!parent)
      throw new HuxinError(
        'member_unknown',
        text`the parent ${statement.parent} of ${statement.member} is not known yet`,
      )
    this.#checkBelow(statement, parent)
  }

  /** Ids are unique in the whole federation, pinned roots that have not spoken yet included; an id that was not its parent's to give blocks nobody. */
  #checkId(statement: MemberStatement): void {
    const id = nodeId(statement.member)
    const holder = this.member(id)
    if (
      holder &&
      holder.name !== statement.member &&
      !(
        this.#squats(holder.name, holder.parent) &&
        !this.#squats(statement.member, statement.parent)
      )
    )
      throw invalid(statement, text`takes the id ${id} of ${holder.name}`)
  }

  #squats(name: string, parent: string | undefined): boolean {
    return squats(name, parent === undefined ? undefined : this.#members.get(parent))
  }

  #checkBelow(statement: MemberStatement, parent: Member): void {
    if (!isAbove(parent.tier, statement.tier))
      throw invalid(
        statement,
        text`is of tier ${term(statement.tier)}, which is not below ${term(parent.tier)} of its parent ${parent.name}`,
      )
    if (this.#members.has(statement.member) && this.isWithin(parent.name, statement.member))
      throw invalid(statement, text`moves below itself (${parent.name})`)
    const outside = statement.divisions.find((code) => !covers(parent.divisions, code))
    if (outside !== undefined)
      throw invalid(
        statement,
        text`serves ${outside}, which its parent ${parent.name} does not serve`,
      )
  }

  #checkStaysAbove(statement: MemberStatement, child: Member): void {
    if (child.status === 'retired') return
    if (!isAbove(statement.tier, child.tier))
      throw invalid(
        statement,
        text`is of tier ${term(statement.tier)}, which is not above ${term(child.tier)} of its child ${child.name}`,
      )
    const outside = child.divisions.find((code) => !covers(statement.divisions, code))
    if (outside !== undefined)
      throw invalid(statement, text`gives up ${outside}, which its child ${child.name} serves`)
  }
}

/** True when the newest of a member's statements names no parent. */
function isRoot(notes: readonly Uint8Array[]): boolean {
  const newest = notes.at(-1)
  return newest !== undefined && parseStatement(parseNote(newest).text).parent === undefined
}

function outOfTurn(
  statement: MemberStatement,
  comparison: Extract<SerialComparison, { kind: 'gap' | 'conflict' }>,
): HuxinError {
  if (comparison.kind === 'gap')
    return new HuxinError(
      'member_unknown',
      text`statement ${statement.serial} of ${statement.member} came before statement ${comparison.wanted}`,
    )
  const { signers } = comparison
  return invalid(
    statement,
    text`is not the one known with that serial, which stays in force${signers.length > 0 ? text`: both are evidence against ${signers.join(', ')}` : ''}`,
  )
}

function textHash(note: UnverifiedNote): Uint8Array {
  return createHash('sha256').update(utf8(note.text)).digest()
}
