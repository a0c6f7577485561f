/**
 * Where a batch may go, by its kind, and what is carried although it is not understood. What a verdict rests on
 * (members, keys, catalog, amendments) goes to everybody, so that no two nodes that see a batch judge it differently
 * because one of them was not told.
 */
import { HuxinError } from '../base/errors.ts'
import { term, text, type Text } from '../base/text.ts'
import { type EntrySource } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { KindForm, KindTable } from '../batch/kinds.ts'
import { idOf, type Ledger } from '../ledger/ledger.ts'
import type { FederationState } from '../topology/federation.ts'
import { parseTarget } from '../topology/target.ts'

/** Why a batch may not go where it is addressed. */
export interface Astray {
  readonly code: 'target_not_allowed' | 'kind_unknown'
  readonly said: Text
}

/** Holds a header against the reach of its kind, and against what may be carried without being understood. */
export function judgeReach(
  kinds: KindTable<KindForm>,
  federation: FederationState,
  header: BatchHeader,
): Astray | undefined {
  const { kind, batchClass, origin } = header
  const reach = kinds.get(kind)?.reach
  if (!kinds.of(header) && !kinds.isOptional(header)) {
    return {
      code: 'kind_unknown',
      said: text`${unknownPart(kinds, header)} is not known here, and its name does not begin with x-, which would say that it may be carried unread`,
    }
  }
  const targets = header.lanes.map(({ target }) => target)
  const atOrigin = targets.length === 1 && targets[0] === idOf(origin)
  if (
    reach === undefined ||
    reach === 'item' ||
    (atOrigin && (batchClass === 'control' || reach === 'origin'))
  )
    return undefined
  if (reach === 'origin')
    return {
      code: 'target_not_allowed',
      said: text`a batch of kind ${term(kind)} stays at ${origin}, and goes to nobody else: not to ${targets.join(', ')}`,
    }
  if (reach === 'everybody') {
    return targets.length === 1 && targets[0] === '**'
      ? undefined
      : {
          code: 'target_not_allowed',
          said: text`a batch of kind ${term(kind)} goes to everybody, with the one target **: not to ${targets.join(', ')}`,
        }
  }
  const astray = targets.find(
    (target) =>
      parseTarget(target)?.kind !== 'node' ||
      target === idOf(origin) ||
      !federation.isWithin(origin, target),
  )
  return astray === undefined
    ? undefined
    : {
        code: 'target_not_allowed',
        said: text`a batch of kind ${term(kind)} goes to nodes above ${origin}: not to ${astray}`,
      }
}

function unknownPart(kinds: KindTable<KindForm>, { kind, batchClass, extra }: BatchHeader): Text {
  if (!kinds.get(kind)) return text`the kind ${kind}`
  const line = extra.find((text) => !text.startsWith('x-'))
  return line === undefined
    ? text`the kind ${kind} in class ${batchClass}`
    : text`the header line ${line.slice(0, line.indexOf(' '))}`
}

/**
 * What comes from below is addressed to somebody beyond the child's branch, and to members alone. A target that
 * nobody has gets no verdict: its statement may be on the way.
 * @throws HuxinError member_unknown | not_addressed
 */
export function checkAddressed(ledger: Ledger, header: BatchHeader, source: EntrySource): void {
  if (source.kind !== 'child') return
  for (const { target } of header.lanes) {
    const parsed = parseTarget(target)
    if (parsed && parsed.kind !== 'everyone' && !ledger.federation.member(parsed.id)) {
      throw new HuxinError(
        'member_unknown',
        text`the target ${target} names no member that is known at ${ledger.self}: send the batch again when it is admitted`,
        { details: { member: parsed.id } },
      )
    }
  }
  if (ledger.passingLanes(header, source).length === 0) {
    throw new HuxinError(
      'not_addressed',
      text`no target of the batch lies outside of ${source.node} and what is below it: it is kept there`,
    )
  }
}
