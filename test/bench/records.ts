/** Records on their way: batches of them, sending them, waiting for them. */
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { BODY } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import { pause } from './figure.ts'
import type { Processes } from './processes.ts'

/** Batches after which a node that has just started has compiled what it runs: those that have run for a while are measured. */
export const WARM_BATCHES = 40

/** Publishes batches through RecordService, several calls in flight. */
export async function send(
  processes: Processes,
  id: string,
  batches: { target: string; records: Uint8Array[]; batchClass?: string }[],
  inFlight: number,
): Promise<void> {
  const channel = await processes.channel(id, 'client-bench')
  const client = channel.client(RecordService)
  let next = 0
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < batches.length) {
        const { target, records, batchClass } = batches[next++]!
        const answer = await client.publish(
          {
            item: INDUSTRY_ITEM,
            provider: BODY,
            targets: [target],
            records,
            batchClass: batchClass ?? 'bulk',
          },
          { timeoutMs: 60_000 },
        )
        if (answer.refusal) throw new Error(answer.refusal.message)
      }
    }),
  )
  channel.close()
}

/** `prefix` makes their record ids others than those of other batches. */
export function batchesOf(
  count: number,
  size: number,
  target: (i: number) => string,
  prefix = 'r',
): { target: string; records: Uint8Array[] }[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    target: target(i),
    records: many(size, (n) => industryRecord(n, { prefix }), i * size),
  }))
}

export async function untilRecords(
  status: () => Promise<{ recordCount: bigint }>,
  count: bigint,
): Promise<void> {
  while ((await status()).recordCount < count) await pause(40)
}

export async function waitIndexed(processes: Processes, id: string): Promise<void> {
  const status = await processes.status(id)
  for (let view = await status(); view.indexedSize < view.logSize; view = await status())
    await pause(20)
}
