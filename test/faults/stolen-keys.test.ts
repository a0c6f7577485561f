/**
 * What a thief can do with each key, what not, and how it ends: the lines of the table in certs/README.md, one by one. Revocation is tried
 * here too: by serial number, by name, by the node itself and from above, on open connections.
 */
import { readFile, writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { systemClock } from '../../src/base/clock.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { setAuthorities } from '../../src/members/members.ts'
import { reinstateCertificates, revokeCertificates } from '../../src/members/revocation.ts'
import { AdminService, LogService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { ActSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { ExchangeService } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { RevocationSchema } from '../../src/gen/huxin/v1/revocation_pb.ts'
import { encodeRevocation } from '../../src/ledger/revocations.ts'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { authorityOf, certificatesOf } from '../../src/pki/identity.ts'
import { issueCa, type Issuer, validityDays } from '../../src/pki/issue.ts'
import { loadTlsMaterial, type TlsMaterial } from '../../src/pki/material.ts'
import { systemRandom } from '../../src/base/random.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { WireServer } from '../../src/wire/server.ts'
import { defineService, type Handlers } from '../../src/wire/service.ts'
import { codeOf, findings, forge } from '../support/checks.ts'
import { DOMAIN, type TestFederation } from '../support/federation.ts'
import { Forger, readIssuer } from '../support/forger.ts'
import { FOUR, passes, startFour } from '../support/four.ts'
import { HttpsClient } from '../support/https.ts'
import { industryRecord } from '../support/records.ts'
import { Rogue } from '../support/rogue.ts'
import { Relay } from '../wire/testbed.ts'
import { tookMs } from '../support/own-time.ts'

const CALL = { timeoutMs: 20_000 }
const ACT = { actor: '张三', reason: '密钥失窃', document: '测〔2026〕8号' }
const BY = { act: ACT, source: { kind: 'self' } } as const
/** Milliseconds within which a revocation takes effect everywhere it concerns. */
const EFFECT_MS = 5_000

t.setTimeout(180_000)

function dial(t: Test, federation: TestFederation, id: string, material: TlsMaterial): WireChannel {
  const channel = WireChannel.dial({
    address: `127.0.0.1:${federation.node(id).port}`,
    expectedNodeName: federation.name(id),
    material,
    clock: systemClock,
    backoffMsMax: 500,
  })
  t.teardown(() => channel.close())
  return channel
}

const status = (channel: WireChannel): Promise<unknown> =>
  channel.client(AdminService).getStatus({}, CALL)
const recall = (channel: WireChannel): Promise<unknown> =>
  channel.client(ExchangeService).recall({ protocol: 1000, logOrigin: 'x' }, CALL)
const read = (channel: WireChannel): Promise<unknown> =>
  channel.client(RecordService).getRecords({ recordId: 'none' }, CALL)
const checkpoint = (channel: WireChannel): Promise<unknown> =>
  channel.client(LogService).getCheckpoint({}, CALL)

/** Waits like a child that has everything. @returns the code with which the call ends */
function waits(channel: WireChannel, federation: TestFederation, id: string): Promise<string> {
  return codeOf(
    channel.client(ExchangeService).readBodies(
      {
        batchClass: 'normal',
        start: federation.node(id).context.log().size,
        bytesMax: 1_000_000,
        waitMs: 30_000,
      },
      { timeoutMs: 40_000 },
    ),
  )
}

async function within(ms: number, what: string, t: Test, doing: Promise<unknown>): Promise<void> {
  const took = await tookMs(() => doing)
  t.ok(took < ms, `${what}: after ${Math.round(took)} ms`)
}

async function fileOf(federation: TestFederation, name: string): Promise<TlsMaterial> {
  const file = join(federation.pki.folder, name)
  const { material } = await loadTlsMaterial(
    {
      certificateFile: `${file}.crt`,
      keyFile: `${file}.key`,
      rootFiles: [join(federation.pki.folder, 'root.crt')],
    },
    systemClock.nowMs(),
  )
  return material
}

const selector = { node: '', role: '', name: '', serial: '' }

t.test('each stolen key does what certs/README.md says, and ends as it says', async (t) => {
  const federation = await startFour(t)
  const { folder } = federation.pki
  const ours = await Forger.open(federation.pki)
  await federation.writeConfig(FOUR[1]!, 'audit: { listen: "127.0.0.1:0" }\n')
  await federation.restart('330100')
  await federation.until('all serve', () =>
    [...federation.nodes.values()].every(({ state }) => state === 'serving'),
  )
  const city = (): TestFederation['nodes'] extends Map<string, infer N> ? N : never =>
    federation.node('330100')
  const caller = (await fileOf(federation, '330100/operator-e5bca0e4b889')).identity
  const revoke = (
    id: string,
    which: Partial<typeof selector>,
    own = false,
  ): Promise<{ batchId: Uint8Array; everywhere: boolean }> =>
    revokeCertificates(
      federation.node(id).context,
      { ...selector, ...which },
      { ...BY, caller, own },
    )

  await t.test('the root key makes CAs, and none of them speaks for a member', async (t) => {
    const made = issueCa({
      issuer: await readIssuer(folder, 'root'),
      commonName: 'thief',
      trustDomain: DOMAIN,
      validity: validityDays(systemClock.nowMs(), 10),
      random: systemRandom,
    })
    for (const issuer of [made, await readIssuer(folder, 'root')]) {
      t.equal(
        await codeOf(
          status(
            dial(
              t,
              federation,
              '330100',
              ours.by(issuer, { role: 'operator', nodeId: '330100', name: 'x' }),
            ),
          ),
        ),
        'unauthenticated',
      )
      t.equal(
        await codeOf(recall(dial(t, federation, '330100', ours.by(issuer, { nodeId: '330106' })))),
        'unauthenticated',
      )
    }
    // What it can do: be the CA of a member that names it from the beginning; the parent's operator sees the name in the application.
    const authorities = [authorityOf(certificatesOf(made.certificatePem)[0]!)]
    t.not(
      authorities[0],
      authorityOf(certificatesOf((await readIssuer(folder, 'ca-county')).certificatePem)[0]!),
    )
  })

  await t.test(
    'a CA key speaks for the members that name it and for nobody else, until their parents name another',
    async (t) => {
      const county = await readIssuer(folder, 'ca-county')
      for (const [role, name] of [
        ['operator', '张三'],
        ['client', 'bench'],
        ['auditor', 'x'],
      ] as const) {
        const forged = ours.by(county, { role, nodeId: '330100', name })
        for (const doing of [status, read, checkpoint])
          t.match(
            await codeOf(doing(dial(t, federation, '330100', forged))),
            /^(?:unauthenticated|role_denied)$/,
            role,
          )
      }
      t.equal(
        await codeOf(recall(dial(t, federation, '330000', ours.by(county, { nodeId: '330100' })))),
        'unauthenticated',
        'as the city at the province',
      )
      const thief = dial(
        t,
        federation,
        '330110',
        ours.by(county, { role: 'operator', nodeId: '330110', name: 'thief' }),
      )
      t.equal(await codeOf(status(thief)), '', 'an operator of any county: that is what it can do')
      const node = dial(t, federation, '330100', ours.by(county, { nodeId: '330110' }))
      t.equal(await codeOf(recall(node)), '')
      const waiting = waits(node, federation, '330100')

      const next: Issuer = issueCa({
        issuer: await readIssuer(folder, 'root'),
        commonName: 'huxin development CA county, second',
        trustDomain: DOMAIN,
        validity: validityDays(systemClock.nowMs(), 100),
        random: systemRandom,
      })
      const [before, after] = [county, next].map(({ certificatePem }) =>
        authorityOf(certificatesOf(certificatePem)[0]!),
      ) as [string, string]
      const change = (authorities: string[]): Promise<unknown> =>
        setAuthorities(city().context, {
          member: federation.name('330110'),
          authorities,
          issuer: '',
          ...BY,
        })
      await change([before, after])
      t.equal(
        await codeOf(recall(dial(t, federation, '330100', ours.by(next, { nodeId: '330110' })))),
        '',
        'both count while the CA is replaced',
      )
      await t.rejects(change([]), { code: 'argument_invalid' })
      const old = await Promise.all(
        ['crt', 'key'].map((end) => readFile(join(folder, '330110', `node.${end}`))),
      )
      const renewed = ours.by(next, { nodeId: '330110', to: 60 })
      await writeFile(join(folder, '330110/node.crt'), renewed.certificateChainPem)
      await writeFile(join(folder, '330110/node.key'), renewed.keyPem)
      await federation.node('330110').reloadTls()
      await passes(federation, '330110', '330000')
      await change([after])
      await within(EFFECT_MS, 'a call that waited ends', t, waiting)
      t.equal(await codeOf(recall(node)), 'unauthenticated')
      await federation.until(
        'the county knows',
        async () => (await codeOf(status(thief))) === 'unauthenticated',
        EFFECT_MS,
      )
      await passes(federation, '330110', '330000')
      t.same(federation.alarms(), [])
      await writeFile(join(folder, '330110/node.crt'), old[0]!)
      await writeFile(join(folder, '330110/node.key'), old[1]!)
      await federation.node('330110').reloadTls()
      await federation.until('a node says of itself that its certificate does not count', () =>
        federation.alarms().some((line) => /^330110: own_certificate: .*may not issue/.test(line)),
      )
      await change([before])
      await federation.until('nothing stands', () => federation.alarms().length === 0)
      await passes(federation, '330110', '330000')
      t.match(
        await codeOf(
          setAuthorities(federation.node('330000').context, {
            member: federation.name('330000'),
            authorities: [after],
            issuer: before,
            ...BY,
          }),
        ),
        'argument_invalid',
        'a root does not shut itself out',
      )
      t.match(
        await codeOf(
          setAuthorities(federation.node('330000').context, {
            member: federation.name('330110'),
            authorities: [after],
            issuer: before,
            ...BY,
          }),
        ),
        'argument_invalid',
        'the parent of the parent does not say it',
      )
    },
  )

  await t.test(
    'a client key acts as that client, until its serial number is revoked',
    async (t) => {
      await federation.registerClient('330100')
      const stolen = await fileOf(federation, '330100/client-bench')
      const thief = dial(t, federation, '330100', stolen)
      t.equal(await codeOf(read(thief)), '')
      for (const doing of [status, checkpoint, recall])
        t.equal(await codeOf(doing(thief)), 'role_denied', 'and as nobody else')
      t.equal(
        await codeOf(read(dial(t, federation, '330000', stolen))),
        'role_denied',
        'and nowhere else',
      )
      const size = federation.node('330000').context.log().size
      t.match(
        await revoke('330100', {
          role: 'client',
          serial: stolen.identity.serial.toLowerCase().replace(/(..)(?=.)/g, '$1:'),
        }),
        { everywhere: false },
      )
      await within(
        EFFECT_MS,
        'the open connection',
        t,
        federation.until('it is told why', async () =>
          /was revoked by zj\.example\/330100 .*密钥失窃.*测〔2026〕8号/.test(
            await read(thief).then(
              () => '',
              (error: Error) => error.message,
            ),
          ),
        ),
      )
      await federation.until(
        'nobody is connected with it',
        () =>
          !city()
            .connected()
            .some(({ serial }) => serial === stolen.identity.serial),
        10_000,
      )
      await issueDevelopmentLeaf(federation.pki, {
        tier: 'city',
        role: 'client',
        nodeId: '330100',
        name: 'bench',
      })
      t.equal(
        await codeOf(
          read(dial(t, federation, '330100', await fileOf(federation, '330100/client-bench'))),
        ),
        '',
        'the client goes on with a new certificate',
      )
      await passes(federation, '330106', '330000')
      t.ok(
        federation.node('330000').context.ledger().revocations.all().length === 0 && size > 0n,
        'names of clients stay where they are',
      )
    },
  )

  await t.test(
    'an operator key acts as that person, until the name is revoked; a later certificate of the name counts',
    async (t) => {
      const stolen = await ours.leaf('city', {
        role: 'operator',
        nodeId: '330100',
        name: '李四',
        from: -2,
      })
      const thief = dial(t, federation, '330100', stolen)
      t.equal(await codeOf(status(thief)), '')
      const shouts = thief
        .client(AdminService)
        .revokeCertificate({ role: 'operator', name: '李四', act: create(ActSchema, ACT) }, CALL)
      await t.rejects(shouts, {
        code: 'argument_invalid',
        message: /the certificate that you use is among them/,
      })
      await revoke('330100', { role: 'operator', name: '李四' })
      await federation.until(
        'the thief is out',
        async () => (await codeOf(status(thief))) === 'unauthenticated',
        EFFECT_MS,
      )
      t.equal(
        await codeOf(
          status(
            dial(
              t,
              federation,
              '330100',
              await ours.leaf('city', {
                role: 'operator',
                nodeId: '330100',
                name: '李四',
                from: -1,
              }),
            ),
          ),
        ),
        'unauthenticated',
        'all of the name',
      )
      t.equal(
        await codeOf(
          status(
            dial(
              t,
              federation,
              '330100',
              await ours.leaf('city', { role: 'operator', nodeId: '330100', name: '王五' }),
            ),
          ),
        ),
        '',
        'and no other',
      )
      // Valid from now, and not from five minutes before.
      await federation.until(
        'a later one counts',
        async () =>
          (await codeOf(
            status(
              dial(
                t,
                federation,
                '330100',
                ours.by(await readIssuer(folder, 'ca-city'), {
                  role: 'operator',
                  nodeId: '330100',
                  name: '李四',
                  from: 0,
                }),
              ),
            ),
          )) === '',
        10_000,
      )
      const operator = dial(
        t,
        federation,
        '330100',
        await fileOf(federation, '330100/operator-e5bca0e4b889'),
      ).client(AdminService)
      const { revocations, connected } = await operator.listCertificates({}, CALL)
      t.match(
        revocations.filter(({ revocation }) => revocation!.name === '李四'),
        [{ by: federation.name('330100'), revocation: { role: 'operator', act: ACT } }],
      )
      t.ok(
        connected.some(({ node, role }) => node === federation.name('330106') && role === 'node'),
      )
      await operator.reinstateCertificate(
        { role: 'operator', name: '李四', act: create(ActSchema, ACT) },
        CALL,
      )
      t.equal(await codeOf(status(dial(t, federation, '330100', stolen))), '', 'reinstated')
      await t.rejects(
        operator.reinstateCertificate(
          { role: 'operator', name: '李四', act: create(ActSchema, ACT) },
          CALL,
        ),
        { code: 'not_found' },
      )
      for (const bad of [
        { role: 'operator' },
        { role: 'king', serial: '1' },
        { role: 'node', name: 'x' },
        { role: 'client', serial: 'xyz' },
        { role: 'client', serial: '1', name: 'x' },
        { role: 'client', name: 'x', node: '330000' },
        { role: 'client', name: 'x', node: 'nobody' },
      ]) {
        await t.rejects(
          operator.revokeCertificate({ ...bad, act: create(ActSchema, ACT) }, CALL),
          { code: 'argument_invalid' },
          JSON.stringify(bad),
        )
      }
      await t.rejects(operator.revokeCertificate({ role: 'client', name: 'x' }, CALL), {
        code: 'argument_invalid',
        message: /reason/,
      })
    },
  )

  await t.test('an auditor key reads the log, until it is revoked', async (t) => {
    await issueDevelopmentLeaf(federation.pki, {
      tier: 'city',
      role: 'auditor',
      nodeId: '330100',
      name: 'sjt',
    })
    const stolen = await fileOf(federation, '330100/auditor-sjt')
    const https = await HttpsClient.open(folder, city().auditPort, '330100/auditor-sjt')
    const thief = dial(t, federation, '330100', stolen)
    t.same(
      [await codeOf(checkpoint(thief)), (await https.get('/tile/entries/000.p/1')).status],
      ['', 200],
    )
    for (const doing of [status, read, recall]) t.equal(await codeOf(doing(thief)), 'role_denied')
    await revoke('330100', { role: 'auditor', serial: stolen.identity.serial })
    await federation.until(
      'the thief is out',
      async () => (await codeOf(checkpoint(thief))) === 'unauthenticated',
      EFFECT_MS,
    )
    const refused = await https.get('/tile/entries/000.p/1')
    t.equal(refused.status, 403)
    t.match(refused.body.toString(), /was revoked/)
  })

  await t.test(
    'a node key connects as that node and signs nothing, until it is revoked from above; a new certificate goes on',
    async (t) => {
      const stolen = await fileOf(federation, '330106/node')
      const thief = dial(t, federation, '330100', stolen)
      t.equal(await codeOf(recall(thief)), '')
      const { batch, body } = forge(
        federation.node('330110').context,
        [industryRecord(1, { prefix: 'stolen' })],
        ['330000'],
        { origin: federation.name('330106'), signer: federation.node('330110').context.noteSigner },
      )
      const { outcomes } = await thief
        .client(ExchangeService)
        .submit({ packages: [{ header: batch.note, body: body.bytes }] }, CALL)
      t.match(outcomes, [{ errorCode: 'signature_invalid' }])
      for (const doing of [status, read, checkpoint])
        t.equal(await codeOf(doing(thief)), 'role_denied')
      const waiting = waits(thief, federation, '330100')
      t.match(
        await revoke('330000', { node: '330106', role: 'node', serial: stolen.identity.serial }),
        { everywhere: true },
      )
      await within(
        EFFECT_MS,
        'a call that waited ends, at the node that it was made to',
        t,
        waiting,
      )
      t.equal(await codeOf(recall(thief)), 'unauthenticated')
      await federation.until('the county that it was stolen from says so', () =>
        federation
          .alarms()
          .some((line) => /^330106: .*was revoked by zj\.example\/330000/.test(line)),
      )
      t.equal(
        await codeOf(
          reinstateCertificates(
            city().context,
            { ...selector, node: '330106', role: 'node', serial: stolen.identity.serial },
            BY,
          ),
        ),
        'argument_invalid',
        'a node below does not lift it',
      )
      await issueDevelopmentLeaf(federation.pki, {
        tier: 'county',
        role: 'node',
        nodeId: '330106',
        name: '',
      })
      await federation.node('330106').reloadTls()
      await federation.until('it goes on', () => federation.alarms().length === 0)
      await passes(federation, '330106', '330000')
      await passes(federation, '330000', '330106')
    },
  )

  await t.test(
    'the key of a parent shows a false parent to its children, until it is revoked',
    async (t) => {
      const stolen = await fileOf(federation, '330100/node')
      const relay = await Relay.open(city().port)
      t.teardown(() => relay.close())
      await federation.node('330106').close()
      await federation.writeConfig(FOUR[2]!, '', relay.address)
      await federation.startNode('330106')
      await federation.until('it serves', () => federation.node('330106').state === 'serving')
      await issueDevelopmentLeaf(federation.pki, {
        tier: 'city',
        role: 'node',
        nodeId: '330100',
        name: '',
      })
      await city().reloadTls()
      await revoke('330100', { role: 'node', serial: stolen.identity.serial })
      await federation.until(
        'the county knows',
        () =>
          federation
            .node('330106')
            .context.ledger()
            .revocations.all()
            .some(({ revocation }) => revocation.node === federation.name('330100')),
        EFFECT_MS,
      )
      let calls = 0
      const handlers = Object.fromEntries(
        ExchangeService.methods.map(({ localName }) => [
          localName,
          () => Promise.resolve({ n: calls++ }),
        ]),
      ) as unknown as Handlers<typeof ExchangeService.method>
      const impostor = await WireServer.listen({
        host: '127.0.0.1',
        port: 0,
        material: stolen,
        services: [defineService(ExchangeService, handlers)],
        authorize: () => undefined,
        budgets: {
          connections: 100,
          connectionsPerPeer: 100,
          callsPerPeer: 100,
          bytes: 100 << 20,
          bytesPerPeer: 50 << 20,
        },
        standing: () => 'kin',
        clock: systemClock,
        log: { warn: () => undefined },
      })
      t.teardown(() => impostor.close(0))
      relay.aim(impostor.port)
      relay.cut()
      await federation.until('the county says whom it does not believe', () =>
        federation.alarms().some((line) => /^330106: parent_certificate: .*was revoked/.test(line)),
      )
      t.equal(calls, 0, 'and tells it nothing')
      relay.aim(city().port)
      relay.cut()
      await federation.until('it goes on with its parent', () => federation.alarms().length === 0)
      await passes(federation, '330106', '330000')
    },
  )

  await t.test(
    'a node cannot revoke certificates of its neighbours, or of those above it, and nobody hides a revocation of another node',
    async (t) => {
      await federation.init({
        id: '330182',
        tier: 'county',
        parent: '330100',
        divisions: ['330182'],
      })
      const rogue = await Rogue.at(federation, '330182', '330100')
      t.teardown(() => rogue.close())
      const record = (changed: object): Uint8Array =>
        encodeRevocation(
          create(RevocationSchema, {
            node: federation.name('330106'),
            role: 'node',
            serial: 'AB',
            act: create(ActSchema, ACT),
            ...changed,
          }),
        )
      const send = async (record: Uint8Array): Promise<string> => {
        const { batch, body } = rogue.forge([record], ['**'], {
          kind: 'revocation',
          batchClass: 'control',
          item: undefined,
        } as never)
        return (await rogue.send({ header: batch.note, body: body.bytes })).code
      }
      for (const [what, changed, code] of [
        ['its neighbour', {}, 'origin_not_allowed'],
        ['its parent', { node: federation.name('330100') }, 'origin_not_allowed'],
        ['nobody', { node: 'zj.example/999999' }, 'origin_not_allowed'],
        ['its id in another trust domain', { node: 'js.example/330182' }, 'origin_not_allowed'],
        ['without reason', { node: rogue.name, act: undefined }, 'record_invalid'],
        ['by no number', { node: rogue.name, serial: '00' }, 'record_invalid'],
        ['itself', { node: rogue.name }, ''],
      ] as const)
        t.equal(await send(record(changed)), code, what)
      t.equal(await send(Uint8Array.of(255, 255)), 'record_invalid', 'what does not decode')
      t.equal(
        federation
          .node('330100')
          .context.ledger()
          .revocations.of((await fileOf(federation, '330106/node')).identity),
        undefined,
      )
    },
  )

  await t.test('what was revoked is revoked after a restart and a rebuild', async (t) => {
    const before = city()
      .context.ledger()
      .revocations.all()
      .map(({ revocation, by, timeMs }) => [
        revocation.node,
        revocation.role,
        revocation.serial,
        revocation.name,
        by,
        timeMs,
      ])
    t.ok(before.length >= 3)
    await federation.restart('330100')
    t.same(
      city()
        .context.ledger()
        .revocations.all()
        .map(({ revocation, by, timeMs }) => [
          revocation.node,
          revocation.role,
          revocation.serial,
          revocation.name,
          by,
          timeMs,
        ]),
      before,
    )
    t.same(
      (await checkStore(city().context.store, city().context.log(), city().genesis())).findings,
      [],
    )
  })
  t.same(await findings(federation), [])
})
