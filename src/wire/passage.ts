/**
 * One call on its way through this node: what is held for it, and how long its request and its answer may take.
 * What was received counts against the caller's account until the call has ended, since a handler may keep
 * a request waiting; an answer counts until it is sent, since a peer may never read it.
 *
 * Deadlines are looked at by a sweep and have no timers, so that a call costs an object and two listeners.
 */
import type { ServerHttp2Stream } from 'node:http2'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { type Clock, durationOf } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { Account, Budgets } from './budgets.ts'
import { beforeData, endStream } from './grpc-internals.ts'
import { statusOfError } from './status.ts'

/** What a call costs beside its bytes: headers, objects of HTTP/2 and of grpc-js. */
const CALL_BYTES = 8_192
/** What a piece costs beside its bytes; a peer may send a byte at a time. */
const PIECE_BYTES = 256
const TRANSFER_MS = 30_000
/** Bytes a millisecond that a slow line carries at least: 32 KiB/s. */
const TRANSFER_BYTES_PER_MS = 32
/** Length of what stands before a gRPC message: a flag, and its length in four bytes. */
const PREFIX_BYTES = 5

/** Whose call it is, and where it is counted. */
export interface Caller {
  readonly identity: PeerIdentity
  readonly account: Account
  readonly budgets: Budgets
  /** Calls under way on its connection. */
  readonly calls: Set<Passage>
}

export interface PassageOptions {
  readonly caller: Caller
  readonly call: ServerInterceptingCallInterface
  readonly stream: ServerHttp2Stream
  /** Bytes that the call may receive in all. */
  readonly bytesMax: number
  /** Milliseconds that receiving may take, beside those for its bytes. */
  readonly receiveMs?: number
  readonly clock: Clock
}

export class Passage {
  readonly #caller: Caller
  readonly #call: ServerInterceptingCallInterface
  readonly #stream: ServerHttp2Stream
  readonly #bytesMax: number
  readonly #receiveMs: number
  readonly #clock: Clock
  #received = 0
  /** Bytes taken of the account. */
  #held = 0
  #sinceMs: number
  #phase: 'request' | 'answer' | 'ended' = 'request'

  /** @throws HuxinError overloaded */
  static begin(options: PassageOptions): Passage {
    const { account, budgets } = options.caller
    if (!budgets.take(account, 'calls', 1)) {
      throw new HuxinError(
        'overloaded',
        text`${account.key} has ${account.calls} calls under way, at most ${budgets.own(account.standing, 'calls')} are taken: wait for some of them`,
      )
    }
    const passage = new Passage(options)
    if (!budgets.take(account, 'bytes', CALL_BYTES)) {
      passage.end()
      throw passage.#overloaded()
    }
    passage.#held = CALL_BYTES
    return passage
  }

  private constructor({
    caller,
    call,
    stream,
    bytesMax,
    receiveMs = TRANSFER_MS,
    clock,
  }: PassageOptions) {
    this.#caller = caller
    this.#call = call
    this.#stream = stream
    this.#bytesMax = bytesMax
    this.#receiveMs = receiveMs
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
    caller.calls.add(this)
    beforeData(stream, (piece) => this.#receive(piece))
    stream.once('close', () => this.end())
  }

  get identity(): PeerIdentity {
    return this.#caller.identity
  }

  /** Counts bytes that a handler gathers for its answer. @throws HuxinError overloaded */
  hold(bytes: number): void {
    if (this.#phase === 'ended') return
    if (!this.#caller.budgets.take(this.#caller.account, 'bytes', bytes)) throw this.#overloaded()
    this.#held += bytes
  }

  /** The answer is made, and nothing else is held for the call any more. @throws HuxinError overloaded */
  answer(bytes: number): void {
    if (this.#phase === 'ended') return
    this.#giveBack()
    this.hold(CALL_BYTES + bytes)
    this.#phase = 'answer'
    this.#sinceMs = this.#clock.monotonicMs()
  }

  /** Ends the call with an error, whatever has come of its request. */
  refuse(error: HuxinError): void {
    // Nothing more of it is kept.
    this.end()
    this.#call.sendStatus(statusOfError(error))
    endStream(this.#stream, this.#clock)
  }

  /** Ends what takes longer than its bytes allow. */
  check(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs
    if (
      this.#phase === 'request' &&
      !this.#stream.readableEnded &&
      elapsedMs > this.#receiveMs + this.#received / TRANSFER_BYTES_PER_MS
    ) {
      this.refuse(
        new HuxinError(
          'deadline_exceeded',
          text`the request was not complete after ${durationOf(elapsedMs)} (${this.#received} bytes)`,
        ),
      )
    } else if (
      this.#phase === 'answer' &&
      elapsedMs > TRANSFER_MS + this.#held / TRANSFER_BYTES_PER_MS
    ) {
      // Who does not read the answer does not read an error either.
      this.#stream.destroy()
    }
  }

  #receive(piece: Buffer): void {
    if (this.#phase === 'ended') return
    const first = this.#received === 0
    this.#received += piece.length
    const announced =
      first && piece.length >= PREFIX_BYTES ? PREFIX_BYTES + piece.readUInt32BE(1) : 0
    const bytes = Math.max(announced, this.#received)
    if (bytes > this.#bytesMax) {
      this.refuse(
        new HuxinError(
          'message_too_large',
          text`the request has ${bytes} bytes, at most ${this.#bytesMax} are taken: send it in parts`,
        ),
      )
    } else if (
      this.#caller.budgets.take(this.#caller.account, 'bytes', piece.length + PIECE_BYTES)
    ) {
      this.#held += piece.length + PIECE_BYTES
    } else {
      this.refuse(this.#overloaded())
    }
  }

  /** The call has ended, or its connection. */
  end(): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#giveBack()
    this.#caller.calls.delete(this)
    this.#caller.budgets.give(this.#caller.account, 'calls', 1)
  }

  #giveBack(): void {
    const held = this.#held
    this.#held = 0
    if (held > 0) this.#caller.budgets.give(this.#caller.account, 'bytes', held)
  }

  #overloaded(): HuxinError {
    const { account, budgets } = this.#caller
    return new HuxinError(
      'overloaded',
      text`${account.bytes} bytes are held here for calls of ${account.key} (at most ${budgets.own(account.standing, 'bytes')}), ${budgets.bytes} for all: read the answers, and send less at once`,
    )
  }
}
