import type { Context } from '../commit/context.ts'
import type { Published } from '../publish/publish.ts'
import { receiptFor } from '../witness/receipts.ts'

const CONTRADICTED_SHOWN = 20

/** The answer to whoever published. */
export async function publishedMessage(context: Context, published: Published) {
  return {
    batchId: published.batch?.id ?? new Uint8Array(),
    ...(published.batch
      ? { receipt: await receiptFor(context, published.batch.id, published.index, published.tree) }
      : {}),
    published: published.published,
    existing: published.existing,
    updated: published.beside?.updated ?? 0,
    widened: published.beside?.widened ?? 0,
    replaced:
      published.beside?.replaced.map(({ position, record }) => ({ index: position, record })) ?? [],
    contradictedCount: published.beside?.contradicted.length ?? 0,
    contradicted:
      published.beside?.contradicted
        .slice(0, CONTRADICTED_SHOWN)
        .map(({ position, recordId, result }) => ({ index: position, recordId, result })) ?? [],
    ...(published.refusal ? { refusal: published.refusal } : {}),
    warnings: (published.warnings ?? []).map(({ index, path, code, message, messageZh }) => ({
      index,
      path,
      code,
      message,
      messageZh,
    })),
    warningCount: published.warningCount ?? 0,
  }
}
