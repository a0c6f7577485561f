import {
  connect as tlsConnect,
  type ConnectionOptions,
  createServer as createTlsServer,
} from 'node:tls'
import { once } from 'node:events'
import { type AddressInfo, connect as tcpConnect } from 'node:net'
import t from 'tap'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { oneLine } from '../../src/base/printable.ts'
import { type ErrorCode, errorTable, HuxinError } from '../../src/base/errors.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import type { PeerIdentity } from '../../src/pki/identity.ts'
import type { CallContext } from '../../src/wire/service.ts'
import { bilingual } from '../../src/base/text.ts'
import { errorOfStatus, statusOfError } from '../../src/wire/status.ts'
import { secureContext } from '../../src/wire/tls.ts'
import { issuer } from './certificates.ts'
import {
  budgets,
  call,
  closing,
  county,
  dial,
  failure,
  federation,
  hub,
  listen,
  movableClock,
  nodeName,
  recordService,
  type TlsMaterial,
  until,
} from './testbed.ts'

t.test(
  'a call carries the identity of the caller from its certificate, and its deadline',
  async (t) => {
    let seen: CallContext | undefined
    const opened = await listen({
      services: [
        recordService({
          publish: async (request, context) => {
            seen = context
            return { published: request.records.length, existing: 7 }
          },
        }),
      ],
    })
    const channel = dial(opened.address)
    await closing([channel, opened], async () => {
      const answer = await channel
        .client(RecordService)
        .publish({ records: [Uint8Array.of(1), Uint8Array.of(2)] }, call)
      t.equal(answer.published, 2)
      t.equal(answer.existing, 7)
      t.match(seen?.peer, {
        trustDomain: 'zj.test',
        role: 'node',
        nodeId: '330825',
        name: '',
        nodeName: 'zj.test/330825',
      })
      t.ok(Math.abs(seen!.deadlineMs! - Date.now() - call.timeoutMs) < 5_000)
      t.equal(channel.state, 'ready')
      t.match(opened.server.connectedPeers(), [{ nodeName: 'zj.test/330825' }])
      t.same(opened.refusals, [])
    })
    t.equal(channel.state, 'closed')
    t.equal(
      (await failure(channel.client(RecordService).publish({}, call))).code,
      'peer_unreachable',
    )
  },
)

t.test('bytes fields arrive as plain views of the received message', async (t) => {
  let record: Uint8Array | undefined
  const opened = await listen({
    services: [
      recordService({
        publish: async (request) => {
          record = request.records[1]
          return {}
        },
      }),
    ],
  })
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    await channel
      .client(RecordService)
      .publish({ records: [new Uint8Array(1_000), Uint8Array.of(4, 5, 6)] }, call)
    t.same(record, Uint8Array.of(4, 5, 6))
    t.equal(Object.getPrototypeOf(record), Uint8Array.prototype)
    t.ok(record!.buffer.byteLength > 1_000, 'it shares memory with its neighbours')
  })
})

t.test('every error code and its details come back as they were thrown', async (t) => {
  let thrown = new HuxinError('internal', '')
  const opened = await listen({
    services: [recordService({ getRecords: () => Promise.reject(thrown) })],
  })
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      thrown = new HuxinError(code, `目录项 ${code} "quoted"`, {
        details: { item: 'zj/例@1', lane: 'a b 1' },
      })
      const received = await failure(channel.client(RecordService).getRecords({}, call))
      t.equal(received.code, code)
      t.match(received.message, `目录项 ${code} "quoted"`)
      t.same(received.details, { item: 'zj/例@1', lane: 'a b 1' })
    }
    thrown = new HuxinError('record_invalid', '错'.repeat(20_000), {
      details: { faults: '误'.repeat(20_000) },
    })
    t.equal(
      (await failure(channel.client(RecordService).getRecords({}, call))).code,
      'record_invalid',
      'a message too long for a trailer is cut',
    )
  })
})

t.test('an error has the google.rpc.Status that other languages read', async (t) => {
  const { code, details, metadata } = statusOfError(
    new HuxinError('not_found', 'no such batch', { details: { id: '9' } }),
  )
  t.equal(code, 5)
  t.equal(details, 'no such batch')
  const type = 'type.googleapis.com/google.rpc.ErrorInfo'
  const info = '\x0a\x09NOT_FOUND\x12\x05huxin\x1a\x07\x0a\x02id\x12\x019'
  const any = `\x0a${String.fromCharCode(type.length)}${type}\x12${String.fromCharCode(info.length)}${info}`
  const expected = `\x08\x05\x12\x0dno such batch\x1a${String.fromCharCode(any.length)}${any}`
  t.equal((metadata.get('grpc-status-details-bin')[0] as Buffer).toString('latin1'), expected)
})

t.test(
  'no text ends a call or the process, and all trailers stay below the 8 KiB of other languages',
  async (t) => {
    const RARE = '\u{20bb7}' // two UTF-16 units, four bytes, twelve on the wire
    const texts = [
      RARE.repeat(300),
      `x${RARE.repeat(300)}`,
      '目'.repeat(5_000),
      '%'.repeat(9_000),
      ' '.repeat(9_000),
      '\ud800',
      `\udfff${'a'.repeat(9_000)}\ud800`,
      '\0\r\n\x1b[2J',
      '"'.repeat(5_000),
      RARE.repeat(2_000_000),
    ]
    let thrown = new HuxinError('internal', '')
    const opened = await listen({
      services: [recordService({ getRecords: () => Promise.reject(thrown) })],
    })
    const channel = dial(opened.address)
    await closing([channel, opened], async () => {
      for (const text of texts) {
        const details = Object.fromEntries(
          Array.from({ length: 40 }, (_, i) => [`${i}${text.slice(0, 700)}`, text]),
        )
        const fields = Array.from({ length: 100 }, (_, i) => ({
          path: `records[${i}]${text}`,
          message: text,
        }))
        for (const more of [
          {},
          { details },
          { fields },
          { details, fields },
          { details: { lane: 'a' }, fields },
        ]) {
          thrown = new HuxinError('item_unknown', text, more)
          const status = statusOfError(thrown)
          const sent =
            encodeURI(status.details).length +
            (status.metadata.get('grpc-status-details-bin')[0] as Buffer).toString('base64').length
          t.ok(sent <= 7_500, `${sent} bytes`)
          const received = await failure(channel.client(RecordService).getRecords({}, call))
          t.equal(received.code, 'item_unknown')
          t.ok(
            oneLine(text.toWellFormed()).startsWith(received.message.replace(/…$/, '')),
            'a message is cut between characters',
          )
          if ('fields' in more && text.length < 1_000)
            t.ok(received.fields.length > 0, 'fields have their place')
        }
      }
    })
  },
)

t.test(
  'an error that names fields has a BadRequest, one that is for later a RetryInfo',
  async (t) => {
    const fields = [
      { path: 'records[3].record_id', message: '为空' },
      { path: 'targets[0]', message: 'no such member' },
    ]
    const refused = statusOfError(new HuxinError('argument_invalid', 'two fields', { fields }))
    const bytes = (refused.metadata.get('grpc-status-details-bin')[0] as Buffer).toString('latin1')
    const violation = '\x0a\x1c\x0a\x0atargets[0]\x12\x0eno such member'
    t.ok(bytes.includes('\x0a\x29type.googleapis.com/google.rpc.BadRequest\x12'))
    t.ok(bytes.endsWith(violation))
    t.notOk(bytes.includes('RetryInfo'))
    t.same(errorOfStatus(refused).fields, fields)
    const later = (
      statusOfError(new HuxinError('overloaded', 'later')).metadata.get(
        'grpc-status-details-bin',
      )[0] as Buffer
    ).toString('latin1')
    t.ok(
      later.endsWith(
        '\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01',
      ),
    )
  },
)

t.test('an error comes over in Chinese too, and the Chinese pushes nothing out', async (t) => {
  const zh = '目录项不存在'.repeat(900)
  const fields = Array.from({ length: 32 }, (_, i) => ({
    path: `records[${i}]`,
    message: bilingual(`is empty ${'x'.repeat(300)}`, zh),
  }))
  const details = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`detail${i}`, 'v'.repeat(60)]),
  )
  const long = statusOfError(
    new HuxinError('item_unknown', bilingual('m'.repeat(9_000), zh), { details, fields }),
  )
  const bytes = long.metadata.get('grpc-status-details-bin')[0] as Buffer
  t.ok(encodeURI(long.details).length + bytes.toString('base64').length <= 7_500)
  const received = errorOfStatus(long)
  t.equal(received.code, 'item_unknown')
  t.ok(Object.keys(received.details).length >= 8, 'details have their place')
  t.ok(received.fields.length > 0, 'fields have theirs')
  t.match(received.messageZh, /^(?:目录项不存在){20}.*…$/)
  t.match(received.message, /^m+…$/)

  const short = errorOfStatus(
    statusOfError(
      new HuxinError('not_found', bilingual('no such\tnode', '没有\u202e该节点'), {
        fields: [{ path: 'node', message: bilingual('unknown', '未知') }],
      }),
    ),
  )
  t.equal(short.message, 'no such node')
  t.equal(short.messageZh, '没有\\u{202e}该节点', 'what a peer says is made printable')
  t.same(short.fields, [{ path: 'node', message: 'unknown', messageZh: '未知' }])
  const type = 'type.googleapis.com/google.rpc.LocalizedMessage'
  const said = (
    statusOfError(new HuxinError('not_found', bilingual('x', '无'))).metadata.get(
      'grpc-status-details-bin',
    )[0] as Buffer
  ).toString('latin1')
  t.ok(
    said.endsWith(
      `\x0a${String.fromCharCode(type.length)}${type}\x12\x0c\x0a\x05zh-CN\x12\x03\xe6\x97\xa0`,
    ),
    'google.rpc.LocalizedMessage as other languages read it',
  )
})

t.test(
  'a status without our details is read by its number, and garbage in the details is ignored',
  async (t) => {
    const numbers: readonly [number, ErrorCode][] = [
      [1, 'cancelled'],
      [2, 'internal'],
      [3, 'argument_invalid'],
      [4, 'deadline_exceeded'],
      [5, 'not_found'],
      [7, 'role_denied'],
      [8, 'overloaded'],
      [12, 'not_found'],
      [13, 'internal'],
      [14, 'peer_unreachable'],
      [15, 'internal'],
      [16, 'unauthenticated'],
      [99, 'internal'],
    ]
    for (const [number, code] of numbers)
      t.equal(errorOfStatus({ code: number, details: 'x' }).code, code)
    t.equal(
      errorOfStatus({ code: 8, details: 'Received message larger than max (5 vs. 4)' }).code,
      'message_too_large',
    )
    const foreign = statusOfError(new HuxinError('quarantined', 'x')).metadata.get(
      'grpc-status-details-bin',
    )[0] as Buffer
    for (const bytes of [
      Buffer.from('\xff\xff\xff', 'latin1'),
      Buffer.alloc(0),
      Buffer.from(foreign.toString('latin1').replace('huxin', 'other'), 'latin1'),
      Buffer.from(foreign.toString('latin1').replace('QUARANTINED', 'QUARANTINEX'), 'latin1'),
      foreign.subarray(0, foreign.length - 3),
    ]) {
      const metadata = new Metadata()
      metadata.set('grpc-status-details-bin', bytes)
      t.equal(errorOfStatus({ code: 14, details: 'x', metadata }).code, 'peer_unreachable')
    }
  },
)

t.test('an unforeseen error reaches the hook and not the caller', async (t) => {
  const opened = await listen({
    services: [
      recordService({
        getBatch: async () => {
          throw new Error('password is hunter2')
        },
      }),
    ],
  })
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    const received = await failure(channel.client(RecordService).getBatch({}, call))
    t.equal(received.code, 'internal')
    t.notMatch(received.message, /hunter2/)
    t.match(opened.internalErrors, [{ message: 'password is hunter2' }])
  })
})

t.test('bytes that are no message of the method are argument_invalid', async (t) => {
  const opened = await listen()
  const raw = rawClient(opened.address, county)
  await closing([raw, opened], async () => {
    const { code, details } = await rawCall(
      raw,
      '/huxin.v1.RecordService/Publish',
      Buffer.from([0x0a, 0x7f]),
    )
    t.equal(code, 3)
    t.match(details, /not a huxin\.v1\.PublishRequest/)
    t.equal((await rawCall(raw, '/huxin.v1.RecordService/Nothing', Buffer.alloc(0))).code, 12)
  })
})

t.test(
  'a negative number in a request is argument_invalid with the name of its field',
  async (t) => {
    const opened = await listen()
    const channel = dial(opened.address)
    await closing([channel, opened], async () => {
      const denied = await failure(
        channel.client(RecordService).getRecords({ recordId: 'a', limit: -1 }, call),
      )
      t.equal(denied.code, 'argument_invalid')
      t.same(denied.fields, [
        {
          path: 'limit',
          message: '-1 is negative: 0 or more is wanted',
          messageZh: '-1 为负数：应为 0 或以上',
        },
      ])
      t.same(opened.internalErrors, [])
    })
  },
)

t.test('what cannot be encoded or decoded fails the call and nothing else', async (t) => {
  const opened = await listen({
    services: [recordService({ getBatch: async () => ({ logIndexes: ['one'] as never }) })],
  })
  const foreign = {
    ...recordService(),
    methods: recordService().methods.map((method) => ({
      ...method,
      call: async () => Uint8Array.of(0x0a, 0x7f),
    })),
  }
  const strange = await listen({ services: [foreign] })
  const [channel, other] = [dial(opened.address), dial(strange.address)]
  await closing([channel, other, opened, strange], async () => {
    t.equal(
      (await failure(channel.client(RecordService).getRecords({ limit: 'all' as never }, call)))
        .code,
      'argument_invalid',
    )
    t.equal((await failure(channel.client(RecordService).getBatch({}, call))).code, 'internal')
    t.equal(opened.internalErrors.length, 1)
    t.match(await failure(other.client(RecordService).publish({}, call)), {
      code: 'internal',
      message: /not a huxin\.v1\.PublishResponse/,
    })
  })
})

t.test(
  'a package of 3.4 MiB passes both ways, 5 MiB are message_too_large both ways',
  async (t) => {
    const opened = await listen({
      services: [
        recordService({
          getBatch: async (request) => ({
            entries: [new Uint8Array(request.batchId[0]! * 340_000)],
          }),
        }),
      ],
    })
    const channel = dial(opened.address)
    const raw = rawClient(opened.address, county)
    await closing([channel, raw, opened], async () => {
      const client = channel.client(RecordService)
      t.equal((await client.publish({ records: [new Uint8Array(3_565_158)] }, call)).published, 1)
      t.equal(
        (await client.getBatch({ batchId: Uint8Array.of(10) }, call)).entries[0]!.length,
        3_400_000,
      )
      t.equal(
        (await failure(client.publish({ records: [new Uint8Array(5 << 20)] }, call))).code,
        'message_too_large',
      )
      t.equal(
        (await failure(client.getBatch({ batchId: Uint8Array.of(15) }, call))).code,
        'message_too_large',
      )
      t.equal(
        (await rawCall(raw, '/huxin.v1.RecordService/Publish', Buffer.alloc(5 << 20))).code,
        8,
        'the server enforces it too',
      )
      t.equal((await client.publish({}, call)).published, 0, 'and the connection lives on')
    })
  },
)

t.test('authorization is asked on every call of an open connection', async (t) => {
  const asked: string[] = []
  let suspended = false
  const authorize = (peer: PeerIdentity, path: string): void => {
    asked.push(`${peer.nodeName} ${path}`)
    if (suspended)
      throw new HuxinError('member_suspended', 'suspended since yesterday', {
        details: { member: peer.nodeId },
      })
  }
  const opened = await listen({ authorize })
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    const client = channel.client(RecordService)
    await client.publish({}, call)
    suspended = true
    const refused = await failure(client.publish({}, call))
    t.equal(refused.code, 'member_suspended')
    t.same(refused.details, { member: '330825' })
    suspended = false
    await client.publish({}, call)
    t.same(asked, Array(3).fill('zj.test/330825 /huxin.v1.RecordService/Publish'))
    t.equal(opened.server.connectedPeers().length, 1, 'it was one connection')
  })
})

t.test('a certificate that expires while connected is refused on the next call', async (t) => {
  const clock = movableClock()
  const opened = await listen({ clock })
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    await channel.client(RecordService).publish({}, call)
    clock.aheadMs = county.notAfterMs - Date.now() + 1_000
    t.equal(
      (await failure(channel.client(RecordService).publish({}, call))).code,
      'unauthenticated',
    )
  })
})

t.test(
  'connections without a certificate of this federation are refused, and the server says why',
  async (t) => {
    const opened = await listen()
    const stranger = issuer('zj.test').node('330825')
    const nameless = federation.nameless()
    const tries: readonly [string, TlsMaterial, RegExp][] = [
      ['another root', { ...stranger, rootsPem: hub.rootsPem }, /UNABLE_TO|SELF_SIGNED|LEAF/],
      ['no identity', nameless, /subject alternative name/],
    ]
    await closing([opened], async () => {
      for (const [what, material, reason] of tries) {
        const channel = dial(opened.address, { material })
        t.equal(
          (await failure(channel.client(RecordService).publish({}, call))).code,
          'peer_unreachable',
          what,
        )
        channel.close()
        await until(() => opened.refusals.length > 0)
        t.match(opened.refusals[0], { reason, remoteAddress: '127.0.0.1' }, what)
        opened.refusals.length = 0
      }
      await refusedHandshake(opened.server.port, { ca: [...hub.rootsPem] })
      await until(() => opened.refusals.length > 0)
      t.equal(opened.refusals.length, 1, 'no certificate at all')
    })
  },
)

t.test('TLS 1.2 is refused by both sides', async (t) => {
  const opened = await listen()
  await closing([opened], async () => {
    await refusedHandshake(opened.server.port, { ...tlsOf(county), maxVersion: 'TLSv1.2' })
    await until(() => opened.refusals.length > 0)
    t.match(opened.refusals, [{ reason: /UNSUPPORTED_PROTOCOL|VERSION/ }])
    t.equal(await acceptedHandshake(opened.server.port, tlsOf(county)), 'TLSv1.3')
    const old = createTlsServer({
      cert: hub.certificateChainPem,
      key: hub.keyPem,
      maxVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    }).listen(0, '127.0.0.1')
    await once(old, 'listening')
    const channel = dial(`127.0.0.1:${(old.address() as AddressInfo).port}`)
    const refused = await failure(channel.client(RecordService).publish({}, call))
    t.match(refused.message, /protocol version/)
    channel.close()
    old.close()
  })
})

t.test('a server is accepted only as the node expected, whatever its host name', async (t) => {
  const opened = await listen()
  const impostor = await listen({ material: federation.node('330100') })
  const clientAsServer = await listen({ material: federation.client('330000', 'loans') })
  const foreign = await listen({ material: issuer('zj.test').node('330000') })
  await closing([opened, impostor, clientAsServer, foreign], async () => {
    const tries: readonly [string, string, string | undefined, RegExp | undefined][] = [
      ['the node expected', opened.address, nodeName, undefined],
      ['through a host name', `localhost:${opened.server.port}`, nodeName, undefined],
      ['any node, none being named', opened.address, undefined, undefined],
      ['another node', impostor.address, nodeName, /zj\.test\/330100, expected zj\.test\/330000/],
      ['another trust domain', opened.address, 'gd.test/330000', /expected gd\.test\/330000/],
      [
        'a client certificate',
        clientAsServer.address,
        nodeName,
        /certificate purpose|role client/i,
      ],
      [
        'a client certificate, none being named',
        clientAsServer.address,
        undefined,
        /certificate purpose|role client/i,
      ],
      ['another root', foreign.address, nodeName, /self.signed|issuer|verify/i],
    ]
    for (const [what, address, expectedNodeName, reason] of tries) {
      const channel = dial(address, { expectedNodeName })
      const outcome = channel.client(RecordService).publish({}, call)
      if (!reason) t.equal((await outcome).published, 0, what)
      else {
        const refused = await failure(outcome)
        t.equal(refused.code, 'peer_unreachable', what)
        t.match(refused.message, reason, what)
      }
      channel.close()
    }
  })
})

t.test('a caller can give up: by deadline or by signal, and the handler hears of it', async (t) => {
  const aborted: boolean[] = []
  const opened = await listen({
    services: [
      recordService({
        getBatch: async (_request, { signal }) => {
          if (!signal.aborted) await once(signal, 'abort')
          aborted.push(signal.aborted)
          return {}
        },
      }),
    ],
  })
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    const client = channel.client(RecordService)
    await client.publish({}, call)
    t.equal((await failure(client.getBatch({}, { timeoutMs: 50 }))).code, 'deadline_exceeded')
    const controller = new AbortController()
    const waiting = failure(client.getBatch({}, { ...call, signal: controller.signal }))
    setImmediate(() => controller.abort())
    t.equal((await waiting).code, 'cancelled')
    t.equal(
      (await failure(client.getBatch({}, { ...call, signal: AbortSignal.abort() }))).code,
      'cancelled',
    )
    await until(() => aborted.length === 2)
    t.same(aborted, [true, true])
  })
})

t.test('health answers any valid certificate, reflection whoever is authorized', async (t) => {
  let allowed = true
  const opened = await listen({
    reflection: true,
    authorize: () => {
      if (!allowed) throw new HuxinError('role_denied', 'no')
    },
  })
  const raw = rawClient(opened.address, federation.client('330000', 'loans'))
  const serving = (name: string) =>
    rawCall(
      raw,
      '/grpc.health.v1.Health/Check',
      Buffer.from(`\x0a${String.fromCharCode(name.length)}${name}`, 'latin1'),
    )
  await closing([raw, opened], async () => {
    t.equal(
      (await serving('huxin.v1.RecordService')).answer,
      '0802',
      'not serving until the node says so',
    )
    opened.server.setServing('huxin.v1.RecordService', true)
    t.equal((await serving('huxin.v1.RecordService')).answer, '0801')
    t.equal((await serving('huxin.v1.Other')).code, 5)
    // Half a surrogate pair, which the library would repeat and grpc-js could not encode.
    t.equal((await serving('\xed\xa0\x80')).code, 5)
    t.match(await reflect(raw, '\x3a\x01*'), 'huxin.v1.RecordService')
    t.match(await reflect(raw, '\x22\x16huxin.v1.RecordService'), /record_service\.proto/)
    t.match(await reflect(raw, '\x22\x10huxin.v1.Receipt'), /exchange_service\.proto/)
    allowed = false
    t.equal((await serving('huxin.v1.RecordService')).answer, '0801')
    t.match(await reflect(raw, '\x3a\x01*'), /^7 /)
  })
})

t.test('connections over the cap are closed, and one more fits when one is gone', async (t) => {
  const opened = await listen({ budgets: { ...budgets, connections: 2 } })
  const channels = [dial(opened.address), dial(opened.address), dial(opened.address)]
  await closing([...channels, opened], async () => {
    const [first, second, third] = channels.map((channel) => channel.client(RecordService))
    await first!.publish({}, call)
    await second!.publish({}, call)
    t.match((await failure(third!.publish({}, call))).code, /^(peer_unreachable|overloaded)$/)
    t.match(opened.refusals[0]?.reason, /^too many connections/)
    channels[0]!.close()
    await until(() => opened.server.connectedPeers().length === 1)
    await until(() => channels[2]!.state !== 'failing')
    t.equal((await third!.publish({}, call)).published, 0)
  })
})

t.test('a connection that never finishes its handshake is closed in time', async () => {
  const opened = await listen({ handshakeTimeoutMs: 100 })
  await closing([opened], async () => {
    const socket = tcpConnect(opened.server.port, '127.0.0.1')
    socket.resume()
    await once(socket, 'close')
  })
})

t.test('closing waits for calls in progress, and cuts them after the grace', async (t) => {
  let finish = (): void => undefined
  let started = 0
  const opened = await listen({
    services: [
      recordService({
        getBatch: () => {
          started++
          return new Promise((resolve) => {
            finish = () => resolve({})
          })
        },
      }),
    ],
  })
  const channel = dial(opened.address)
  const idle = tcpConnect(opened.server.port, '127.0.0.1').on('error', () => undefined)
  const client = channel.client(RecordService)
  const answered = client.getBatch({}, call)
  await until(() => started === 1)
  const closed = opened.server.close(60_000)
  finish()
  t.equal((await answered).bodyState, '')
  await closed
  t.equal((await failure(client.publish({}, call))).code, 'peer_unreachable')
  channel.close()
  idle.destroy()

  const stubborn = await listen({
    services: [
      recordService({
        getBatch: () =>
          new Promise(() => {
            started++
          }),
      }),
    ],
  })
  const other = dial(stubborn.address)
  const cut = failure(other.client(RecordService).getBatch({}, call))
  await until(() => started === 2)
  await stubborn.server.close(10)
  t.equal((await cut).code, 'peer_unreachable')
  other.close()
})

t.test('twenty servers live in one process', async (t) => {
  const servers = await Promise.all(Array.from({ length: 20 }, () => listen()))
  const channels = servers.map(({ address }) => dial(address))
  await closing([...channels, ...servers], async () => {
    const answers = await Promise.all(
      channels.map((channel, i) =>
        channel.client(RecordService).publish({ records: Array(i).fill(Uint8Array.of(1)) }, call),
      ),
    )
    t.same(
      answers.map(({ published }) => published),
      Array.from({ length: 20 }, (_, i) => i),
    )
  })
})

t.test('bad addresses, proxies and certificates are said before anything is dialed', async (t) => {
  for (const address of ['330000', 'host:', 'http://host:1', 'a b:1', '::1:443'])
    t.throws(() => dial(address), { code: 'config_invalid' })
  for (const proxy of ['proxy:3128', 'https://proxy:1', 'socks5://proxy:1'])
    t.throws(() => dial('a:1', { proxy }), { code: 'config_invalid' })
  t.throws(() => dial('a:1', { material: { ...county, keyPem: hub.keyPem } }), {
    code: 'config_invalid',
  })
  await t.rejects(listen({ material: { ...hub, certificateChainPem: 'half a fi' } }), {
    code: 'config_invalid',
  })
  const opened = await listen()
  await t.rejects(listen({ port: opened.server.port }), { code: 'config_invalid' })
  await opened.server.close(0)
})

function tlsOf(material: TlsMaterial): ConnectionOptions {
  return {
    ca: [...material.rootsPem],
    cert: material.certificateChainPem,
    key: material.keyPem,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  }
}

/** Resolves when the server broke the connection off. */
async function refusedHandshake(port: number, options: ConnectionOptions): Promise<void> {
  const socket = tlsConnect({
    port,
    host: '127.0.0.1',
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
    ...options,
  })
  socket.on('error', () => undefined)
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
}

async function acceptedHandshake(port: number, options: ConnectionOptions): Promise<string | null> {
  const socket = tlsConnect({ port, host: '127.0.0.1', ...options })
  await once(socket, 'secureConnect')
  const protocol = socket.getProtocol()
  socket.destroy()
  return protocol
}

function rawClient(address: string, material: TlsMaterial): Client {
  return new Client(
    address,
    credentials.createFromSecureContext(secureContext(material), {
      checkServerIdentity: () => undefined,
    }),
    {
      'grpc.enable_http_proxy': 0,
      'grpc.ssl_target_name_override': 'node.test',
    },
  )
}

const same = (bytes: Buffer): Buffer => bytes

async function rawCall(
  client: Client,
  path: string,
  request: Buffer,
): Promise<{ code: number; details: string; answer: string }> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, request, (error, answer) => {
      resolve({
        code: error?.code ?? 0,
        details: error?.details ?? '',
        answer: answer?.toString('hex') ?? '',
      })
    })
  })
}

/** The first answer of server reflection as text, or the status it failed with. */
async function reflect(client: Client, request: string): Promise<string> {
  const stream = client.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    same,
    same,
  )
  return new Promise((resolve) => {
    stream.on('data', (answer: Buffer) => {
      resolve(answer.toString('latin1'))
      stream.cancel()
    })
    stream.on('error', (error) => resolve(`${(error as { code?: number }).code} ${error.message}`))
    stream.write(Buffer.from(request, 'latin1'))
  })
}
