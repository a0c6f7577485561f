/**
 * What one caller may take of this node, and all callers together: connections, calls under way, and
 * bytes held for calls: of requests from their first byte until the call ends, of answers until they are sent.
 * An account belongs to one identity (node name, role, name), however many connections it has.
 *
 * How a caller stands to this node decides how much of the whole is open to it. Kin (its children, its
 * parent, its operators) may take all; clients and auditors of the node leave a reserve; whoever else has
 * a certificate of the federation gets a tenth and no more, all of them together.
 *
 * Calls are offered before they are counted: the streams of HTTP/2 that one identity is offered, on all its connections
 * together, are the calls it may have under way, so that its clients queue the rest by themselves. While connections
 * open, older ones still have calls of when they had more; so a refusal begins at twice as many.
 *
 * Counters only: nothing here waits, reads or writes. Every take is given back exactly once, by the end of
 * a call or a connection; an account without any is forgotten.
 */

export type Standing = 'kin' | 'own' | 'foreign'

export interface BudgetLimits {
  /** Connections after the handshake, of all. */
  readonly connections: number
  /** Connections of one identity. */
  readonly connectionsPerPeer: number
  /** Calls under way that one identity is offered. */
  readonly callsPerPeer: number
  /** Bytes held for the calls of all. */
  readonly bytes: number
  /** Bytes held for the calls of one identity. */
  readonly bytesPerPeer: number
}

/** Connections kept for kin, at least; half of all where there are few. */
const RESERVE_CONNECTIONS_MIN = 16
const RESERVE_SHARE = 0.1
/** Of all bytes, those that only kin may hold. */
const RESERVE_BYTES_SHARE = 1 / 3
const FOREIGN_SHARE = 0.1
const FOREIGN_CONNECTIONS_MAX = 4
const FOREIGN_CALLS_MAX = 16
const FOREIGN_BYTES_MAX = 1 << 20
/** Calls that are taken for one that is offered. */
const CALLS_TAKEN = 2

/** What is taken by one identity, or by all of one standing. */
interface Taken {
  connections: number
  calls: number
  bytes: number
}

export interface Account extends Readonly<Taken> {
  readonly key: string
  readonly standing: Standing
}

type Resource = keyof Taken

interface OpenAccount extends Taken {
  readonly key: string
  standing: Standing
}

export class Budgets {
  readonly #limits: BudgetLimits
  readonly #accounts = new Map<string, OpenAccount>()
  readonly #taken: Readonly<Record<Standing, Taken>> = {
    kin: nothing(),
    own: nothing(),
    foreign: nothing(),
  }

  constructor(limits: BudgetLimits) {
    this.#limits = limits
  }

  /** Accounts with anything taken. */
  get size(): number {
    return this.#accounts.size
  }

  /** Bytes held for all calls. */
  get bytes(): number {
    return this.#taken.kin.bytes + this.#taken.own.bytes + this.#taken.foreign.bytes
  }

  /** The account of an identity, as it stands now; what it has taken moves with it. */
  account(key: string, standing: Standing): Account {
    let account = this.#accounts.get(key)
    if (!account) this.#accounts.set(key, (account = { key, standing, ...nothing() }))
    if (account.standing !== standing) this.#move(account, standing)
    return account
  }

  /** Whether there is room for `count` more; takes it when there is. */
  take(account: Account, resource: Resource, count: number): boolean {
    if (!this.#fits(account, resource, count)) return false
    this.#add(account, resource, count)
    return true
  }

  give(account: Account, resource: Resource, count: number): void {
    this.#add(account, resource, -count)
    if (account.connections === 0 && account.calls === 0 && account.bytes === 0)
      this.#accounts.delete(account.key)
  }

  /** What one identity of a standing may have. */
  own(standing: Standing, resource: Resource): number {
    const { connectionsPerPeer, callsPerPeer, bytesPerPeer } = this.#limits
    const foreign = standing === 'foreign'
    switch (resource) {
      case 'connections':
        return foreign ? Math.min(connectionsPerPeer, FOREIGN_CONNECTIONS_MAX) : connectionsPerPeer
      case 'calls':
        return CALLS_TAKEN * (foreign ? Math.min(callsPerPeer, FOREIGN_CALLS_MAX) : callsPerPeer)
      case 'bytes':
        return foreign
          ? Math.min(bytesPerPeer, FOREIGN_BYTES_MAX)
          : standing === 'kin'
            ? 2 * bytesPerPeer
            : bytesPerPeer
    }
  }

  /** Streams to offer on each connection of an identity; without one: what anybody may have at first. */
  streams(account?: Account): number {
    const calls = this.own(account?.standing ?? 'foreign', 'calls') / CALLS_TAKEN
    return Math.max(1, Math.floor(calls / Math.max(1, account?.connections ?? 1)))
  }

  #fits(account: Account, resource: Resource, count: number): boolean {
    const { standing } = account
    if (account[resource] + count > this.own(standing, resource)) return false
    const all = this.#all(resource)
    const { kin, own, foreign } = this.#taken
    if (kin[resource] + own[resource] + foreign[resource] + count > all) return false
    if (standing === 'kin') return true
    if (own[resource] + foreign[resource] + count > all - reserveOf(resource, all)) return false
    return standing === 'own' || foreign[resource] + count <= Math.max(1, all * FOREIGN_SHARE)
  }

  #all(resource: Resource): number {
    return resource === 'connections'
      ? this.#limits.connections
      : resource === 'bytes'
        ? this.#limits.bytes
        : Infinity
  }

  #add(account: Account, resource: Resource, count: number): void {
    ;(account as OpenAccount)[resource] += count
    this.#taken[account.standing][resource] += count
  }

  #move(account: OpenAccount, standing: Standing): void {
    const before = this.#taken[account.standing]
    const after = this.#taken[standing]
    for (const resource of ['connections', 'calls', 'bytes'] as const) {
      before[resource] -= account[resource]
      after[resource] += account[resource]
    }
    account.standing = standing
  }
}

function reserveOf(resource: Resource, all: number): number {
  if (resource === 'bytes') return all * RESERVE_BYTES_SHARE
  return resource === 'connections'
    ? Math.min(Math.max(RESERVE_CONNECTIONS_MIN, all * RESERVE_SHARE), Math.floor(all / 2))
    : 0
}

function nothing(): Taken {
  return { connections: 0, calls: 0, bytes: 0 }
}
