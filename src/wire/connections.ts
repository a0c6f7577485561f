/**
 * The connections of a server after their handshake: whose they are, what their calls hold, when they
 * are cut. Their number is exact however they break: Node.js 20 leaves a session without its `close`, and
 * its socket open, when the peer goes while something is being written to it, so a session that is
 * destroyed is looked for and its socket cut here.
 *
 * A connection goes when it has not begun HTTP/2 in time, or has made no call in time. One over the number
 * that its identity may have takes the place of an idle one of the same identity, or, of a node, which
 * has one process, of the oldest: those that broke unnoticed look like it.
 */
import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { Account, Budgets, Standing } from './budgets.ts'
import type { Caller, Passage } from './passage.ts'

const SWEEP_MS = 1_000
/** Milliseconds until the first frame of HTTP/2. */
const PREFACE_MS = 10_000
/** Milliseconds until the first call. */
const FIRST_CALL_MS = 60_000
const ENHANCE_YOUR_CALM = 11

export interface ConnectionsOptions {
  readonly budgets: Budgets
  readonly clock: Clock
  /** How a caller stands to this node now. */
  readonly standing: (identity: PeerIdentity) => Standing
}

/** A connection as it comes out of its handshake. */
export interface Admission {
  readonly session: ServerHttp2Session
  /** Its TCP socket, under TLS. */
  readonly socket: Socket
  readonly identity: PeerIdentity
  readonly notAfterMs: number
}

export class Connection implements Caller {
  readonly session: ServerHttp2Session
  readonly socket: Socket
  readonly identity: PeerIdentity
  readonly notAfterMs: number
  readonly account: Account
  readonly budgets: Budgets
  readonly calls = new Set<Passage>()
  /** When it was admitted, and whether it has begun HTTP/2 and made a call since. */
  readonly sinceMs: number
  prefaced = false
  called = false
  /** Streams that it was offered last, and whether its peer has yet to say that it knows. */
  offered = 0
  offering = false

  constructor(
    { session, socket, identity, notAfterMs }: Admission,
    { account, budgets, sinceMs }: { account: Account; budgets: Budgets; sinceMs: number },
  ) {
    this.session = session
    this.socket = socket
    this.identity = identity
    this.notAfterMs = notAfterMs
    this.account = account
    this.budgets = budgets
    this.sinceMs = sinceMs
  }
}

export class Connections {
  readonly #options: ConnectionsOptions
  /** In the order in which they came. */
  readonly #open = new Map<ServerHttp2Session, Connection>()
  #cancelSweep: (() => void) | undefined
  #onEmpty: (() => void) | undefined

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#sweepLater()
  }

  get all(): readonly Connection[] {
    return [...this.#open.values()]
  }

  of(session: ServerHttp2Session): Connection | undefined {
    return this.#open.get(session)
  }

  /** Undefined when it was admitted, else why it was not; then it is on its way to be closed. */
  admit(admission: Admission): string | undefined {
    const { budgets, clock, standing } = this.#options
    const { session, socket, identity } = admission
    const account = budgets.account(keyOf(identity), standing(identity))
    if (!budgets.take(account, 'connections', 1)) {
      this.#makeRoom(account, identity)
      if (!budgets.take(account, 'connections', 1)) {
        budgets.give(account, 'connections', 0)
        turnAway(session, socket)
        return `too many connections: ${account.key} has ${account.connections}, at most ${budgets.own(account.standing, 'connections')} for one, and some are kept for nodes and operators`
      }
    }
    const connection = new Connection(admission, { account, budgets, sinceMs: clock.monotonicMs() })
    this.#open.set(session, connection)
    session.once('remoteSettings', () => {
      connection.prefaced = true
    })
    session.once('close', () => this.#gone(connection))
    socket.once('close', () => this.#gone(connection))
    this.#offerAgain(account)
    return undefined
  }

  /** Closes a connection and its socket, which would wait for a peer that may be dead. */
  cut(connection: Pick<Connection, 'session' | 'socket'>): void {
    connection.session.destroy()
    connection.socket.destroy()
  }

  /** Resolves when none is left. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve()
      else this.#onEmpty = resolve
    })
  }

  close(): void {
    this.#cancelSweep?.()
    for (const connection of this.all) this.cut(connection)
  }

  #gone(connection: Connection): void {
    if (!this.#open.delete(connection.session)) return
    // Calls have ended when their session is closed; where it never is, they end here.
    for (const passage of [...connection.calls]) passage.end()
    this.#options.budgets.give(connection.account, 'connections', 1)
    this.#offerAgain(connection.account)
    connection.session.destroy()
    connection.socket.destroy()
    if (this.#open.size === 0) this.#onEmpty?.()
  }

  #offerAgain(account: Account): void {
    for (const connection of this.#open.values())
      if (connection.account === account) this.#offer(connection)
  }

  /** Tells a peer how many calls it may have under way on this connection. The sweep tells what a slow peer missed. */
  #offer(connection: Connection): void {
    const { session, account } = connection
    const maxConcurrentStreams = this.#options.budgets.streams(account)
    if (
      connection.offering ||
      maxConcurrentStreams === connection.offered ||
      session.destroyed ||
      session.closed
    )
      return
    connection.offered = maxConcurrentStreams
    connection.offering = true
    session.settings({ maxConcurrentStreams }, () => {
      connection.offering = false
    })
  }

  #makeRoom(account: Account, identity: PeerIdentity): void {
    this.#settleBroken()
    const same = this.all.filter((connection) => connection.account === account)
    if (same.length < this.#options.budgets.own(account.standing, 'connections')) return
    const given =
      same.find(({ calls, called }) => called && calls.size === 0) ??
      same.find(({ calls }) => calls.size === 0) ??
      (identity.role === 'node' ? same[0] : undefined)
    if (!given) return
    this.cut(given)
    this.#gone(given)
  }

  /** A session that is destroyed and whose socket is not: nothing comes of it any more. */
  #settleBroken(): void {
    for (const connection of this.all) if (connection.session.destroyed) this.#gone(connection)
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#options.clock.after(SWEEP_MS, () => {
      this.#sweep()
      this.#sweepLater()
    })
  }

  #sweep(): void {
    const { budgets, clock, standing } = this.#options
    const nowMs = clock.monotonicMs()
    this.#settleBroken()
    for (const connection of this.all) {
      const { prefaced, called, sinceMs, identity } = connection
      const ageMs = nowMs - sinceMs
      if ((!prefaced && ageMs > PREFACE_MS) || (!called && ageMs > FIRST_CALL_MS))
        this.cut(connection)
      budgets.account(connection.account.key, standing(identity))
      this.#offer(connection)
      for (const passage of connection.calls) passage.check(nowMs)
    }
  }
}

function keyOf({ nodeName, role, name }: PeerIdentity): string {
  return `${nodeName} ${role}${name === '' ? '' : ` ${name}`}`
}

/** Says why in a GOAWAY, for whoever reads it. */
function turnAway(session: ServerHttp2Session, socket: Socket): void {
  session.goaway(ENHANCE_YOUR_CALM, 0, Buffer.from('too many connections'))
  session.once('close', () => socket.destroy())
  session.destroy()
}
