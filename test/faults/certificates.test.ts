import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { setAuthorities, setMemberStatus } from '../../src/members/members.ts'
import { findBatch } from '../../src/query/query.ts'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { ExchangeService } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { checkNode } from '../../src/node/setup.ts'
import { createDevelopmentPki, issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { authorityOf, certificatesOf } from '../../src/pki/identity.ts'
import type { TlsMaterial } from '../../src/pki/material.ts'
import { tiers } from '../../src/topology/tier.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { WireServer } from '../../src/wire/server.ts'
import { defineService, type Handlers } from '../../src/wire/service.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { DOMAIN, type TestFederation } from '../support/federation.ts'
import { Forger, readIssuer } from '../support/forger.ts'
import { FOUR, held, passes, serving, startFour } from '../support/four.ts'
import { industryRecord } from '../support/records.ts'
import { movableClock, Relay } from '../wire/testbed.ts'

const ACT = { actor: '张三', reason: 'test', document: '测〔2026〕3号' }
const DAY_MS = 86_400_000
const call = { timeoutMs: 20_000 }

// The whole file, on a slow machine.
t.setTimeout(120_000)

async function forgers(federation: TestFederation): Promise<{ ours: Forger; stranger: Forger }> {
  const pki = { ...federation.pki, folder: join(federation.folder, 'stranger') }
  await createDevelopmentPki(pki, tiers)
  return {
    ours: await Forger.open(federation.pki),
    stranger: await Forger.open(pki, federation.pki),
  }
}

function dial(t: Test, federation: TestFederation, id: string, material: TlsMaterial): WireChannel {
  const channel = WireChannel.dial({
    address: `127.0.0.1:${federation.node(id).port}`,
    expectedNodeName: federation.name(id),
    material,
    clock: systemClock,
  })
  t.teardown(() => channel.close())
  return channel
}

function recall(channel: WireChannel): Promise<unknown> {
  return channel.client(ExchangeService).recall({ protocol: 1000, logOrigin: 'x' }, call)
}

t.test(
  'a caller whose certificate is not good gets no answer, the server says why, and the others go on',
  async (t) => {
    const federation = await startFour(t)
    const { ours, stranger } = await forgers(federation)
    const table: readonly [string, TlsMaterial, RegExp][] = [
      [
        'wrong CA',
        await stranger.leaf('county', { nodeId: '330106' }),
        /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO/,
      ],
      [
        'expired',
        await ours.leaf('county', { nodeId: '330106', from: -30, to: -1 }),
        /CERT_HAS_EXPIRED/,
      ],
      [
        'not yet valid',
        await ours.leaf('county', { nodeId: '330106', from: 1 }),
        /CERT_NOT_YET_VALID/,
      ],
      [
        'a CA of another trust domain',
        ours.by(await ours.foreignCa(), { nodeId: '330106' }),
        /name constraint/,
      ],
      [
        'a county that issues certificates',
        ours.by(
          { ...(await readIssuer(join(federation.pki.folder, '330110'), 'node')) },
          { nodeId: '330000' },
        ),
        /no CA/,
      ],
      ['no identity', await ours.leaf('county', { nodeId: 'NOBODY' }), /subject alternative name/],
    ]
    for (const [what, material, reason] of table) {
      const refused = (): string[] =>
        federation.lines.filter((line) => line.startsWith('330100 warn connection refused'))
      const before = refused().length
      t.equal(
        await codeOf(recall(dial(t, federation, '330100', material))),
        'peer_unreachable',
        what,
      )
      await federation.until(`${what}: the city says why`, () =>
        refused()
          .slice(before)
          .some((line) => reason.test(line)),
      )
      await passes(federation, '330110', '330000')
    }
    t.same(federation.alarms(), [])
    t.same(await findings(federation), [])
  },
)

t.test('a good certificate opens only what its role and its place allow', async (t) => {
  const federation = await startFour(t)
  const { ours } = await forgers(federation)
  const county = await ours.leaf('county', { nodeId: '330106' })
  const client = await ours.leaf('county', { role: 'client', nodeId: '330106', name: 'bench' })
  const operator = await ours.leaf('city', { role: 'operator', nodeId: '330100', name: '张三' })
  const publish = (channel: WireChannel): Promise<unknown> =>
    channel.client(RecordService).publish({}, call)
  const status = (channel: WireChannel): Promise<unknown> =>
    channel.client(AdminService).getStatus({}, call)
  const table: readonly [
    string,
    string,
    TlsMaterial,
    (channel: WireChannel) => Promise<unknown>,
    string,
  ][] = [
    ['a client as a node', '330100', client, recall, 'role_denied'],
    ['an operator as a node', '330100', operator, recall, 'role_denied'],
    ['a node as a client', '330100', county, publish, 'role_denied'],
    ['a node as an operator', '330100', county, status, 'role_denied'],
    ['a client as an operator', '330106', client, status, 'role_denied'],
    ['a client of another node', '330100', client, publish, 'role_denied'],
    ['an operator of another node', '330106', operator, status, 'role_denied'],
    ['a county at a node that is not its parent', '330000', county, recall, 'role_denied'],
    [
      'a county of another province, by the same CA',
      '330100',
      await ours.leaf('county', { nodeId: '320106' }),
      recall,
      'role_denied',
    ],
    ['a county at its parent', '330100', county, recall, ''],
  ]
  for (const [what, at, material, doing, code] of table) {
    t.equal(await codeOf(doing(dial(t, federation, at, material))), code, what)
  }
  await passes(federation, '330110', '330000')

  await t.test(
    'a county cannot hand up batches as the province, nor as its neighbour',
    async (t) => {
      const channel = dial(t, federation, '330100', county)
      for (const [id, code] of [
        ['330000', 'origin_outside_subtree'],
        ['330110', 'origin_outside_subtree'],
      ] as const) {
        const { context } = federation.node(id)
        const { batch, body } = forge(
          context,
          [industryRecord(1, { prefix: 'stolen' })],
          ['330106'],
        )
        const { outcomes } = await channel
          .client(ExchangeService)
          .submit({ packages: [{ header: batch.note, body: body.bytes }] }, call)
        t.match(outcomes, [{ errorCode: code }], id)
        t.equal(
          await findBatch(federation.node('330100').context, batch.id),
          undefined,
          'nothing was logged',
        )
      }
      const { batch, body } = forge(
        federation.node('330110').context,
        [industryRecord(2, { prefix: 'stolen' })],
        ['330106'],
        { origin: `${DOMAIN}/330106`, signer: federation.node('330110').context.noteSigner },
      )
      const { outcomes } = await channel
        .client(ExchangeService)
        .submit({ packages: [{ header: batch.note, body: body.bytes }] }, call)
      t.match(outcomes, [{ errorCode: 'signature_invalid' }], 'a TLS key alone signs no batch')
      await passes(federation, '330110', '330000')
    },
  )
  t.same(federation.alarms(), [])
  t.same(await findings(federation), [])
})

/** Answers like a parent, and counts. */
async function impostor(
  t: Test,
  material: TlsMaterial,
): Promise<{ port: number; calls: () => number }> {
  let calls = 0
  const answer = (): Promise<object> =>
    Promise.resolve({
      protocol: 1000,
      logOrigin: `${DOMAIN}/330100/1`,
      timeMs: BigInt(systemClock.nowMs()),
      epoch: 1,
      ...{ n: calls++ },
    })
  const handlers = Object.fromEntries(
    ExchangeService.methods.map(({ localName }) => [localName, answer]),
  ) as unknown as Handlers<typeof ExchangeService.method>
  const server = await WireServer.listen({
    host: '127.0.0.1',
    port: 0,
    material,
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
  t.teardown(() => server.close(0))
  return { port: server.port, calls: () => calls }
}

t.test(
  'a county tells nothing to a server that is not its parent, says why, and comes back to its parent',
  async (t) => {
    const federation = await startFour(t)
    const { ours, stranger } = await forgers(federation)
    const relay = await Relay.open(federation.node('330100').port)
    t.teardown(() => relay.close())
    await federation.node('330106').close()
    await federation.writeConfig(FOUR[2]!, '', relay.address)
    await federation.startNode('330106')
    await serving(federation)
    await passes(federation, '330106', '330000')
    const table: readonly [string, TlsMaterial, RegExp][] = [
      [
        'wrong CA',
        await stranger.leaf('city', { nodeId: '330100' }),
        /unable to get local issuer certificate/,
      ],
      [
        'expired',
        await ours.leaf('city', { nodeId: '330100', from: -30, to: -1 }),
        /certificate has expired/,
      ],
      [
        'not yet valid',
        await ours.leaf('city', { nodeId: '330100', from: 1 }),
        /certificate is not yet valid/,
      ],
      [
        'its neighbour',
        await ours.leaf('county', { nodeId: '330110' }),
        /the server is zj.example\/330110, expected zj.example\/330100/,
      ],
      [
        'a client of the parent',
        await ours.leaf('city', { role: 'client', nodeId: '330100', name: 'bench' }),
        /unsuitable certificate purpose|unsupported certificate purpose/,
      ],
      [
        'a CA of another trust domain',
        ours.by(await ours.foreignCa(), { nodeId: '330100' }),
        /permitted subtree violation/,
      ],
    ]
    for (const [what, material, reason] of table) {
      const { port, calls } = await impostor(t, material)
      const said = (): string | undefined =>
        federation.lines
          .filter((line) => line.startsWith('330106 warn the parent cannot be reached'))
          .at(-1)
      relay.aim(port)
      relay.cut()
      await federation.until(`${what}: the county says why`, () => reason.test(said() ?? ''))
      t.match(said(), /"code":"peer_unreachable"/, what)
      t.equal(federation.node('330106').uplink!.state, 'away', what)
      const prefix = `kept-${what.replaceAll(' ', '-')}`
      await publishRecords(
        federation.node('330106').context,
        [industryRecord(1, { prefix })],
        ['330000'],
      )
      await passes(federation, '330110', '330000')
      t.equal(calls(), 0, `${what}: it was told nothing`)
      relay.aim(federation.node('330100').port)
      relay.cut()
      await federation.until(`${what}: what was published meanwhile goes up`, () =>
        held(federation, '330000', `${prefix}-1`),
      )
    }
    t.same(federation.alarms(), [])
    t.same(await findings(federation), [])
  },
)

t.test(
  'a suspended county is cut off on its open connection, also in calls that wait, and goes on when it is active again',
  async (t) => {
    const federation = await startFour(t)
    const city = federation.node('330100').context
    const county = federation.node('330106')
    await passes(federation, '330106', '330000')
    await passes(federation, '330000', '330106')
    const channel = dial(
      t,
      federation,
      '330100',
      await (await Forger.open(federation.pki)).leaf('county', { nodeId: '330106' }),
    )
    const client = channel.client(ExchangeService)
    await recall(channel)
    // Waits as a child does that has everything.
    const waiting = codeOf(
      client.readBodies(
        { batchClass: 'normal', start: city.log().size, bytesMax: 1_000_000, waitMs: 15_000 },
        call,
      ),
    )
    const statement = (status: 'active' | 'suspended'): Promise<unknown> =>
      setMemberStatus(city, {
        member: federation.name('330106'),
        status,
        act: ACT,
        source: { kind: 'client', name: 'test' },
      })
    await recall(channel)
    await statement('suspended')

    t.equal(await codeOf(recall(channel)), 'member_suspended', 'a call on the open connection')
    const published = await publishRecords(
      federation.node('330000').context,
      [industryRecord(1, { prefix: 'after' })],
      ['330106'],
    )
    await federation.until(
      'the city has it in transit',
      async () => (await findBatch(city, published.batch!.id)) !== undefined,
    )
    t.equal(await waiting, 'member_suspended', 'a call that waited when it was suspended')
    const own = await publishRecords(
      county.context,
      [industryRecord(2, { prefix: 'after' })],
      ['330000'],
    )
    await federation.until('the county says why', () =>
      federation
        .alarms()
        .some(
          (line) =>
            line ===
            '330106: suspended: zj.example/330100 has suspended this node: test (测〔2026〕3号)',
        ),
    )
    await passes(federation, '330110', '330000')
    await passes(federation, '330000', '330110')
    t.equal(
      await findBatch(county.context, published.batch!.id),
      undefined,
      'nothing was delivered',
    )
    t.equal(await findBatch(city, own.batch!.id), undefined, 'nothing was taken')
    t.ok(federation.node('330110').uplink!.state === 'connected')

    await statement('active')
    await federation.until(
      'what waited arrives both ways',
      async () =>
        (await held(federation, '330106', 'after-1')) &&
        (await held(federation, '330000', 'after-2')),
    )
    await passes(federation, '330000', '330106')
    await federation.until('its alarms are over', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)

t.test(
  'a certificate that expires while connected is refused with its code, and a new file ends that without a restart',
  async (t) => {
    const federation = await startFour(t)
    const ahead = movableClock()
    await federation.restart('330100', { clock: ahead })
    const leaf = { tier: 'county', role: 'node', nodeId: '330106', name: '' } as const
    await federation.node('330106').close()
    await issueDevelopmentLeaf(federation.pki, { ...leaf, days: 120_000 / DAY_MS })
    const node = await federation.startNode('330106')
    await federation.until('the county may sign', () => node.state === 'degraded')
    t.match(federation.alarms(), [/^330106: certificate: .*expires in 0 day/])
    await passes(federation, '330106', '330000')

    ahead.aheadMs = 150_000
    const published = await publishRecords(
      node.context,
      [industryRecord(1, { prefix: 'late' })],
      ['330000'],
    )
    await federation.until('the city refuses it', () =>
      federation
        .alarms()
        .some((line) =>
          /^330106: link push normal: the certificate of zj.example\/330106 expired while connected/.test(
            line,
          ),
        ),
    )
    t.equal(await codeOf(node.uplink!.traceAbove('x 1 ** normal', 0n)), 'unauthenticated')
    await passes(federation, '330110', '330000')
    t.equal(await findBatch(federation.node('330100').context, published.batch!.id), undefined)

    await issueDevelopmentLeaf(federation.pki, leaf)
    await node.reloadTls()
    await federation.until('it goes up', () => held(federation, '330000', 'late-1'))
    await federation.until('its alarms are over', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)

t.test(
  'certificate files are read again when they change; a bad one keeps the last good one and raises an alarm',
  async (t) => {
    const federation = await startFour(t)
    const city = federation.node('330100')
    const folder = join(federation.pki.folder, '330100')
    const [crt, key] = [join(folder, 'node.crt'), join(folder, 'node.key')]
    const leaf = { tier: 'city', role: 'node', nodeId: '330100', name: '' } as const
    const serial = async (): Promise<string> => {
      const socket = connect({
        host: '127.0.0.1',
        port: city.port,
        rejectUnauthorized: false,
        ALPNProtocols: ['h2'],
      })
      await once(socket, 'secureConnect')
      const found = socket.getPeerX509Certificate()!.serialNumber
      socket.destroy()
      return found
    }
    const inFile = async (): Promise<string> =>
      new X509Certificate(await readFile(crt)).serialNumber
    const everyone = async (): Promise<void> => {
      await passes(federation, '330106', '330110')
      await passes(federation, '330110', '330000')
    }
    const first = await serial()
    t.equal(first, await inFile())

    await issueDevelopmentLeaf(federation.pki, leaf)
    const second = await inFile()
    t.not(second, first)
    await federation.until(
      'the new one is shown, nobody having said so',
      async () => (await serial()) === second,
    )
    await everyone()

    const good = { crt: await readFile(crt), key: await readFile(key) }
    const stranger = { ...federation.pki, folder: join(federation.folder, 'stranger') }
    await createDevelopmentPki(stranger, tiers)
    const table: readonly [string, () => Promise<unknown>, RegExp][] = [
      [
        'half a certificate',
        () => writeFile(crt, good.crt.subarray(0, 300)),
        /holds no certificate/,
      ],
      [
        'garbage in it',
        () => writeFile(crt, good.crt.toString().replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')),
        /does not parse/,
      ],
      ['an empty key', () => writeFile(key, ''), /holds no private key/],
      [
        'the key of another',
        async () =>
          writeFile(key, await readFile(join(federation.pki.folder, '330000', 'node.key'))),
        /is not the key of/,
      ],
      ['no file', () => rm(crt), /cannot be read/],
      [
        'wrong CA',
        () => issueDevelopmentLeaf(stranger, leaf).then(() => take(stranger.folder, folder)),
        /does not lead to a root/,
      ],
      [
        'expired',
        () => issueDevelopmentLeaf(federation.pki, { ...leaf, days: -0.001 }),
        /expired on/,
      ],
      [
        'another node',
        () => take(federation.pki.folder, folder, '330000'),
        /is of node zj.example\/330000, wanted is node zj.example\/330100/,
      ],
      [
        'a client',
        () => take(federation.pki.folder, folder, '330100', 'client-bench'),
        /is of client zj.example\/330100, wanted is node zj.example\/330100/,
      ],
    ]
    for (const [what, spoil, reason] of table) {
      await spoil()
      await city.reloadTls()
      await federation.until(`${what}: the alarm`, () => reason.test(federation.alarms()[0] ?? ''))
      t.match(federation.alarms(), [/^330100: certificate: .*the last good ones stay/], what)
      t.equal(await serial(), second, `${what}: the last good one stays`)
      await everyone()
      await writeFile(crt, good.crt)
      await writeFile(key, good.key)
      await city.reloadTls()
      await federation.until(`${what}: mended`, () => federation.alarms().length === 0)
    }

    const roots = join(federation.pki.folder, 'root.crt')
    await writeFile(
      roots,
      (await readFile(roots, 'utf8')) + (await readFile(join(stranger.folder, 'root.crt'), 'utf8')),
    )
    for (const node of federation.nodes.values()) await node.reloadTls()
    const authorities = await Promise.all(
      [federation.pki.folder, stranger.folder].map(async (from) =>
        authorityOf(certificatesOf(await readFile(join(from, 'ca-city.crt'), 'utf8'))[0]!),
      ),
    )
    await setAuthorities(federation.node('330000').context, {
      member: federation.name('330100'),
      authorities,
      act: ACT,
      issuer: '',
      source: { kind: 'self' },
    })
    await federation.until(
      'the new authority is known below',
      () =>
        federation.node('330106').context.ledger().federation.member('330100')!.authorities!
          .length === 2,
    )
    await take(stranger.folder, folder)
    await city.reloadTls()
    t.equal(
      await serial(),
      await inFile(),
      'a root is added beside the old one, then the nodes change over, one by one',
    )
    await federation.restart('330106')
    await serving(federation)
    await everyone()
    await federation.until('no alarm stands', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)

/** Puts the files of one leaf in the place of a node's. */
async function take(from: string, folder: string, id = '330100', name = 'node'): Promise<void> {
  await copyFile(join(from, id, `${name}.crt`), join(folder, 'node.crt'))
  await copyFile(join(from, id, `${name}.key`), join(folder, 'node.key'))
}

t.test('a node does not start with files that are not its own good ones', async (t) => {
  const federation = await startFour(t)
  const { folder } = federation.pki
  const own = join(folder, '330106')
  await federation.node('330106').close()
  const keep = {
    crt: await readFile(join(own, 'node.crt')),
    key: await readFile(join(own, 'node.key')),
  }
  const leaf = { tier: 'county', role: 'node', nodeId: '330106', name: '' } as const
  const stranger = { ...federation.pki, folder: join(federation.folder, 'stranger') }
  await createDevelopmentPki(stranger, tiers)
  await issueDevelopmentLeaf(stranger, leaf)
  const table: readonly [string, () => Promise<unknown>, RegExp][] = [
    ['wrong CA', () => take(stranger.folder, own, '330106'), /does not lead to a root/],
    [
      'expired',
      () => issueDevelopmentLeaf(federation.pki, { ...leaf, days: -0.001 }),
      /expired on/,
    ],
    [
      'not yet valid',
      () =>
        issueDevelopmentLeaf(
          {
            ...federation.pki,
            clock: { ...systemClock, nowMs: () => systemClock.nowMs() + DAY_MS },
          },
          leaf,
        ),
      /is not valid before/,
    ],
    [
      'the province',
      () => take(folder, own, '330000'),
      /is of node zj.example\/330000, wanted is node zj.example\/330106/,
    ],
    [
      'its own client',
      () => take(folder, own, '330106', 'client-bench'),
      /is of client zj.example\/330106, wanted is node zj.example\/330106/,
    ],
  ]
  for (const [what, spoil, reason] of table) {
    await spoil()
    const error: unknown = await federation.startNode('330106').then(
      (node) => node.close(),
      (reason: unknown) => reason,
    )
    t.match(error, { code: 'config_invalid', message: reason }, what)
    t.match(
      (await checkNode(federation.folderOf('330106'), { clock: systemClock, parent: false })).find(
        ({ name }) => name === 'certificate',
      ),
      { ok: false, detail: reason },
      what,
    )
    await passes(federation, '330110', '330000')
    await writeFile(join(own, 'node.crt'), keep.crt)
    await writeFile(join(own, 'node.key'), keep.key)
  }
  await federation.startNode('330106')
  await serving(federation)
  await passes(federation, '330106', '330000')
  t.same(await findings(federation), [])
})
