/** Who may call what: every role, at every place, by every issuer, on every call of every service, and over HTTPS. */
import t from 'tap'
import { join } from 'node:path'
import { type ClientUnaryCall, credentials, Client, status as grpcStatus } from '@grpc/grpc-js'
import type { DescMethod } from '@bufbuild/protobuf'
import { systemClock } from '../../src/base/clock.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { AdminService, LogService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { ExchangeService } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { loadTlsMaterial, type TlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { codeOf, findings } from '../support/checks.ts'
import { DOMAIN, type TestFederation } from '../support/federation.ts'
import { Forger, type Leaf, readIssuer } from '../support/forger.ts'
import { FOUR, startFour } from '../support/four.ts'
import { HttpsClient } from '../support/https.ts'

const CALL = { timeoutMs: 20_000 }
const HERE = '330100'
const ACT = { actor: '张三', reason: 'test', document: '测〔2026〕7号' }
/** What a caller is told who may not. Anything else means that the call reached its handler. */
const DENIED = [
  'role_denied',
  'unauthenticated',
  'member_suspended',
  'client_unknown',
  'client_suspended',
  'peer_unreachable',
]

/** Services, and the roles of this node that may call them. Which body a client acts for is asked by the register, behind this. */
const services = [
  [ExchangeService, []],
  [RecordService, ['client', 'operator']],
  [AdminService, ['operator']],
  [LogService, ['operator', 'auditor']],
] as const
type Role = NonNullable<Leaf['role']>

interface Caller {
  readonly what: string
  readonly leaf: Leaf
  /** Key of the CA that issues. */
  readonly by: string
  /** What it may do: as which role of this node, as its child, or nothing. */
  readonly as: Exclude<Role, 'node'> | 'child' | 'nobody'
}

const roles = ['client', 'operator', 'auditor'] as const
const named = (role: Role): string => (role === 'node' ? '' : role === 'client' ? 'bench' : '张三')

/** Roles and places by the right issuer of each, then the same names by everybody else's. */
function callers(): Caller[] {
  const list: Caller[] = []
  const add = (what: string, by: string, leaf: Leaf, as: Caller['as'] = 'nobody'): void =>
    void list.push({
      what: `${what}, issued by ${by}`,
      leaf: { name: named(leaf.role ?? 'node'), ...leaf },
      by,
      as,
    })
  for (const role of roles) {
    add(`${role} of this node`, 'ca-city', { role, nodeId: HERE }, role)
    for (const by of ['ca-county', 'ca-province', 'ca-nation', 'root', 'foreign'])
      add(`${role} of this node`, by, { role, nodeId: HERE })
    add(`${role} of its child`, 'ca-county', { role, nodeId: '330106' })
    add(`${role} of its child`, 'ca-city', { role, nodeId: '330106' })
    add(`${role} of its parent`, 'ca-province', { role, nodeId: '330000' })
    add(`${role} of this id in another trust domain`, 'foreign', {
      role,
      nodeId: HERE,
      trustDomain: 'js.example',
    })
  }
  add('node: the child', 'ca-county', { nodeId: '330106' }, 'child')
  for (const by of ['ca-city', 'ca-province', 'root', 'foreign'])
    add('node: the child', by, { nodeId: '330106' })
  add('node: the child in another trust domain', 'foreign', {
    nodeId: '330106',
    trustDomain: 'js.example',
  })
  add('node: a suspended child', 'ca-county', { nodeId: '330110' })
  add('node: no member', 'ca-county', { nodeId: '999999' })
  add('node: this one', 'ca-city', { nodeId: HERE })
  add('node: this one', 'ca-county', { nodeId: HERE })
  add('node: the parent', 'ca-province', { nodeId: '330000' })
  add('node: the parent', 'ca-county', { nodeId: '330000' })
  return list
}

async function setUp(t: {
  teardown(end: () => Promise<void>): void
}): Promise<{ federation: TestFederation; material: (caller: Caller) => Promise<TlsMaterial> }> {
  const federation = await startFour(t as never)
  const forger = await Forger.open(federation.pki)
  const foreign = await forger.foreignCa()
  await federation.writeConfig(FOUR[1]!, 'audit: { listen: "127.0.0.1:0" }\n')
  await federation.restart(HERE)
  await federation.until('it may sign again', () => federation.node(HERE).state === 'serving')
  // For its calls the register gives it every role; for which body it acts is asked there.
  await federation.registerClient(HERE, 'bench', { roles: ['amend', 'publish', 'query'] })
  await setMemberStatus(federation.node(HERE).context, {
    member: federation.name('330110'),
    status: 'suspended',
    act: ACT,
    source: { kind: 'self' },
  })
  return {
    federation,
    material: async ({ leaf, by }) =>
      forger.by(by === 'foreign' ? foreign : await readIssuer(federation.pki.folder, by), leaf),
  }
}

/** A call of a method that our own channel has no client for. */
function raw(port: number, material: TlsMaterial, path: string): Promise<string> {
  const tls = credentials.createSsl(
    Buffer.from(material.rootsPem.join('')),
    Buffer.from(material.keyPem),
    Buffer.from(material.certificateChainPem),
    { checkServerIdentity: () => undefined },
  )
  const client = new Client(`127.0.0.1:${port}`, tls)
  return new Promise<string>((resolve) => {
    const call: ClientUnaryCall = client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      Buffer.alloc(0),
      { deadline: Date.now() + 20_000 },
      (error) => resolve(error ? grpcStatus[error.code] : 'OK'),
    )
    call.on('error', () => undefined)
  }).finally(() => client.close())
}

t.test(
  'every call is open to the roles of this node by its own authority, to its active children, and to nobody else',
  async (t) => {
    const { federation, material } = await setUp(t)
    const node = federation.node(HERE)
    let asked = 0
    for (const caller of callers()) {
      const own = await material(caller)
      const channel = WireChannel.dial({
        address: `127.0.0.1:${node.port}`,
        expectedNodeName: node.context.self,
        material: own,
        clock: systemClock,
      })
      const wrong: string[] = []
      for (const [service, allowed] of services) {
        const client = channel.client<Record<string, never>>(service as never) as unknown as Record<
          string,
          (request: object, options: object) => Promise<unknown>
        >
        for (const method of service.methods as readonly DescMethod[]) {
          const may =
            service === ExchangeService
              ? caller.as === 'child'
              : (allowed as readonly string[]).includes(caller.as)
          const code = await codeOf(client[method.localName]!({}, CALL))
          asked++
          // Whom the register does not let amend or query is a matter of its own test.
          if (DENIED.includes(code) === may) wrong.push(`${method.name}: ${code || 'answered'}`)
        }
      }
      for (const path of [
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        '/huxin.v1.Nothing/X',
        '//huxin.v1.AdminService/GetStatus',
        '/huxin.v1.AdminService/GetStatus?x=/huxin.v1.LogService/y',
      ]) {
        const code = await raw(node.port, own, path)
        const reflects =
          path.includes('reflection') && (roles as readonly string[]).includes(caller.as)
        const denied = ['PERMISSION_DENIED', 'UNAUTHENTICATED', 'UNAVAILABLE'].includes(code)
        // What there is not is not there for anybody.
        if (
          reflects ? denied : !denied && (path.includes('reflection') || code !== 'UNIMPLEMENTED')
        )
          wrong.push(`${path}: ${code}`)
      }
      t.same(wrong, [], caller.what)
      channel.close()
    }
    t.ok(asked > 1_000, `${asked} calls`)

    await t.test('what is served over HTTPS beside them, too', async (t) => {
      const tree: readonly Caller['as'][] = ['operator', 'auditor', 'client', 'child']
      const entries: readonly Caller['as'][] = ['operator', 'auditor']
      const witness: readonly Caller['as'][] = ['operator', 'auditor', 'child']
      const { folder } = federation.pki
      // Any active member may witness: the parent, and this node itself.
      const members = [
        'node: the parent, issued by ca-province',
        'node: this one, issued by ca-city',
      ]
      for (const caller of callers()) {
        const { certificateChainPem, keyPem } = await material(caller)
        const https = await HttpsClient.open(folder, node.auditPort, undefined, {
          cert: certificateChainPem,
          key: keyPem,
        })
        const status = async (asking: Promise<{ status: number }>): Promise<number> =>
          (await asking.catch(() => ({ status: 403 }))).status
        const is = (list: readonly Caller['as'][]): boolean =>
          list.includes(caller.as) || (list !== entries && members.includes(caller.what))
        t.same(
          [
            (await status(https.get('/checkpoint'))) === 200,
            (await status(https.get('/tile/entries/000.p/1'))) === 200,
            (await status(https.post('/add-checkpoint', 'x'))) !== 403,
          ],
          [is(tree), is(entries), is(witness)],
          caller.what,
        )
      }
    })

    await t.test(
      'a member is heard by the CA of its tier alone, whatever certificate stands in its folder',
      async (t) => {
        await issueDevelopmentLeaf(federation.pki, {
          tier: 'county',
          role: 'operator',
          nodeId: HERE,
          name: 'thief',
        })
        const { material: thief } = await loadTlsMaterial(
          {
            certificateFile: join(federation.pki.folder, HERE, 'operator-thief.crt'),
            keyFile: join(federation.pki.folder, HERE, 'operator-thief.key'),
            rootFiles: [join(federation.pki.folder, 'root.crt')],
          },
          systemClock.nowMs(),
        )
        const channel = WireChannel.dial({
          address: `127.0.0.1:${node.port}`,
          expectedNodeName: `${DOMAIN}/${HERE}`,
          material: thief,
          clock: systemClock,
        })
        await t.rejects(channel.client(AdminService).getStatus({}, CALL), {
          code: 'unauthenticated',
          message: /may not issue in the name of zj\.example\/330100.*huxin member authorities/,
        })
        channel.close()
      },
    )
    t.same(await findings(federation), [])
  },
)
