import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type ErrorCode, HuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { HuxinClient, type HuxinClientOptions } from '../../src/client/record-client.ts'
import type { PublishRequest } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { issuer } from './certificates.ts'
import { failure, federation, listen, nodeName, recordService, type TestServer } from './testbed.ts'

/** Waits are skipped, and counted. */
function hastyClock() {
  const waits: number[] = []
  let passedMs = 0
  return {
    ...systemClock,
    waits,
    monotonicMs: () => passedMs,
    after(delayMs: number, callback: () => void): () => void {
      if (delayMs === 20_000) return () => undefined
      waits.push(delayMs)
      passedMs += delayMs
      const soon = setImmediate(callback)
      return () => clearImmediate(soon)
    },
  }
}

async function connected(
  t: Test,
  opened: TestServer,
  options: Partial<HuxinClientOptions> = {},
): Promise<HuxinClient> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-client-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const material = federation.client('330000', 'loans')
  const files = {
    certificateFile: join(folder, 'a.crt'),
    keyFile: join(folder, 'a.key'),
    rootFile: join(folder, 'root.crt'),
  }
  await writeFile(files.certificateFile, material.certificateChainPem)
  await writeFile(files.keyFile, material.keyPem, { mode: 0o600 })
  await writeFile(files.rootFile, material.rootsPem[0]!)
  const client = await HuxinClient.connect({
    address: opened.address,
    node: nodeName,
    ...files,
    rootFiles: [files.rootFile],
    clock: hastyClock(),
    random: new SeededRandom('client'),
    ...options,
  })
  t.teardown(async () => {
    client.close()
    await opened.server.close(0)
  })
  return client
}

/** Publish fails with the codes given, then succeeds; requests are kept. */
async function moody(
  codes: ErrorCode[],
): Promise<{ opened: TestServer; requests: PublishRequest[]; callers: string[] }> {
  const requests: PublishRequest[] = []
  const callers: string[] = []
  const opened = await listen({
    services: [
      recordService({
        publish: async (request, { peer }) => {
          requests.push(request)
          callers.push(`${peer.role} ${peer.name}`)
          const code = codes.shift()
          if (code) throw new HuxinError(code, `first ${code}`)
          return { published: request.records.length }
        },
        getRecords: async ({ recordId }) => ({ records: [{ item: recordId }] }),
      }),
    ],
  })
  return { opened, requests, callers }
}

t.test('publishing is tried again while the node says later, under one request id', async (t) => {
  const { opened, requests, callers } = await moody(['overloaded', 'not_ready', 'item_unknown'])
  const clock = hastyClock()
  const client = await connected(t, opened, { clock })
  t.equal((await client.publish({ records: [Uint8Array.of(1)] })).published, 1)
  t.equal(requests.length, 4)
  t.match(requests[0]!.requestId, /^[0-9a-f]{32}$/)
  t.equal(new Set(requests.map(({ requestId }) => requestId)).size, 1)
  t.same([...new Set(callers)], ['client loans'])
  t.equal(clock.waits.length, 3)
  for (const [i, most] of [250, 500, 1_000].entries())
    t.ok(clock.waits[i]! >= most / 2 && clock.waits[i]! <= most)

  await client.publish({ requestId: 'mine' })
  t.equal(requests.at(-1)!.requestId, 'mine')
  await client.publish({})
  t.not(requests.at(-1)!.requestId, requests[0]!.requestId, 'each publication has its own')
})

t.test('what is refused is not tried again', async (t) => {
  const { opened, requests } = await moody(['record_invalid', 'role_denied'])
  const client = await connected(t, opened)
  t.match(await failure(client.publish({})), {
    code: 'record_invalid',
    message: 'first record_invalid',
  })
  t.equal((await failure(client.publish({}))).code, 'role_denied')
  t.equal(requests.length, 2)
})

t.test(
  'trying ends with the last error after retryForMs, with cancelled when the caller gives up',
  async (t) => {
    const { opened, requests } = await moody(Array<ErrorCode>(1_000).fill('overloaded'))
    const clock = hastyClock()
    const client = await connected(t, opened, { clock, retryForMs: 30_000 })
    t.equal((await failure(client.publish({}))).code, 'overloaded')
    t.ok(clock.monotonicMs() <= 30_000)
    t.ok(requests.length > 5 && requests.length < 30)
    const controller = new AbortController()
    controller.abort()
    t.equal((await failure(client.publish({}, { signal: controller.signal }))).code, 'cancelled')
  },
)

t.test('reading works, and a closed client says so at once', async (t) => {
  const { opened } = await moody([])
  const client = await connected(t, opened)
  t.equal((await client.getRecords({ recordId: 'r1' })).records[0]!.item, 'r1')
  t.equal((await failure(client.listCatalog())).code, 'not_found')
  t.equal((await failure(client.listRecognitions())).code, 'not_found')
  t.equal((await failure(client.getBatch({}))).code, 'not_found')
  t.equal((await failure(client.amend({}))).code, 'not_found')
  client.close()
  t.equal((await failure(client.publish({}))).code, 'peer_unreachable')
})

t.test('certificate files that cannot be used are said before anything is dialed', async (t) => {
  const { opened } = await moody([])
  await t.rejects(connected(t, opened, { keyFile: '/nowhere/a.key' }), { code: 'config_invalid' })
  await opened.server.close(0)
})

t.test(
  'files that change are taken up while the client runs, and half a file leaves the last good one',
  async (t) => {
    const opened = await listen({
      services: [recordService({ getRecords: async () => ({ records: [] }) })],
    })
    let nowMs = 0
    const folder = await mkdtemp(join(tmpdir(), 'huxin-client-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const files = {
      certificateFile: join(folder, 'b.crt'),
      keyFile: join(folder, 'b.key'),
      rootFiles: [join(folder, 'root.crt')],
    }
    const put = async (material = federation.client('330000', 'loans')): Promise<string> => {
      await writeFile(files.certificateFile, material.certificateChainPem)
      await writeFile(files.keyFile, material.keyPem, { mode: 0o600 })
      await writeFile(files.rootFiles[0]!, material.rootsPem[0]!)
      return material.identity.serial
    }
    const first = await put()
    const client = await connected(t, opened, {
      ...files,
      clock: { ...systemClock, monotonicMs: () => nowMs },
    })
    const serial = async (): Promise<string | undefined> => {
      await client.getRecords({ recordId: 'x' })
      return opened.server.connectedPeers().at(-1)?.serial
    }
    t.equal(await serial(), first)
    const second = await put()
    t.equal(await serial(), first, 'not at every call')
    nowMs += 5_000
    t.equal(await serial(), second)
    await writeFile(files.certificateFile, 'half')
    nowMs += 5_000
    t.equal(await serial(), second)
    const third = await put()
    nowMs += 5_000
    t.equal(await serial(), third)
  },
)

t.test(
  'a node whose certificate another authority issued is not believed, unless it is named',
  async (t) => {
    const opened = await listen({
      services: [recordService({ getRecords: async () => ({ records: [] }) })],
    })
    const folder = await mkdtemp(join(tmpdir(), 'huxin-client-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const other = issuer('zj.test')
    const material = other.client('330000', 'loans')
    const roots = join(folder, 'roots.crt')
    const ca = join(folder, 'ca.crt')
    await writeFile(roots, federation.client('330000', 'x').rootsPem[0]! + material.rootsPem[0]!)
    await writeFile(
      ca,
      federation.node('330000').certificateChainPem.split(/(?<=-----END CERTIFICATE-----\n)/)[1]!,
    )
    await writeFile(join(folder, 'c.crt'), material.certificateChainPem)
    await writeFile(join(folder, 'c.key'), material.keyPem, { mode: 0o600 })
    const options = {
      certificateFile: join(folder, 'c.crt'),
      keyFile: join(folder, 'c.key'),
      rootFiles: [roots],
      retryForMs: 0,
    }
    const refused = await connected(t, opened, options)
    t.match(await failure(refused.getRecords({ recordId: 'x' })), {
      code: 'peer_unreachable',
      message:
        /was issued by the authority sha256:[0-9a-f]{64}, and that of this client by sha256:[0-9a-f]{64}.*authorityFiles/,
    })
    // The server trusts one root; that the client gets so far is what is asked here.
    const named = await connected(t, opened, { ...options, authorityFiles: [ca] })
    t.notMatch(await failure(named.getRecords({ recordId: 'x' })), { message: /authorityFiles/ })
    await t.rejects(connected(t, opened, { ...options, authorityFiles: [join(folder, 'none')] }), {
      code: 'config_invalid',
      message: /authority file/,
    })
  },
)
