/**
 * Files of evidence: issued by a hub, by the origin and by a node in between, verified by a process that has
 * nothing but the file and the root key; every way of tampering; the inclusion proof by hand.
 */
import t from 'tap'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isHuxinError } from '../../src/base/errors.ts'
import { amend } from '../../src/exchange/amend.ts'
import { type EvidenceRequest, issueEvidence } from '../../src/exchange/evidence.ts'
import { findBatch } from '../../src/exchange/query.ts'
import { cosignedSize } from '../../src/exchange/links.ts'
import { verifyEvidence } from '../../src/evidence/verify.ts'
import { runProgram } from '../cli/program.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many, uscc } from '../support/records.ts'

const PLACES: readonly Place[] = [
  { id: '000000', tier: 'nation', divisions: ['000000'] },
  { id: '330000', tier: 'province', parent: '000000', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
const RECORDS = 21
const ask = { purpose: 'judicial', document: '（2026）浙0106民初12号', caller: '张三' } as const

t.setTimeout(120_000)
const federation = await TestFederation.start(PLACES)
const home = await mkdtemp(join(tmpdir(), 'huxin-court-'))
t.teardown(async () => {
  await federation.stop()
  await rm(home, { recursive: true, force: true })
})
await federation.until('the catalog is everywhere', () => [...federation.nodes.values()].every(({ context }) => context.ledger().catalog.item(INDUSTRY_ITEM)))
const hub = federation.node('330000').context
const root = federation.node('000000').context.noteSigner.vkey
const { batch } = await publishRecords(federation.node('330106').context, many(RECORDS, (i) => industryRecord(i)), ['330000'])
const batchId = batch!.id
await federation.until('the hub has the batch', async () => await findBatch(hub, batchId) !== undefined)
const index = (await findBatch(hub, batchId))!.index
await federation.until('the nation has cosigned it', async () => await cosignedSize(hub, federation.name('000000')) > index)

const issue = (wanted: EvidenceRequest['wanted'], context = hub): ReturnType<typeof issueEvidence> => issueEvidence(context, { ...ask, wanted })

t.test('a file convinces a process that has nothing but the file and the root key', async (t) => {
  const { file } = await issue({ recordId: 'e-7' })
  await writeFile(join(home, 'evidence.txt'), file)
  const { code, out, err } = await runProgram(['verify', join(home, 'evidence.txt'), '--root', root, '--lang', 'en'], { HOME: home })
  t.match([code, err], [0, ''], err)
  t.comment(out)
  t.match(out, /^PROVEN: record 7 is in batch/)
})
