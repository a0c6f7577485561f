/**
 * Where the batches of an earlier epoch stand now that they are published again: under another id, without the records that
 * had ended. Whatever names one of them names its new place: amendments, and confirmations that rest on a result.
 */
import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf'
import { equalBytes } from '../base/bytes.ts'
import { isHuxinError } from '../base/errors.ts'
import { type Body, leafHashAt, parseBody, recordAt } from '../batch/body.ts'
import { isBornHere, parseEntry } from '../batch/entry.ts'
import type { Context } from '../commit/context.ts'
import { firstBatchOf } from '../publish/request-ids.ts'
import { AmendmentSchema } from '../gen/huxin/v1/catalog_pb.ts'
import { RecognitionConfirmationSchema, RecordSchema } from '../gen/huxin/v1/record_pb.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

export interface FormerPlacesOptions {
  readonly context: Context
  readonly former: number
  /** The database of the earlier epoch, and what its log adds up to. */
  readonly store: Store
  readonly ledger: Ledger
}

/** A batch that was published again. */
interface Again {
  readonly id: Uint8Array
  readonly body: Body
  /** Positions in it, by those of before; undefined for what had ended. */
  readonly positions: readonly (number | undefined)[]
}

/** Under which an entry of an earlier epoch is published again, so that this can be repeated. */
export const requestIdOf = (former: number, index: bigint): string => `former/${former}/${index}`

export class FormerPlaces {
  readonly #options: FormerPlacesOptions
  /** The one that was asked for last: a batch of amendments mostly names one batch. */
  #last: { readonly id: Uint8Array; readonly again: Again | undefined } | undefined

  constructor(options: FormerPlacesOptions) {
    this.#options = options
  }

  /** An amendment as it reads now. */
  async ofAmendment(record: Uint8Array): Promise<Uint8Array> {
    const amendment = fromBinary(AmendmentSchema, record)
    const again = await this.#againOf(amendment.batchId)
    const index = again?.positions[amendment.index]
    const moved = again !== undefined && index !== undefined
    // A withdrawal that others have is said again too, of what moved alone.
    const withdrawals = await Promise.all(
      amendment.withdrawals.map(async (id) =>
        !moved && (await this.#isHere(id)) ? id : ((await this.#newId(id)) ?? id),
      ),
    )
    const renamed = create(AmendmentSchema, {
      ...amendment,
      ...(moved ? { batchId: again.id, index } : {}),
      withdrawals,
    })
    return equals(AmendmentSchema, amendment, renamed) ? record : toBinary(AmendmentSchema, renamed)
  }

  /** A record of a recognition as it reads now. */
  async ofRecognition(bytes: Uint8Array): Promise<Uint8Array> {
    const record = fromBinary(RecordSchema, bytes)
    if (record.content.case !== 'recognitionConfirmation') return bytes
    const { value } = record.content
    const again =
      value.sourceBatchId.length === 32 ? await this.#againOf(value.sourceBatchId) : undefined
    const sourceIndex = again?.positions[value.sourceIndex]
    if (!again || sourceIndex === undefined) return bytes
    const renamed = create(RecognitionConfirmationSchema, {
      ...value,
      sourceBatchId: again.id,
      sourceIndex,
      sourceHash: leafHashAt(again.body, sourceIndex),
    })
    return toBinary(
      RecordSchema,
      create(RecordSchema, {
        ...record,
        content: { case: 'recognitionConfirmation', value: renamed },
      }),
    )
  }

  /** The id under which a batch is published again; undefined when it is not. */
  async #newId(id: Uint8Array): Promise<Uint8Array | undefined> {
    const { context, former, store, ledger } = this.#options
    const index = (await ledger.known(id))?.indexes[0]
    const bytes = index === undefined ? undefined : await store.get(entryKey(index))
    if (!bytes) return undefined
    const { source } = parseEntry(bytes)
    return firstBatchOf(context, {
      requestId: requestIdOf(former, index!),
      source: isBornHere(source) ? source : { kind: 'self' },
    })
  }

  async #isHere(id: Uint8Array): Promise<boolean> {
    return (await this.#options.context.ledger().known(id)) !== undefined
  }

  async #againOf(id: Uint8Array): Promise<Again | undefined> {
    if (this.#last && equalBytes(this.#last.id, id)) return this.#last.again
    const again = await this.#findAgain(id)
    this.#last = { id, again }
    return again
  }

  async #findAgain(id: Uint8Array): Promise<Again | undefined> {
    const { context, store, ledger } = this.#options
    const newId = (await this.#isHere(id)) ? undefined : await this.#newId(id)
    if (!newId) return undefined
    const before = await bodyOf(store, ledger, id)
    const body = await bodyOf(context.store, context.ledger(), newId)
    return before && body && { id: newId, body, positions: positionsIn(body, before) }
  }
}

async function bodyOf(
  store: Pick<Store, 'get'>,
  ledger: Ledger,
  id: Uint8Array,
): Promise<Body | undefined> {
  const index = (await ledger.known(id))?.indexes[0]
  const stored = index === undefined ? undefined : await store.get(bodyKey(index))
  try {
    return stored && parseBody(stored)
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return undefined
  }
}

/** Where the records of a body stand in one that has some of them, in the same order. Every step but the last of a try may be done already, so that this is found by content. */
function positionsIn(body: Body, before: Body): (number | undefined)[] {
  let at = 0
  return Array.from({ length: before.count }, (_, i) => {
    const record = recordAt(before, i)
    const there = record && at < body.count ? recordAt(body, at) : undefined
    return record && there && equalBytes(record, there) ? at++ : undefined
  })
}
