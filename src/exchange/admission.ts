/**
 * Before a batch is judged: whether its header is authentic and whether the sender may carry its origin.
 * What fails here is answered with an error and never logged.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { errorTable, HuxinError, isErrorCode } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type EntrySource, isRefusalCode } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import { type SealedHeader, verifyHeader } from '../batch/seal.ts'
import { RefusalSchema } from '../gen/huxin/v1/body_pb.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { checkAfterFinal, introducedKeys } from '../ledger/epochs.ts'
import type { Refused } from '../verdict/refusal.ts'

export interface AdmissionOptions {
  readonly ledger: () => Ledger
  /** True while this node takes back what it lost: erased bodies are taken as they are. */
  readonly recovering: () => boolean
}

export class Admission {
  readonly #options: AdmissionOptions
  readonly #verifiers = new Map<string, Verifier>()

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /** Forgets the keys in memory, after members changed. */
  reset(): void {
    this.#verifiers.clear()
  }

  /** The origin is a member, and the one signature line is that of its key in that epoch, which the batch itself may bring. */
  authentic(batch: SealedHeader, unverifiedBody: Uint8Array): void {
    const { origin, epoch } = batch.header
    const name = `${origin} ${epoch}`
    let verifier = this.#verifiers.get(name)
    if (!verifier) {
      const member = this.#options.ledger().federation.member(origin)
      if (!member || member.name !== origin)
        throw new HuxinError(
          'member_unknown',
          text`${origin} is not known here yet: send the batch again later`,
        )
      const key =
        member.epochs.find((row) => row.epoch === epoch) ??
        introducedKeys(this.#options.ledger().federation, batch.header, unverifiedBody)
      if (!key && epoch > member.epoch)
        throw new HuxinError(
          'member_unknown',
          text`epoch ${epoch} of ${origin} is not known here yet: send the batch again later`,
        )
      if (!key) throw new HuxinError('signature_invalid', text`${origin} has no epoch ${epoch}`)
      verifier = parseVkey(key.noteVkey)
      if (member.epoch === epoch) this.#verifiers.set(name, verifier)
    }
    verifyHeader(batch, verifier)
  }

  /** @throws HuxinError origin_outside_subtree | not_ready | quarantined | log_forked | member_suspended */
  mayCarry(
    header: BatchHeader,
    { source, givenBack }: { source: EntrySource; givenBack?: boolean },
  ): void {
    const { federation, self } = this.#options.ledger()
    if (source.kind === 'child') {
      if (!federation.isWithin(header.origin, source.node)) {
        throw new HuxinError(
          'origin_outside_subtree',
          text`${source.node} may not hand up batches of ${header.origin}, which is not in its subtree`,
        )
      }
    }
    if (
      source.kind === 'child' &&
      this.#options.recovering() &&
      givenBack !== true &&
      header.batchClass !== 'amendment'
    ) {
      throw new HuxinError(
        'not_ready',
        text`${self} takes back what it lost, with the verdicts of that time: send the batch again later`,
      )
    }
    if (
      this.#options.ledger().quarantined.has(header.origin) &&
      header.batchClass !== 'amendment' &&
      header.batchClass !== 'control'
    ) {
      throw new HuxinError(
        'quarantined',
        text`batches of ${header.origin} are not taken by ${self}: it sent two different batches with one number; see the evidence file`,
      )
    }
    checkAfterFinal(this.#options.ledger(), header, source)
    const member = federation.member(header.origin)
    if (
      member &&
      member.status !== 'active' &&
      source.kind === 'child' &&
      source.node === header.origin
    ) {
      throw new HuxinError(
        'member_suspended',
        text`${header.origin} is ${term(member.status)}: its batches are not taken`,
      )
    }
  }
}

/** The verdict of the sender, when it sends the header alone. @throws HuxinError message_too_large | body_malformed */
export function decodeRefused(bytes: Uint8Array): Refused {
  if (bytes.length > limits.bodyBytesMax)
    throw new HuxinError(
      'message_too_large',
      text`a refusal has ${bytes.length} bytes, at most ${limits.bodyBytesMax}`,
    )
  try {
    const refusal = fromBinary(RefusalSchema, bytes)
    const { code } = refusal
    // A code that is not known here may be one of a later minor version.
    if (isRefusalCode(code) && (!isErrorCode(code) || errorTable[code].kind === 'refused'))
      return { code, refusal }
  } catch {
    // falls through to the one message
  }
  throw new HuxinError(
    'body_malformed',
    text`the refusal of a batch does not decode, or its code is no verdict`,
  )
}
