/** What a node said to itself alone, and what its recovery makes of it: revocations, its register, amendments that never left. */
import t from 'tap'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { amend } from '../../src/publish/amend.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { setClient } from '../../src/members/register.ts'
import { reinstateCertificates, revokeCertificates } from '../../src/members/revocation.ts'
import { RegisteredClientSchema } from '../../src/gen/huxin/v1/register_pb.ts'
import type { PeerIdentity } from '../../src/pki/identity.ts'
import {
  answerRecognition,
  listRecognitions,
  requestRecognition,
} from '../../src/recognition/recognize.ts'
import { SubjectSchema, SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { act } from '../support/attacks.ts'
import { findings } from '../support/checks.ts'
import { BODY } from '../support/federation.ts'
import { INDUSTRY_ITEM, uscc } from '../support/records.ts'
import {
  CITY,
  federationOf,
  has,
  PROVINCE,
  recover,
  send,
  startAgain,
  well,
} from '../support/recovery.ts'

t.setTimeout(60_000)

const source = { kind: 'operator', name: encodeURIComponent('张三') } as const
const caller: PeerIdentity = {
  nodeName: 'zj.example/330100',
  nodeId: '330100',
  role: 'operator',
  name: '张三',
  serial: '01',
  issuer: '',
  notBeforeMs: 0,
} as PeerIdentity

t.test('what a node said to itself alone stands after a recovery', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY])
  const city = () => federation.node('330100').context
  const folder = federation.folderOf('330100')
  const register = (name: string, status: string) =>
    setClient(city(), create(RegisteredClientSchema, { name, body: BODY, status }), { act, source })
  const revoke = (name: string) =>
    revokeCertificates(
      city(),
      { node: '', role: 'operator', name, serial: '' },
      { act, source, caller, own: false },
    )
  const isRevoked = (name: string): boolean =>
    city().ledger().revocations.of({
      nodeName: city().self,
      role: 'operator',
      name,
      serial: '77',
      notBeforeMs: 1,
    }) !== undefined
  for (const name of ['reused', 'honest']) await register(name, 'active')
  await register('stolen', 'active')
  await register('stolen', 'suspended')
  await revoke('李四')
  await revoke('王五')
  await reinstateCertificates(
    city(),
    { node: '', role: 'operator', name: '王五', serial: '' },
    { act, source },
  )
  // For itself alone: nobody else has records or amendment.
  const own = await send(federation, '330100', '330100', 'own')
  const change = {
    batchId: own.batch!.id,
    effectiveOn: '2026-01-01',
    basis: 'test/basis',
    document: '',
  }
  const above = await send(federation, '330100', '330000', 'above')
  const restored = { ...change, action: 'withdraw', position: 2 } as const
  await amend(city(), {
    provider: BODY,
    source: { kind: 'self' },
    changes: [restored, { ...change, action: 'object', position: 1 }],
  })
  await amend(city(), {
    provider: BODY,
    source: { kind: 'self' },
    changes: [{ ...change, action: 'object', position: 2 }],
  })
  const asked = await requestRecognition(federation.node('330000').context, {
    holder: city().self,
    item: INDUSTRY_ITEM,
    resultRecordId: 'own-2',
    subject: create(SubjectSchema, {
      type: SubjectType.ENTERPRISE,
      id: uscc(2),
      name: '浙江测试企业2有限公司',
    }),
    purpose: 'mutual-recognition',
    legalBasis: '省内互认办法',
    mapping: '',
    ageDaysMax: 0,
    source: { kind: 'self' },
  })
  await federation.until(
    'the request is there',
    async () => (await listRecognitions(city(), { requestRecordId: asked.recordId })).length > 0,
  )
  const { port } = federation.node('330100')
  await federation.until(
    'all of it is up',
    async () => (await federation.node('330100').uplink!.waiting()) === 0,
  )
  // What is amended now never leaves.
  const provincePort = federation.node('330000').port
  await federation.node('330000').close()
  await amend(city(), {
    provider: BODY,
    source: { kind: 'self' },
    changes: [
      { ...change, action: 'withdraw', position: 0 },
      { ...change, action: 'repair', position: 1 },
    ],
  })
  await amend(city(), {
    provider: BODY,
    source: { kind: 'self' },
    changes: [{ ...restored, batchId: above.batch!.id }],
  })
  await amend(city(), {
    provider: BODY,
    source: { kind: 'self' },
    changes: [
      { ...restored, action: 'restore' },
      { ...restored, batchId: above.batch!.id, action: 'restore' },
    ],
  })
  const late = await send(federation, '330100', '330100', 'late')
  const later = (
    position: number,
    action: 'withdraw' | 'restore' | 'object',
    effectiveOn: string,
  ) =>
    amend(city(), {
      provider: BODY,
      source: { kind: 'self' },
      changes: [{ ...change, batchId: late.batch!.id, position, action, effectiveOn }],
    })
  await later(0, 'withdraw', '2099-01-01')
  await later(1, 'withdraw', '2026-01-01')
  await later(1, 'restore', '2099-01-02')
  await later(2, 'object', '2026-01-01')
  t.equal(
    (
      await answerRecognition(city(), {
        requestRecordId: asked.recordId,
        decision: 'recognized',
        conditions: '',
        validUntil: '',
        source: { kind: 'self' },
      })
    ).refusal,
    undefined,
  )
  await federation.node('330100').close()
  await federation.startNode('330000', {
    config: {
      ...federation.node('330000').config,
      listen: { host: '127.0.0.1', port: provincePort },
    },
  })
  await recover(federation, '330100')
  await startAgain(federation, '330100', port)
  await federation.until('the old database is gone', () =>
    access(join(folder, 'data', '1', 'db')).then(
      () => false,
      () => true,
    ),
  )

  t.ok(isRevoked('李四'), 'a revoked operator is none again')
  t.notOk(isRevoked('王五'), 'a reinstated one is')
  const { register: entries } = city().ledger()
  t.same(
    ['reused', 'honest', 'stolen'].map((name) => entries.client(name)?.status),
    ['active', 'active', 'suspended'],
  )
  t.ok(entries.provider(BODY) === undefined || entries.provider(BODY)!.status === 'active')
  await federation.until('what stands is published again', () => has(federation, '330100', 'own'))
  for (const i of [0, 1])
    t.same(await findByRecordId(city(), `own-${i}`), [], 'what was withdrawn or repaired is not')
  const standing = async (id: string): Promise<(string | undefined)[]> =>
    (await findByRecordId(federation.node(id).context, 'above-2')).map((found) => found.standing)
  await federation.until(
    'what was restored is current above',
    async () => (await standing('330000'))[0] === 'current',
  )
  t.same(
    await standing('330100'),
    ['current'],
    'a restoration undoes the withdrawal under its new id',
  )
  t.match(
    await findByRecordId(city(), 'own-2'),
    [{ standing: 'current', disputed: true }],
    'one that came back counts no more for what was restored here, and its dispute is known at its new place',
  )
  const again = await Promise.all(
    [0, 1, 2].map(async (i) => (await findByRecordId(city(), `late-${i}`))[0]!),
  )
  t.match(again, [
    { standing: 'current', disputed: false },
    { standing: 'withdrawn', disputed: false },
    { standing: 'current', disputed: true },
  ])
  const planned = await city().ledger().amendments(again[0]!.batch.id, city().self)
  t.match(
    planned.map(({ position, effectiveOn, undoneOn }) => [position, effectiveOn, undoneOn]),
    [
      [0, '2099-01-01', ''],
      [1, '2026-01-01', '2099-01-02'],
      [2, '2026-01-01', ''],
    ],
    'what takes effect later is planned again',
  )
  await federation.until(
    'the answer is at the province',
    async () =>
      (
        await listRecognitions(federation.node('330000').context, {
          requestRecordId: asked.recordId,
        })
      )[0]!.confirmations.length > 0,
  )
  t.match(
    await listRecognitions(city(), { requestRecordId: asked.recordId }),
    [{ confirmations: [{ validity: 'valid' }] }],
    'an answer rests on its result where that stands now',
  )
  await federation.restart('330100')
  t.ok(isRevoked('李四'), 'started again, too')
  await well(federation)
  t.same(await findings(federation), [])
})
