/**
 * The end of a log: its final entry, after which nothing is appended (the node's gate refuses it, in the
 * same round already), and what is kept of a frozen log when its successor goes on from it.
 *
 * A log is frozen by an entry and not by a mark on a checkpoint: the entry is under the signed tree, so that
 * every witness cosigns it, and no checkpoint beside it has to be believed.
 */
import type { PersonalAct } from '../publish/actor.ts'
import { bodyRoot, encodeBody } from '../batch/body.ts'
import type { EntrySource } from '../batch/entry.ts'
import { sealHeader } from '../batch/seal.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { prefixRange, tables } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { defineRows, textKeys } from '../store/rows.ts'
import { logKey, type RowView } from '../commit/row-view.ts'
import { signFreeze } from '../topology/freeze.ts'
import type { Context } from '../commit/context.ts'
import { cosignedCheckpoint } from '../witness/cosigned.ts'
import { announce, decide, draftHeader, numberLanes, type Publication } from '../publish/publish.ts'
import type { SignedTree } from '../log/log.ts'

/** Size at which this node's own log is frozen; undefined while it is not. */
export function frozenAt(context: Pick<Context, 'ledger' | 'log'>): bigint | undefined {
  return context.ledger().frozen.get(context.log().origin)
}

/**
 * Writes the final entry, unless it is there. `extra` rows are written with it, or alone when the log is frozen already.
 * @throws HuxinError not_ready | clock_wrong | store_failed
 */
export async function freezeLog(
  context: Context,
  { act, source, extra = [] }: { act: PersonalAct; source: EntrySource; extra?: readonly Op[] },
): Promise<SignedTree> {
  if (frozenAt(context) === undefined) {
    try {
      await appendFinal(context, { act, source, extra })
      return context.log().signed
    } catch (error) {
      // Two came at once: the first has frozen it.
      if (!isHuxinError(error, 'log_frozen')) throw error
    }
  }
  // Also without rows: it may be signed in the round under way.
  await context.writer.save(extra)
  return context.log().signed
}

async function appendFinal(
  context: Context,
  { act, source, extra }: { act: PersonalAct; source: EntrySource; extra: readonly Op[] },
): Promise<void> {
  context.checkClock()
  const own = context.ledger().federation.member(context.self)
  // Its successor is drafted on the statement, and nothing that comes later can be logged.
  if (!own?.epochs.some(({ epoch }) => epoch === context.epoch)) {
    throw new HuxinError(
      'not_ready',
      text`the statement of ${context.self} in epoch ${context.epoch} has not come down to its own log: freeze it when it is here (huxin member list)`,
    )
  }
  const judged = { timeMs: context.clock.nowMs(), node: context.self }
  const publication: Publication = {
    kind: 'freeze',
    item: undefined,
    provider: context.body,
    targets: ['**'],
    batchClass: 'control',
    records: [new Uint8Array()],
    source,
    extraOps: () => extra,
  }
  const draft = draftHeader(context, publication)
  await context.writer.propose(0, async (index, view) => {
    const record = signFreeze(
      { log: context.log().origin, size: index + 1n, ...act },
      context.noteSigner,
    )
    const body = encodeBody([record], context.random)
    const header = await numberLanes(context, { ...draft, root: bodyRoot(body) }, view)
    return decide(
      context,
      { ...publication, records: [record] },
      { sealed: sealHeader(header, context.noteSigner), body, judged, index, view },
    )
  })
  announce(context, draft)
}

/** Log → its final checkpoint. */
export const frozenRows = defineRows<RowView>({
  table: 'meta',
  name: 'frozen',
  keys: textKeys,
  check: ({ rest, value }, { federation, ledger }) => {
    const log = rest.toString()
    const { size } = openCheckpoint(value, [logKey(federation, log)], log)
    if (size !== ledger.frozen.get(log))
      throw new HuxinError(
        'store_corrupt',
        text`it is not of the size at which that log was frozen`,
      )
  },
})

/** Row of the final checkpoint of a log of this node that is frozen and has a successor. */
export function frozenKey(log: string): Uint8Array {
  return frozenRows.key(log)
}

/** The newest checkpoint of a frozen log, with every cosignature on it. @throws HuxinError not_found */
export async function frozenCheckpoint(context: Context, log: string): Promise<Uint8Array> {
  if (log === context.log().origin) return cosignedCheckpoint(context)
  const note = await context.store.get(frozenKey(log))
  if (!note)
    throw new HuxinError('not_found', text`${log} is no log of ${context.self} that is kept here`)
  return note
}

/** The tree of one of this node's logs; of a frozen one its last. @throws HuxinError not_found | store_corrupt */
export async function treeOf(
  context: Context,
  log: string,
): Promise<SignedTree & { readonly vkey: string }> {
  const own = context.log()
  if (log === '' || log === own.origin) return { ...own.signed, vkey: own.vkey }
  const note = await frozenCheckpoint(context, log)
  const vkey =
    context
      .ledger()
      .federation.member(context.self)
      ?.epochs.find(({ epoch }) => `${context.self}/${epoch}` === log)?.noteVkey ?? own.vkey
  const { size, root } = openCheckpoint(note, [parseVkey(vkey)], log)
  return { size, root, note, vkey }
}

/** Takes away what neighbours cosigned of the log before: it no longer counts for this one, and stands on its kept checkpoint. */
export async function forgetCosigned(store: Store, log: string): Promise<void> {
  const rows = await store.range(prefixRange(tables.cosigned))
  const ops = rows
    .filter(([, note]) => parseCheckpoint(parseNote(note).text).origin !== log)
    .map(([key]) => ({ key, value: undefined }))
  if (ops.length > 0) await store.commit(ops)
}

/** Takes away what children said that they have of a log that this one is not: their positions in it mean nothing here. */
export async function forgetReceipts(store: Store, log: string): Promise<void> {
  const rows = await store.range(prefixRange(tables.childReceipt))
  const ops = rows
    .filter(([, note]) => !parseNote(note).text.includes(`\nlog ${log}\n`))
    .map(([key]) => ({ key, value: undefined }))
  if (ops.length > 0) await store.commit(ops)
}
