/** Log entries without a federation around them. */
import { type Entry, formatEntry, RULES_EDITION } from '../../src/batch/entry.ts'
import { sealHeader } from '../../src/batch/seal.ts'
import type { LoggedEntry } from '../../src/batch/logged.ts'
import { generateSigner } from '../../src/note/key.ts'

const signer = generateSigner('zj.example/330106', 'ed25519', new Uint8Array(32).fill(7))
const TIME_MS = Date.UTC(2026, 10, 25)

/** An accepted batch of a county as its city logs it; every third is bulk. */
export function logged(index: bigint): LoggedEntry {
  const batchClass = index % 3n === 0n ? 'bulk' : 'normal'
  const batch = sealHeader(
    {
      origin: 'zj.example/330106',
      epoch: 1,
      provider: '11330825TT00000903',
      batchClass,
      kind: 'evaluation',
      item: 'zj/industry@1',
      lanes: [
        {
          target: '330000',
          number: index,
          previous: index === 0n ? undefined : new Uint8Array(32).fill(1),
        },
      ],
      createdMs: TIME_MS,
      records: 1,
      root: new Uint8Array(32).fill(2),
      extra: [],
    },
    signer,
  )
  const entry: Entry = {
    timeMs: TIME_MS,
    source: { kind: 'child', node: 'zj.example/330106' },
    judged: { timeMs: TIME_MS, node: 'zj.example/330100' },
    rules: RULES_EDITION,
    verdict: { accepted: true },
    header: batch.note,
  }
  return { index, bytes: formatEntry(entry), entry, batch }
}
