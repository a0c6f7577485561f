/**
 * What can only be judged in the order of the log: statements extend a chain, amendments name a batch.
 * Runs inside a round of the writer.
 */
import { hex } from '../base/bytes.ts'
import { isHuxinError } from '../base/errors.ts'
import { term, text, type Text } from '../base/text.ts'
import { type Body, recordAt } from '../batch/body.ts'
import { bindsAll, type Entry, parseEntry } from '../batch/entry.ts'
import { type BatchHeader, understood } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { decodeAmendments } from '../ledger/amendments.ts'
import { decodeKnown, type Ledger } from '../ledger/ledger.ts'
import { batchKey, entryKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { type Refused, refuse } from '../kinds/refusal.ts'
import type { Recent } from '../commit/recent.ts'
import type { RoundView } from '../commit/writer.ts'

export interface InOrderOptions {
  readonly ledger: () => Ledger
  readonly store: Store
  readonly recent: Recent
  /** Two statements of a member with one serial, signed by the same members: keeps the evidence. */
  readonly onConflict: (earlier: Uint8Array, later: Uint8Array, signers: readonly string[]) => Promise<void>
}

/** The first entry of a batch. */
export interface Placed {
  readonly index: bigint
  readonly entry: Entry
  readonly batch: SealedHeader
}

export class InOrder {
  readonly #options: InOrderOptions

  constructor(options: InOrderOptions) {
    this.#options = options
  }

  /** What can only be judged in the order of the log: statements extend a chain, amendments name a batch. */
  async judge(header: BatchHeader, body: Body, view: RoundView, rules: string): Promise<Refused | undefined> {
    if (header.kind === 'amendment' && understood(header)) return this.#judgeAmendments(header, body, view, rules)
    if (header.kind !== 'member' || !understood(header)) return undefined
    const statements = Array.from({ length: body.count }, (_, i) => recordAt(body, i)).filter((statement) => statement !== undefined)
    try {
      this.#options.ledger().federation.checkStatements(statements, { placed: bindsAll(rules) })
    } catch (error) {
      if (!isHuxinError(error) || error.code === 'member_unknown') throw error
      await this.#keepConflicts(statements)
      return refuse('statement_invalid', error.text)
    }
    return undefined
  }

  /** Two statements with one serial, signed by the same member: the refused one would be gone with its body. */
  async #keepConflicts(statements: readonly Uint8Array[]): Promise<void> {
    for (const statement of statements) {
      try {
        const comparison = this.#options.ledger().federation.compareSerial(statement)
        if (comparison.kind === 'conflict' && comparison.signers.length > 0) await this.#options.onConflict(comparison.earlier, comparison.later, comparison.signers)
      } catch (error) {
        if (!isHuxinError(error)) throw error
      }
    }
  }

  /** Records are amended by their origin or a node above it; of a batch not known here nobody can say. */
  async #judgeAmendments(header: BatchHeader, body: Body, view: RoundView, rules: string): Promise<Refused | undefined> {
    const { federation } = this.#options.ledger()
    const headers = new Map<string, BatchHeader | undefined>()
    for (const [i, { batchId }] of decodeAmendments(body).entries()) {
      const name = hex(batchId)
      if (!headers.has(name)) headers.set(name, (await this.placed(batchId, view))?.batch.header)
      const amended = headers.get(name)
      if (!amended) continue
      if (bindsAll(rules) && !isAmendable(amended.kind)) return refuse('amendment_invalid', text`amendment ${i} is of a batch of kind ${term(amended.kind)}: ${unamendable(amended.kind)}`)
      if (federation.isWithin(amended.origin, header.origin)) continue
      return refuse('amendment_invalid', text`amendment ${i} is of a batch of ${amended.origin}, which is amended there or by a node above it, not by ${header.origin}`)
    }
    return undefined
  }

  /** The first entry of a batch, also when this very round puts it. */
  async placed(id: Uint8Array, view: RoundView): Promise<Placed | undefined> {
    const row = await view.get(batchKey(id))
    const index = row && decodeKnown(row).indexes[0]
    if (index === undefined) return undefined
    const there = this.#options.recent.entry(index)
    if (there) return { index, entry: there.entry, batch: there.batch }
    const bytes = await this.#options.store.get(entryKey(index))
    if (!bytes) return undefined
    const entry = parseEntry(bytes)
    return { index, entry, batch: openHeader(entry.header) }
  }
}

/** Kinds by which nodes judge everything else: what they said stands, or nodes would differ. */
const LASTING: readonly string[] = ['member', 'catalog', 'freeze', 'amendment', 'heads', 'revocation']

/** True for kinds whose records may be withdrawn, repaired, disputed and erased. */
function isAmendable(kind: string): boolean {
  return !LASTING.includes(kind)
}

/** What to do in the place of an amendment. */
function unamendable(kind: string): Text {
  return kind === 'catalog'
    ? text`an edition of the catalog is not withdrawn and ends on its effective_to; publish the edition that follows it`
    : text`only records are withdrawn, repaired, disputed or erased`
}
