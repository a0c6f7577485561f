/**
 * What a node said to itself alone in an epoch before: whose certificates count no more, who publishes here, and what was
 * amended. No neighbour has it, so that without this a revoked operator would be one again, a client that was suspended
 * would publish, and a withdrawn record would be published again.
 *
 * What the new log says is newer. Each step is one commit and can be repeated.
 */
import { parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import type { Context } from '../commit/context.ts'
import { publish } from '../publish/publish.ts'
import { Ledger } from '../ledger/ledger.ts'
import { decodeRegisterEntry } from '../ledger/register.ts'
import { encodeRevocation } from '../ledger/revocations.ts'
import { bodyKey, classKey, entryKey, indexAtEnd } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

/** Entries of one body or client that are taken over, the newest. */
const HISTORY_MAX = 1_000

/** What the log of an earlier epoch adds up to, as far as this node alone knows it. */
export class FormerActs {
  readonly #context: Context
  readonly ledger: Ledger
  /** Entries of the register in their order, by whom they are about. */
  readonly #register = new Map<string, Uint8Array[]>()

  private constructor(context: Context, store: Store) {
    this.#context = context
    this.ledger = new Ledger({
      store,
      self: context.self,
      federation: context.ledger().federation,
      genesisLanes: new Map(),
      kinds: context.kinds,
    })
  }

  static async read(context: Context, store: Store): Promise<FormerActs> {
    const acts = new FormerActs(context, store)
    await acts.ledger.loadAmended()
    for (const [key] of await store.range({
      gte: classKey('control', 0n),
      lt: classKey('amendment', 0n),
    }))
      await acts.#learn(store, indexAtEnd(key))
    return acts
  }

  async #learn(store: Store, index: bigint): Promise<void> {
    const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    const entry = bytes && parseEntry(bytes)
    if (!entry?.verdict.accepted || !stored) return
    const batch = parseHeaderNote(entry.header)
    const { origin, kind } = batch.header
    if (origin !== this.#context.self || (kind !== 'revocation' && kind !== 'register')) return
    const body = parseBody(stored)
    if (kind === 'revocation') return this.ledger.learn(index, entry, { ...batch, body })
    for (let i = 0; i < body.count; i++) {
      const record = recordAt(body, i)
      const about = record && nameIn(record)
      if (about !== undefined)
        this.#register.set(about, [...(this.#register.get(about) ?? []), record!])
    }
  }

  /** Revokes what this node had revoked and the new log does not. @returns how many */
  async revokeAgain(): Promise<number> {
    const { self, body, ledger } = this.#context
    let revoked = 0
    for (const { revocation, by } of this.ledger.revocations.all()) {
      if (
        by !== self ||
        ledger()
          .revocations.standing(revocation)
          .some((one) => one.by === self)
      )
        continue
      const stays = revocation.node === self && revocation.role !== 'node'
      await publish(this.#context, {
        kind: 'revocation',
        item: undefined,
        provider: body,
        targets: [stays ? ledger().selfId : '**'],
        batchClass: 'control',
        records: [encodeRevocation(revocation)],
        source: { kind: 'self' },
      })
      revoked++
    }
    return revoked
  }

  /** Enters bodies and clients again that nobody has entered since, each with all that was said of it. @returns how many */
  async registerAgain(): Promise<number> {
    const { body, ledger } = this.#context
    let entered = 0
    for (const [about, records] of this.#register) {
      const name = about.slice(1)
      if (
        about.startsWith(PROVIDER)
          ? ledger().register.provider(name)
          : ledger().register.client(name)
      )
        continue
      await publish(this.#context, {
        kind: 'register',
        item: undefined,
        provider: body,
        targets: [ledger().selfId],
        batchClass: 'control',
        records: records.slice(-HISTORY_MAX),
        source: { kind: 'self' },
      })
      entered++
    }
    return entered
  }
}

const PROVIDER = 'p'

/** Whom an entry of the register is about. */
function nameIn(record: Uint8Array): string | undefined {
  const subject = decodeRegisterEntry(record)?.subject
  if (subject?.case === 'provider') return `${PROVIDER}${subject.value.body}`
  return subject?.case === 'client' ? `c${subject.value.name}` : undefined
}
