/** A department with a gRPC library of its own and our proto files: what proto/README.md, "Calling a node", says. */
import t from 'tap'
import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkServerIdentity } from 'node:tls'
import {
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'

const grpcRequire = createRequire(createRequire(import.meta.url).resolve('@grpc/grpc-js'))
const { loadSync } = grpcRequire('@grpc/proto-loader') as {
  loadSync: (
    this: void,
    file: string,
    options: object,
  ) => Parameters<typeof loadPackageDefinition>[0]
}

type Method = (
  request: object,
  done: (error: ServiceError | null, answer?: Answer) => void,
) => ClientUnaryCall
interface Answer {
  readonly batchId: Buffer
  readonly published: number
  readonly refusal: {
    readonly faults: readonly {
      readonly index: number
      readonly path: string
      readonly code: string
      readonly messageZh: string
    }[]
  } | null
  readonly records: readonly { readonly record: Buffer; readonly standing: string }[]
}
type Stub = Readonly<Record<'Publish' | 'GetRecords', Method>> & { close(): void }

t.test('a client that knows the proto files alone', async (t) => {
  const federation = await TestFederation.start([
    { id: '330000', tier: 'province', divisions: ['330000'] },
  ])
  t.teardown(() => federation.stop())
  const { folder } = federation.pki
  await issueDevelopmentLeaf(federation.pki, {
    tier: 'province',
    role: 'client',
    nodeId: '330000',
    name: 'gxj',
  })
  await federation.registerClient('330000', 'gxj')
  const files = ['root.crt', '330000/client-gxj.key', '330000/client-gxj.crt'].map((name) =>
    readFile(join(folder, name)),
  )
  const [roots, key, chain] = (await Promise.all(files)) as [Buffer, Buffer, Buffer]
  const loaded = loadPackageDefinition(
    loadSync('huxin/v1/record_service.proto', {
      includeDirs: [join(process.cwd(), 'proto')],
      defaults: true,
      longs: String,
    }),
  )
  const { RecordService } = (
    loaded['huxin'] as unknown as {
      v1: { RecordService: new (address: string, tls: object, options: object) => Stub }
    }
  ).v1
  const dial = (
    t: { teardown(end: () => void): void },
    check: typeof checkServerIdentity,
    host = '330000.zj.example',
  ): Stub => {
    const stub = new RecordService(
      `127.0.0.1:${federation.node('330000').port}`,
      credentials.createSsl(roots, key, chain, { checkServerIdentity: check }),
      { 'grpc.ssl_target_name_override': host },
    )
    t.teardown(() => stub.close())
    return stub
  }
  const called = (stub: Stub, method: 'Publish' | 'GetRecords', request: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      stub[method](request, (error, answer) => (error ? reject(error) : resolve(answer!)))
    })
  const failed = (doing: Promise<Answer>): Promise<ServiceError> =>
    doing.then(
      () => Promise.reject(new Error('it was taken')),
      (error: unknown) => error as ServiceError,
    )

  const node = dial(t, checkServerIdentity)
  const record = Buffer.from(industryRecord(1, { prefix: 'plain' }))
  const request = {
    item: INDUSTRY_ITEM,
    targets: ['330000'],
    records: [record],
    requestId: '2026-11-25/a-1',
  }
  const first = await called(node, 'Publish', request)
  t.equal(first.published, 1)
  t.same(
    (await called(node, 'Publish', request)).batchId,
    first.batchId,
    'again under one request id',
  )
  const { records } = await called(node, 'GetRecords', { recordId: 'plain-1' })
  t.match(records, [{ standing: 'current' }])
  t.same(records[0]!.record, record, 'the same bytes')

  const refused = await called(node, 'Publish', {
    ...request,
    requestId: 'bad',
    records: [record, industryRecord(2, { prefix: 'plain', grade: 'Z' })],
  })
  t.same([refused.published, refused.batchId.length], [0, 0])
  t.match(refused.refusal!.faults, [
    { index: 1, path: 'evaluation_result.grade', code: 'grade_unknown', messageZh: /等级/ },
  ])

  for (const [change, status, reason] of [
    [{ requestId: request.requestId, targets: ['**'] }, 3, 'ARGUMENT_INVALID'],
    [{ requestId: 'x', item: 'zj/nothing@1' }, 5, 'ITEM_NOT_FOUND'],
  ] as const) {
    const error = await failed(called(node, 'Publish', { ...request, ...change }))
    t.equal(error.code, status)
    t.same(errorInfo(error), { reason, domain: 'huxin' })
  }

  for (const host of ['330100.zj.example', 'localhost', 'zj.example']) {
    t.equal(
      (
        await failed(
          called(dial(t, checkServerIdentity, host), 'GetRecords', { recordId: 'plain-1' }),
        )
      ).code,
      14,
      `it is not ${host}`,
    )
  }
  // By the URI name, as huxin's own clients do it; a host name is not looked at then.
  const byUri =
    (wanted: string): typeof checkServerIdentity =>
    (_host, { subjectaltname }) =>
      subjectaltname?.split(', ').includes(`URI:spiffe://zj.example/node/${wanted}`)
        ? undefined
        : new Error(`not ${wanted}`)
  t.match((await called(dial(t, byUri('330000')), 'GetRecords', { recordId: 'plain-1' })).records, [
    { standing: 'current' },
  ])
  t.equal(
    (await failed(called(dial(t, byUri('330100')), 'GetRecords', { recordId: 'plain-1' }))).code,
    14,
  )
})

/** The fields of a protobuf message that are bytes, by number: a Status has an Any as its third, an ErrorInfo its reason and domain first. */
function fields(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  const varint = (at: number): readonly [number, number] => {
    let value = 0
    for (let shift = 0; ; shift += 7, at++) {
      value |= (bytes[at]! & 0x7f) << shift
      if (bytes[at]! < 0x80) return [value, at + 1]
    }
  }
  for (let at = 0; at < bytes.length;) {
    const [tag, afterTag] = varint(at)
    const [value, afterValue] = varint(afterTag)
    at = afterValue
    if ((tag & 7) !== 2) continue
    if (!found.has(tag >> 3)) found.set(tag >> 3, bytes.subarray(at, at + value))
    at += value
  }
  return found
}

function errorInfo({ metadata }: ServiceError): { reason: string; domain: string } {
  const [details] = metadata.get('grpc-status-details-bin')
  const any = fields(fields(details as Buffer).get(3)!)
  if (any.get(1)!.toString() !== 'type.googleapis.com/google.rpc.ErrorInfo')
    throw new Error(`it is ${String(any.get(1))}`)
  const info = fields(any.get(2)!)
  return { reason: info.get(1)!.toString(), domain: info.get(2)!.toString() }
}
