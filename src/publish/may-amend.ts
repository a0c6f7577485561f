/**
 * Who may amend a record. A client withdraws, repairs and marks what it published itself, for its body, at this
 * node. Everything else takes a person: what another client, a person or the node itself published, what is of another body, what was
 * born at another node below this one, and each erasure. A person states the number of the document that orders it, but for records
 * of the body that operates the node, which persons published there.
 */
import { HuxinError } from '../base/errors.ts'
import { term, text, type Text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { SealedHeader } from '../batch/seal.ts'
import { isIndexed } from '../lookup/record-rows.ts'
import type { Context } from '../commit/context.ts'
import type { Actor } from './actor.ts'

/** The batch whose record is to be amended. */
export interface AmendedBatch {
  readonly batch: SealedHeader
  readonly source: EntrySource
}

/** What somebody wants to do to a record of it. */
export interface Intent {
  readonly action: string
  readonly document: string
}

/** Whether anybody may amend records of a batch at this node. @throws HuxinError amendment_invalid */
export function checkAmendable(context: Context, { batch }: Pick<AmendedBatch, 'batch'>): void {
  const { origin, kind } = batch.header
  if (!isIndexed(context, batch)) {
    throw new HuxinError(
      'amendment_invalid',
      text`batch ${batch.idText} is of kind ${term(kind)}, whose records are not amended: ${context.kinds.get(kind)?.instead?.asked ?? text`what it says is changed by a new one`}`,
    )
  }
  if (!context.ledger().federation.isWithin(origin, context.self)) {
    throw new HuxinError(
      'amendment_invalid',
      text`records of ${origin} are amended there or by a node above it, not by ${context.self}`,
    )
  }
}

/** @throws HuxinError role_denied | argument_invalid */
export function checkMayAmend(
  context: Context,
  actor: Actor,
  { batch, source }: AmendedBatch,
  { action, document }: Intent,
): void {
  if (actor.kind === 'client') {
    const reason =
      action === 'erase' ? text`a person erases` : notOwn(context, actor, { batch, source })
    if (reason === undefined) return
    throw new HuxinError(
      'role_denied',
      text`client ${JSON.stringify(actor.name)} may not ${term(action)} records of batch ${batch.idText}: ${reason}, with an operator's certificate and the number of a document (huxin amend ${action} --document …)`,
    )
  }
  if (document.trim() === '' && (action === 'erase' || !isNodes(context, { batch, source }))) {
    throw new HuxinError(
      'argument_invalid',
      text`to ${term(action)} records of batch ${batch.idText}, of ${batch.header.provider} at ${batch.header.origin}, state the number of the document that orders it: give --document`,
    )
  }
}

/** Why a batch is not one that a client published; undefined when it is. */
function notOwn(
  { self }: Context,
  { name, body }: Actor & { kind: 'client' },
  { batch: { header }, source }: AmendedBatch,
): Text | undefined {
  if (header.origin !== self)
    return text`they were born at ${header.origin}, and a person amends them`
  if (header.kind === 'recognition') return text`a person answers for recognitions`
  if (header.provider !== body)
    return text`they are of ${header.provider} and the client acts for ${body}; a person amends them`
  const published = source.kind === 'client' && source.name === encodeURIComponent(name)
  // What came back from neighbours after a loss no longer says which client of the body published it.
  return published || source.kind === 'fetched' || source.kind === 'parent'
    ? undefined
    : text`somebody else published them, and a person amends them`
}

/** Records of the body that operates this node, published here by persons or by the node. */
function isNodes({ self, body }: Context, { batch: { header }, source }: AmendedBatch): boolean {
  return header.origin === self && header.provider === body && source.kind !== 'client'
}
