/** Members made by hand: keys from seeds, statements signed by whomever a test says. */
import { createHash } from 'node:crypto'
import { generateSigner, type KeyType, type Signer } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { FederationState } from '../../src/topology/federation.ts'
import { formatStatement, type Member, type MemberStatement } from '../../src/topology/member.ts'
import type { Tier } from '../../src/topology/tier.ts'

export const BODY = '11330825TT00000903'

const made = new Map<string, Signer>()

/** The key of a node that is called `label`; the same whenever it is asked for. */
export function key(name: string, label = '1', type: KeyType = 'ed25519'): Signer {
  const seed = `${name} ${label} ${type}`
  const signer =
    made.get(seed) ?? generateSigner(name, type, createHash('sha256').update(seed).digest())
  made.set(seed, signer)
  return signer
}

export interface Place {
  readonly name: string
  readonly tier: Tier
  /** Full name. */
  readonly parent?: string
  readonly divisions?: readonly string[]
}

/** The first statement of a node. */
export function first(
  { name, tier, parent, divisions = [] }: Place,
  vkeys = keys(name, '1'),
): MemberStatement {
  return {
    member: name,
    serial: 0,
    previous: undefined,
    tier,
    parent,
    divisions,
    body: BODY,
    host: undefined,
    epoch: 1,
    ...vkeys,
    validFrom: '2026-01-01',
    validTo: '2036-12-31',
    status: 'active',
    actor: '张三',
    document: '浙信〔2026〕12号',
    reason: '新接入',
  }
}

/** The statement after the one in force, with changes. */
export function next(member: Member, changes: Partial<MemberStatement> = {}): MemberStatement {
  const {
    tier,
    parent,
    divisions,
    body,
    host,
    epoch,
    noteVkey,
    cosignVkey,
    validFrom,
    validTo,
    status,
    actor,
    document,
    reason,
  } = member
  return {
    member: member.name,
    serial: member.serial + 1,
    previous: member.statementHash,
    tier,
    parent,
    divisions,
    body,
    host,
    epoch,
    noteVkey,
    cosignVkey,
    validFrom,
    validTo,
    status,
    actor,
    document,
    reason,
    ...changes,
  }
}

/** Both keys of a node under a label, as changes of a statement. */
export function keys(
  name: string,
  label: string,
): Pick<MemberStatement, 'noteVkey' | 'cosignVkey'> {
  return { noteVkey: key(name, label).vkey, cosignVkey: key(name, label, 'cosignature').vkey }
}

export function signed(statement: MemberStatement, ...signers: readonly Signer[]): Uint8Array {
  return signNote(formatStatement(statement), signers)
}

/** A federation of places, parents first; roots are pinned, every first statement is signed by the parent. */
export function federationOf(places: readonly Place[]): FederationState {
  const roots = places.filter(({ parent }) => parent === undefined)
  const federation = FederationState.from(roots.map(({ name }) => ({ name, vkey: key(name).vkey })))
  for (const place of places)
    federation.applyStatement(signed(first(place), key(place.parent ?? place.name)))
  return federation
}
