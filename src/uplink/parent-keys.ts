/**
 * The parent's note key in each epoch of its log. A parent that lost its log comes back with a new key,
 * and the statement that says so lies in the very log that the key verifies: so the parent shows it
 * beforehand, and here it is checked against what is known, by the rules of every statement. Nothing of
 * it enters the ledger: that learns it in the order of the log.
 */
import { hex } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { FederationState } from '../topology/federation.ts'
import { type FrozenTree, type Member, predecessorOf } from '../topology/member.ts'

/** Statements looked at in one answer. */
const STATEMENTS_MAX = 256

export class ParentKeys {
  readonly #parent: string
  readonly #ledger: () => Ledger
  readonly #trust: () => FederationState | undefined
  #shown: Member | undefined

  /** `trust` is what the join file says, until the log says more. */
  constructor({
    parent,
    ledger,
    trust,
  }: {
    parent: string
    ledger: () => Ledger
    trust: () => FederationState | undefined
  }) {
    this.#parent = parent
    this.#ledger = ledger
    this.#trust = trust
  }

  /**
   * Takes what the parent says of itself and those above it. A parent of an earlier version says nothing.
   * @returns those that the key of its log follows from and that did not come in the order of the log yet; none when it does not need them
   * @throws HuxinError member_unknown when the key of its log does not follow from what is known here
   */
  learn(statements: readonly Uint8Array[], log: string): readonly Uint8Array[] {
    if (statements.length === 0) return []
    const { federation } = this.#ledger()
    const known = federation.member(this.#parent) ? federation : (this.#trust() ?? federation)
    const looked = statements.slice(0, STATEMENTS_MAX)
    const shown = known.foresee(looked).member(this.#parent)
    const isOf = (member: Member | undefined): boolean =>
      member?.epochs.some(({ epoch }) => `${this.#parent}/${epoch}` === log) ?? false
    if (!isOf(shown)) {
      throw new HuxinError(
        'member_unknown',
        text`the parent shows the log ${log}, and no statement that makes it one of ${this.#parent}: it is asked again later`,
      )
    }
    this.#shown = shown
    if (isOf(federation.member(this.#parent))) return []
    const logged = new Set(
      federation
        .lineage(this.#parent)
        .flatMap(({ name }) => federation.history(name))
        .map(hex),
    )
    return looked.filter((one) => !logged.has(hex(one)))
  }

  /** The key that signs a log of the parent; undefined when none is known. */
  noteVkey(log: string): string | undefined {
    const known = this.#newest()
    return (
      known?.epochs.find(({ epoch }) => `${this.#parent}/${epoch}` === log)?.noteVkey ??
      known?.noteVkey
    )
  }

  /** The logs that a log of the parent goes on from, the nearest first, and the tree at which each was frozen. */
  predecessors(log: string): { readonly log: string; readonly tree: FrozenTree }[] {
    const known = this.#newest()
    const found = []
    for (let at = known && predecessorOf(known, log); at; at = predecessorOf(known!, at.log))
      found.push(at)
    return found
  }

  #newest(): Member | undefined {
    const logged = this.#ledger().federation.member(this.#parent)
    const newest =
      this.#shown && (!logged || this.#shown.serial > logged.serial) ? this.#shown : logged
    return newest ?? this.#trust()?.member(this.#parent)
  }

  /**
   * What is kept by the name of a log, or else by that of the nearest log it goes on from: entries have the same places in both.
   */
  async inherited<T>(
    log: string,
    read: (log: string) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (const name of [log, ...this.predecessors(log).map((before) => before.log)]) {
      const found = await read(name)
      if (found !== undefined) return found
    }
    return undefined
  }
}
