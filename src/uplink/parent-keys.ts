/**
 * The parent's note key in each epoch of its log. A parent that lost its log comes back with a new key,
 * and the statement that says so lies in the very log that the key verifies: so the parent shows it
 * beforehand, and here it is checked against what is known, by the rules of every statement. Nothing of
 * it enters the ledger: that learns it in the order of the log.
 */
import { HuxinError } from '../base/errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { FederationState } from '../topology/federation.ts'
import type { Member } from '../topology/member.ts'

/** Statements looked at in one answer. */
const STATEMENTS_MAX = 256

export class ParentKeys {
  readonly #parent: string
  readonly #ledger: () => Ledger
  readonly #trust: () => FederationState | undefined
  #shown: Member | undefined

  /** `trust` is what the join file says, until the log says more. */
  constructor({ parent, ledger, trust }: { parent: string; ledger: () => Ledger; trust: () => FederationState | undefined }) {
    this.#parent = parent
    this.#ledger = ledger
    this.#trust = trust
  }

  /**
   * Takes what the parent says of itself and those above it. A parent of an earlier version says nothing.
   * @throws HuxinError member_unknown when the key of its log does not follow from what is known here
   */
  learn(statements: readonly Uint8Array[], log: string): void {
    if (statements.length === 0) return
    const { federation } = this.#ledger()
    const known = federation.member(this.#parent) ? federation : this.#trust() ?? federation
    const shown = known.foresee(statements.slice(0, STATEMENTS_MAX)).member(this.#parent)
    if (!shown?.epochs.some(({ epoch }) => `${this.#parent}/${epoch}` === log)) {
      throw new HuxinError('member_unknown', `the parent shows the log ${log}, and no statement that makes it one of ${this.#parent}: it is asked again later`)
    }
    this.#shown = shown
  }

  /** The key that signs a log of the parent; undefined when none is known. */
  noteVkey(log: string): string | undefined {
    const logged = this.#ledger().federation.member(this.#parent)
    const newest = this.#shown && (!logged || this.#shown.serial > logged.serial) ? this.#shown : logged
    const known = newest ?? this.#trust()?.member(this.#parent)
    return known?.epochs.find(({ epoch }) => `${this.#parent}/${epoch}` === log)?.noteVkey ?? known?.noteVkey
  }
}
