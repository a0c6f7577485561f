/**
 * What the tests of faults look at: every node's store as fsck sees it, the raw bytes of a folder, and
 * batches made by hand, which no honest node would make.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { HuxinError } from '../../src/base/errors.ts'
import { type Body, bodyRoot, encodeBody } from '../../src/batch/body.ts'
import type { BatchHeader } from '../../src/batch/header.ts'
import { type SealedHeader, sealHeader } from '../../src/batch/seal.ts'
import { checkStore } from '../../src/fsck/check.ts'
import type { Context } from '../../src/commit/context.ts'
import { type Publication, type Published, publish } from '../../src/publish/publish.ts'
import { type AmendmentAction, AmendmentSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import type { Signer } from '../../src/note/key.ts'
import type { Node } from '../../src/node/node.ts'
import { type LanePlace } from '../../src/batch/header.ts'
import { laneKey } from '../../src/topology/lane.ts'
import { BODY, type TestFederation } from './federation.ts'
import { INDUSTRY_ITEM } from './records.ts'

/** Every finding of fsck at every node, one line each; empty when all is well. */
export async function findings(federation: TestFederation): Promise<string[]> {
  const lines: string[] = []
  for (const [id, node] of federation.nodes) {
    const report = await checkStore(node.context.store, node.context.log(), node.genesis())
    lines.push(...report.findings.map((finding) => `${id}: ${finding}`))
  }
  return lines
}

/** Records of a node's log that an amendment erased, as fsck counts them. */
export async function erasedCount(node: Node): Promise<bigint> {
  return (await checkStore(node.context.store, node.context.log(), node.genesis())).erased
}

/** Whether the text stands anywhere in the files of a node's folder, in raw bytes. */
export async function onDisk(
  federation: TestFederation,
  id: string,
  text: string,
): Promise<boolean> {
  const folder = federation.folderOf(id)
  for (let whole = false; !whole;) {
    whole = true
    for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      const bytes = await readFile(join(file.parentPath, file.name)).catch((error: unknown) => {
        // The database replaced it: what it held may be in a file that was not there when they were listed.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        whole = false
        return Buffer.alloc(0)
      })
      if (bytes.includes(text) || unblocked(bytes).includes(text)) return true
    }
  }
  return false
}

/** A LevelDB journal divides a record where a block of 32 KiB ends, with seven bytes between (log_format.md). */
function unblocked(bytes: Buffer): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes.length / 32_768) }, (_, i) =>
    bytes.subarray(i * 32_768 + 7, (i + 1) * 32_768),
  )
  return Buffer.concat(blocks)
}

/** Ids of the nodes that have the text on disk. */
export async function holders(federation: TestFederation, text: string): Promise<string[]> {
  const ids: string[] = []
  for (const id of federation.nodes.keys()) if (await onDisk(federation, id, text)) ids.push(id)
  return ids.sort()
}

/** Rewrites everything, so that only what is live stays on disk. */
export async function compactAll(federation: TestFederation): Promise<void> {
  for (const node of federation.nodes.values()) {
    const { store } = node.context
    await store.destroyDeleted({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) })
  }
}

/** Publishes industry evaluations as a department would. */
export function publishRecords(
  context: Context,
  records: readonly Uint8Array[],
  targets: readonly string[],
  more: Partial<Publication> = {},
): Promise<Published> {
  return publish(context, {
    kind: 'evaluation',
    item: INDUSTRY_ITEM,
    provider: BODY,
    targets,
    batchClass: 'normal',
    records,
    source: { kind: 'client', name: 'test' },
    ...more,
  })
}

/** A batch made by hand. */
export interface Forged {
  readonly batch: SealedHeader
  readonly body: Body
}

/** Seals a batch that follows what `context` knows of its lanes, with anything changed. */
export function forge(
  context: Context,
  records: readonly Uint8Array[],
  targets: readonly string[],
  {
    signer = context.noteSigner,
    after,
    ...changed
  }: Partial<BatchHeader> & { signer?: Signer; after?: Forged } = {},
): Forged {
  const body = encodeBody(records, context.random)
  const batchClass = changed.batchClass ?? 'normal'
  const origin = changed.origin ?? context.self
  const epoch = changed.epoch ?? context.epoch
  const lanes = [...targets].sort().map((target): LanePlace => {
    const before = after?.batch.header.lanes.find((lane) => lane.target === target)
    if (before) return { target, number: before.number + 1n, previous: after!.batch.id }
    const head = context.ledger().lanes.get(laneKey(origin, epoch, target, batchClass))
    return { target, number: head ? head.number + 1n : 0n, previous: head?.id }
  })
  const batch = sealHeader(
    {
      origin,
      epoch,
      provider: BODY,
      batchClass,
      lanes,
      kind: 'evaluation',
      item: INDUSTRY_ITEM,
      createdMs: context.clock.nowMs(),
      records: body.count,
      root: bodyRoot(body),
      extra: [],
      ...changed,
    },
    signer,
  )
  return { batch, body }
}

/** An amendment of one record that no use case looked at. */
export function amendmentByHand(
  context: Context,
  batchId: Uint8Array,
  index: number,
  action: AmendmentAction,
): Forged {
  const record = toBinary(
    AmendmentSchema,
    create(AmendmentSchema, {
      action,
      batchId,
      index,
      effectiveOn: '2026-01-05',
      basis: 'test',
      document: '-',
    }),
  )
  return forge(context, [record], ['**'], {
    kind: 'amendment',
    item: undefined,
    batchClass: 'amendment',
  })
}

/** The code with which something fails; '' when it does not fail. */
export async function codeOf(doing: Promise<unknown>): Promise<string> {
  try {
    await doing
    return ''
  } catch (error) {
    return error instanceof HuxinError ? error.code : `not a HuxinError: ${String(error)}`
  }
}
