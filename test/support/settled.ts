/** What tests of whole federations begin with: a person who acts, and waiting until the catalog is everywhere. */
import { findByRecordId } from '../../src/query/query.ts'
import type { TestFederation } from './federation.ts'
import { INDUSTRY_ITEM } from './records.ts'

export const source = { kind: 'client', name: 'test' } as const
export const act = { actor: '张三', reason: 'test', document: '测〔2026〕8号' }

export async function held(
  federation: TestFederation,
  id: string,
  recordId: string,
): Promise<boolean> {
  return (await findByRecordId(federation.node(id).context, recordId)).length > 0
}

export async function settled(federation: TestFederation): Promise<void> {
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
}
