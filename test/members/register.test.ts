/** Who may publish and amend at a node, by its register: over real gRPC, with a certificate for each caller. */
import t from 'tap'
import { type EntrySource, parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { checkMayAmend } from '../../src/publish/may-amend.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { LogService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { AmendmentAction } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { encodeRegisterEntry } from '../../src/ledger/register.ts'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import { isUscc, syntheticUscc } from '../../src/record/uscc.ts'
import { entryKey } from '../../src/store/keys.ts'
import { type Caller, caller, provinceAndCity } from '../support/callers.ts'
import { amendmentByHand, codeOf, findings, forge } from '../support/checks.ts'
import { BODY } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(0)

const CALL = { timeoutMs: 120_000 }
const HEALTH = syntheticUscc('11330000', 'TT000090')
const TAX = syntheticUscc('11330000', 'TT000091')
const act = { reason: '测试', document: '测〔2026〕7号' }
const ACTIONS = ['withdraw', 'repair', 'object', 'erase'] as const
type Action = (typeof ACTIONS)[number]

const { federation, province, client, operator } = await provinceAndCity(t)
const zhang = await operator('张三')
const [health, tax, taxTwo] = [await client('health'), await client('tax'), await client('tax-2')]

let last = 0
/** Publishes one record; answers where it is, or the code with which that fails. */
async function publish(
  { records }: Caller,
  provider = '',
  id = `r-${++last}`,
): Promise<{ batchId: Uint8Array; id: string }> {
  const answer = await records.publish(
    {
      item: INDUSTRY_ITEM,
      targets: ['330000'],
      provider,
      records: [industryRecord(++last, { prefix: id })],
    },
    CALL,
  )
  return { batchId: answer.batchId, id: `${id}-${last}` }
}

/** What an amendment comes to: `done`, `waits` for a second person, or the code of its error. */
async function amend(
  { records }: Caller,
  action: Action,
  batchId: Uint8Array,
  document = '',
): Promise<string> {
  try {
    const { approvalId, batchId: made } = await records.amend(
      { changes: [{ action, batchId, index: 0, basis: 'test/basis', document }] },
      CALL,
    )
    return approvalId.length === 32 ? 'waits' : made.length === 32 ? 'done' : 'nothing'
  } catch (error) {
    return (error as { code: string }).code
  }
}

t.test('a client that is not registered gets nothing, whatever its certificate says', async (t) => {
  const batchId = new Uint8Array(32)
  for (const [name, call] of Object.entries({
    publish: () => health.records.publish({}, CALL),
    amend: () => health.records.amend({}, CALL),
    getRecords: () => health.records.getRecords({ recordId: 'x' }, CALL),
    getBatch: () => health.records.getBatch({ batchId }, CALL),
    listCatalog: () => health.records.listCatalog({}, CALL),
    listRecognitions: () => health.records.listRecognitions({}, CALL),
  }))
    t.equal(await codeOf(call()), 'client_unknown', name)
  t.equal(RecordService.methods.length, 6, 'every method is asked')
  t.equal(await codeOf(health.admin.getStatus({}, CALL)), 'role_denied')
  for (const { localName } of LogService.methods)
    t.not(await codeOf(health.log[localName as 'getCheckpoint']({}, CALL)), '', localName)
})

t.test(
  'only an operator keeps the register, and each entry says who, why and on which document',
  async (t) => {
    t.equal(
      await codeOf(health.admin.setClient({ client: { name: 'health', body: BODY }, act }, CALL)),
      'role_denied',
    )
    t.equal(
      await codeOf(zhang.admin.setClient({ client: { name: 'health', body: HEALTH }, act }, CALL)),
      'provider_denied',
      'the body comes first',
    )
    t.equal(
      await codeOf(
        zhang.admin.setProvider(
          { provider: { body: HEALTH, name: '省卫生健康委' }, act: { reason: 'x' } },
          CALL,
        ),
      ),
      'argument_invalid',
      'a document is wanted',
    )
    for (const [body, name] of [
      [HEALTH, '省卫生健康委'],
      [TAX, '省税务局'],
    ] as const)
      t.equal(
        (await zhang.admin.setProvider({ provider: { body, name }, act }, CALL)).batchId.length,
        32,
      )
    for (const [name, body] of [
      ['health', HEALTH],
      ['tax', TAX],
      ['tax-2', TAX],
    ] as const)
      t.equal(
        (await zhang.admin.setClient({ client: { name, body }, act }, CALL)).batchId.length,
        32,
      )
    t.equal(
      (await zhang.admin.setClient({ client: { name: 'tax', body: TAX }, act }, CALL)).batchId
        .length,
      0,
      'again: nothing is logged',
    )
    t.match((await zhang.admin.listClients({}, CALL)).clients, [
      { name: 'health', body: HEALTH, status: 'active', roles: ['amend', 'publish', 'query'] },
      { name: 'tax' },
      { name: 'tax-2' },
    ])
    const first = await zhang.admin.listClients({ pageSize: 2 }, CALL)
    t.same(
      (
        await zhang.admin.listClients({ pageSize: 2, pageToken: first.nextPageToken }, CALL)
      ).clients.map(({ name }) => name),
      ['tax-2'],
    )

    const number = Array.from({ length: 400 }, (_, i) =>
      syntheticCitizenId(`33010219500101${String(i + 1).padStart(3, '0')}`),
    ).find(isUscc)!
    t.equal(
      await codeOf(zhang.admin.setProvider({ provider: { body: number, name: 'x' }, act }, CALL)),
      'argument_invalid',
      'an identity number that looks like a code',
    )
    for (const bad of [
      { body: 'X' },
      { roles: ['rule'] },
      { serials: ['not hex'] },
      { name: 'a\u200bb' },
      { name: '' },
      { status: 'king' },
    ]) {
      t.not(
        await codeOf(
          zhang.admin.setClient({ client: { name: 'bad', body: TAX, ...bad }, act }, CALL),
        ),
        '',
        JSON.stringify(bad),
      )
    }
    t.equal(
      await codeOf(
        zhang.admin.setClient({ client: { name: 'nobody', status: 'suspended' }, act }, CALL),
      ),
      'not_found',
    )
  },
)

t.test(
  'a client publishes for its body and no other, a person for the bodies of the register',
  async (t) => {
    for (const provider of ['', HEALTH]) {
      const { batchId, id } = await publish(health, provider)
      const entry = parseEntry((await health.records.getBatch({ batchId }, CALL)).entries[0]!)
      t.same(entry.source, { kind: 'client', name: 'health' })
      t.match(await findByRecordId(province(), id), [
        { batch: { header: { provider: HEALTH } }, standing: 'current' },
      ])
    }
    for (const provider of [TAX, BODY, syntheticUscc('11100000', 'TT000001'), 'x'])
      t.equal(await codeOf(publish(health, provider)), 'provider_denied', provider)
    for (const provider of ['', BODY, TAX]) {
      const { batchId } = await publish(zhang, provider)
      const entry = parseEntry((await zhang.records.getBatch({ batchId }, CALL)).entries[0]!)
      t.same(
        entry.source,
        { kind: 'operator', name: encodeURIComponent('张三') },
        'a person is told from a machine',
      )
    }
    t.equal(await codeOf(publish(zhang, syntheticUscc('11100000', 'TT000001'))), 'provider_denied')
  },
)

t.test('client and person × whose record × action', async (t) => {
  await federation.registerClient('330100', 'bench')
  const cityClient = await caller(t, federation, '330100', {
    role: 'client',
    name: 'bench',
    tier: 'city',
  })
  const below = async (): Promise<{ batchId: Uint8Array }> => {
    const made = await publish(cityClient)
    await federation.until(
      'the province has it',
      async () => (await province().ledger().known(made.batchId)) !== undefined,
    )
    return made
  }
  const owners: Readonly<Record<string, () => Promise<{ batchId: Uint8Array }>>> = {
    health: () => publish(health),
    tax: () => publish(tax),
    'tax-2': () => publish(taxTwo),
    'a person for tax': () => publish(zhang, TAX),
    'a person for the node': () => publish(zhang),
    'a node below': below,
  }
  for (const [owner, make] of Object.entries(owners)) {
    for (const action of ACTIONS) {
      for (const [name, by] of [
        ['health', health],
        ['tax', tax],
      ] as const) {
        const { batchId } = await make()
        const own = owner === name && action !== 'erase'
        t.equal(
          await amend(by, action, batchId),
          own ? 'done' : 'role_denied',
          `${name} may ${own ? '' : 'not '}${action} what is of ${owner}`,
        )
        t.equal(
          await amend(by, action, (await make()).batchId, '测〔2026〕8号'),
          own ? 'done' : 'role_denied',
          'a document changes nothing',
        )
      }
      const { batchId } = await make()
      const free = owner === 'a person for the node' && action !== 'erase'
      t.equal(
        await amend(zhang, action, batchId),
        free ? 'done' : 'argument_invalid',
        `a person ${free ? 'needs no' : 'needs a'} document to ${action} what is of ${owner}`,
      )
      t.equal(
        await amend(zhang, action, (await make()).batchId, '测〔2026〕8号'),
        action === 'erase' ? 'waits' : 'done',
        `a person with a document may ${action} what is of ${owner}`,
      )
    }
  }
  t.equal(
    await codeOf(
      health.records.amend(
        {
          provider: TAX,
          changes: [
            { action: 'withdraw', batchId: (await publish(health)).batchId, index: 0, basis: 'x' },
          ],
        },
        CALL,
      ),
    ),
    'provider_denied',
  )
})

t.test('what verdicts rest on is amended by nobody', async (t) => {
  const { batchId } = await zhang.admin.setClient(
    { client: { name: 'short', body: TAX }, act },
    CALL,
  )
  t.equal(await amend(zhang, 'erase', batchId, 'd'), 'amendment_invalid', 'the register')
  const amended = await zhang.records.amend(
    {
      changes: [
        { action: 'object', batchId: (await publish(zhang)).batchId, index: 0, basis: 'x' },
      ],
    },
    CALL,
  )
  t.equal(await amend(zhang, 'erase', amended.batchId, 'd'), 'amendment_invalid', 'an amendment')

  // By hand, as a node that breaks the rules would: it is logged, and erases nothing anywhere.
  const catalog = await catalogBatch()
  const { batch, body } = amendmentByHand(province(), catalog, 0, AmendmentAction.ERASE)
  await doorOf(province()).accept({
    header: batch.note,
    body: body.bytes,
    source: { kind: 'self' },
  })
  const city = federation.node('330100').context
  await federation.until(
    'the city has the amendment',
    async () => (await city.ledger().known(batch.id)) !== undefined,
  )
  for (const context of [province(), city])
    t.equal(
      (await findBatch(context, catalog))!.body!.erased,
      0,
      `the catalog stands at ${context.self}`,
    )
})

/** The batch with the catalog. */
async function catalogBatch(): Promise<Uint8Array> {
  for (let index = 0n; ; index++) {
    const { header, id } = parseHeaderNote(
      parseEntry((await province().store.get(entryKey(index)))!).header,
    )
    if (header.kind === 'catalog') return id
  }
}

t.test(
  'after a loss nobody knows which client of a body published, and any of its clients may amend',
  async (t) => {
    const { batchId } = await publish(tax)
    const { batch } = (await findBatch(province(), batchId))!
    const may = (name: string, body: string, source: EntrySource): string => {
      try {
        checkMayAmend(
          province(),
          { kind: 'client', name, body },
          { batch, source },
          { action: 'withdraw', document: '' },
        )
        return 'yes'
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    for (const [name, body, source, right] of [
      ['tax', TAX, { kind: 'client', name: 'tax' }, 'yes'],
      ['tax-2', TAX, { kind: 'client', name: 'tax' }, 'role_denied'],
      ['tax', HEALTH, { kind: 'client', name: 'tax' }, 'role_denied'],
      ['tax', TAX, { kind: 'operator', name: 'tax' }, 'role_denied'],
      ['tax', TAX, { kind: 'self' }, 'role_denied'],
      ['tax-2', TAX, { kind: 'fetched', node: 'zj.example/000000' }, 'yes'],
      ['health', HEALTH, { kind: 'fetched', node: 'zj.example/000000' }, 'role_denied'],
    ] as const)
      t.equal(may(name, body, source), right, `${name} for ${body}, ${JSON.stringify(source)}`)
  },
)

t.test(
  'roles, serial numbers and statuses count from the next call on, on open connections too',
  async (t) => {
    const set = (status: string, more: object = {}) =>
      zhang.admin.setClient({ client: { name: 'tax', status, ...more }, act }, CALL)
    await set('suspended')
    t.equal(await codeOf(publish(tax)), 'client_suspended')
    t.equal(await codeOf(tax.records.listCatalog({}, CALL)), 'client_suspended')
    await set('', { body: TAX })
    t.equal(
      await codeOf(publish(tax)),
      'client_suspended',
      'to enter it again does not lift a suspension',
    )
    await set('active')
    t.equal(await codeOf(publish(tax)), '')
    await set('active', { body: TAX, roles: ['query'] })
    t.equal(await codeOf(publish(tax)), 'role_denied')
    t.equal(await amend(tax, 'withdraw', new Uint8Array(32)), 'role_denied')
    t.equal(await codeOf(tax.records.getRecords({ recordId: 'r-1' }, CALL)), '')
    await set('active', { body: TAX, roles: ['publish'] })
    t.equal(await codeOf(tax.records.getRecords({ recordId: 'r-1' }, CALL)), 'role_denied')
    t.equal(await codeOf(publish(tax)), '')

    // A stolen key: another certificate of the name is registered, and the first one is worth nothing.
    const renewed = await client('tax')
    await set('active', { body: TAX, serials: [renewed.serial.toLowerCase()] })
    t.equal(await codeOf(publish(tax)), 'client_unknown')
    t.equal(await codeOf(publish(renewed)), '')
    await set('ended')
    t.equal(await codeOf(publish(renewed)), 'client_unknown')

    await zhang.admin.setProvider({ provider: { body: HEALTH, status: 'ended' }, act }, CALL)
    t.equal(
      await codeOf(publish(health)),
      'provider_denied',
      'a body that is ended publishes no more',
    )
    t.equal(
      await codeOf(health.records.getRecords({ recordId: 'r-1' }, CALL)),
      '',
      'and still reads',
    )
    await zhang.admin.setProvider({ provider: { body: HEALTH, status: 'active' }, act }, CALL)
    t.equal(await codeOf(publish(health)), '')
  },
)

t.test('a register is of its node alone', async (t) => {
  const city = federation.node('330100').context
  const entry = encodeRegisterEntry(
    {
      case: 'client',
      value: {
        $typeName: 'huxin.v1.RegisteredClient',
        name: 'intruder',
        body: BODY,
        serials: [],
        roles: ['publish'],
        status: 'active',
      },
    },
    { actor: 'x', ...act },
  )
  for (const target of ['330000', '**', '330000/**']) {
    const { batch, body } = forge(city, [entry], [target], {
      kind: 'register',
      item: undefined,
      batchClass: 'control',
    })
    const { refusal } = await doorOf(province()).accept({
      header: batch.note,
      body: body.bytes,
      source: { kind: 'child', node: city.self },
    })
    t.ok(refusal, `one from below to ${target} is refused`)
  }
  t.equal(province().ledger().register.client('intruder'), undefined)
  t.equal(await codeOf(publish(await client('intruder'))), 'client_unknown')
})

t.test('a restart and a check find the same register', async (t) => {
  const before = (await zhang.admin.listClients({}, CALL)).clients.map(
    ({ name, status, serials }) => [name, status, serials],
  )
  t.ok(before.length >= 4)
  const { batchId } = await publish(health)
  await federation.restart('330000')
  await federation.until(
    'the province signs again',
    () => federation.node('330000').state !== 'starting',
  )
  t.same(
    province()
      .ledger()
      .register.clients()
      .map(({ name, status, serials }) => [name, status, serials]),
    before,
  )
  const again = await client('health')
  t.equal(await codeOf(publish(again)), '')
  t.equal(await amend(again, 'withdraw', batchId), 'done', 'what it published before it may amend')
  t.equal(await codeOf(publish(await client('tax'))), 'client_unknown')
  t.same(await findings(federation), [])
})
