/** Members that say that a batch was taken before, under the rules or the keys of then, so that those of today would not bind it. */
import t from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { formatJudged } from '../../src/batch/entry.ts'
import { nextStatement } from '../../src/members/members.ts'
import { AmendmentAction, AmendmentSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { RegisteredClientSchema } from '../../src/gen/huxin/v1/register_pb.ts'
import { encodeRegisterEntry } from '../../src/ledger/register.ts'
import { loadKeys } from '../../src/node/keys.ts'
import { generateSigner } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { formatStatement } from '../../src/topology/member.ts'
import { act, forgedReceipt } from '../support/attacks.ts'
import { findings, type Forged } from '../support/checks.ts'
import { BODY } from '../support/federation.ts'
import {
  CITY,
  COUNTY,
  federationOf,
  has,
  loseDisk,
  PROVINCE,
  recover,
  send,
  startAt,
} from '../support/recovery.ts'
import { packed, Rogue } from '../support/rogue.ts'

t.setTimeout(60_000)

t.test('a city and a county of its own that show a receipt of the rules of before', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
  const province = federation.node('330000').context
  await federation.until(
    'the province knows the county',
    () => province.ledger().federation.member('330106') !== undefined,
  )
  for (const id of ['330106', '330100']) await federation.node(id).close()
  const city = await Rogue.at(federation, '330100', '330000')
  t.teardown(() => city.close())
  const county = await loadKeys(federation.folderOf('330106'), 1, {
    node: federation.name('330106'),
  })
  const forge = (kind: string, batchClass: 'control' | 'amendment', record: Uint8Array): Forged =>
    city.forge([record], ['**'], {
      origin: federation.name('330106'),
      signer: county.note,
      kind,
      item: undefined,
      batchClass,
    })
  const relayed = async (forged: Forged) => {
    const judged = { timeMs: province.clock.nowMs(), node: city.name }
    const receipt = forgedReceipt(forged, city.keys.note, {
      index: 5_000,
      timeMs: judged.timeMs,
      origin: federation.name('330106'),
    })
    return city.send({ ...packed(forged), judged: formatJudged(judged), receipt })
  }

  await t.test('put no number of a person into what everybody reads', async (t) => {
    const amendment = create(AmendmentSchema, {
      action: AmendmentAction.WITHDRAW,
      batchId: Buffer.alloc(32, 7),
      index: 0,
      effectiveOn: '2026-01-05',
      basis: 'of 110105194912310021',
      document: '110105194912310021',
    })
    const { code, logged } = await relayed(
      forge('amendment', 'amendment', toBinary(AmendmentSchema, amendment)),
    )
    t.same({ code, logged }, { code: 'amendment_invalid', logged: true })
  })

  await t.test('admit nobody with the id of a division of another', async (t) => {
    const name = 'zj.example/330782'
    const key = generateSigner(name, 'ed25519')
    const cosign = generateSigner(name, 'cosignature')
    const statement = signNote(
      formatStatement({
        ...nextStatement(province.ledger().federation.member('330106')!),
        ...act,
        member: name,
        serial: 0,
        previous: undefined,
        divisions: [],
        noteVkey: key.vkey,
        cosignVkey: cosign.vkey,
      } as Parameters<typeof formatStatement>[0]),
      [city.keys.note],
    )
    const { code, logged } = await relayed(forge('member', 'control', statement))
    t.same({ code, logged }, { code: 'statement_invalid', logged: true })
    t.equal(province.ledger().federation.member('330782'), undefined)
  })
  federation.nodes.delete('330106')
  federation.nodes.delete('330100')
  t.same(await findings(federation), [])
})

t.test(
  'a root that has begun its next epoch takes nothing back that decides what others are told or may do',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY])
    const stolen = await loadKeys(federation.folderOf('330000'), 1, {
      node: federation.name('330000'),
    })
    const { batch } = await send(federation, '330000', '330100', 'kept')
    await federation.until('it is at the city', () => has(federation, '330100', 'kept'))
    const port = await loseDisk(federation, '330000')
    await recover(federation, '330000')
    await startAt(federation, '330000', port)
    const root = () => federation.node('330000').context
    await federation.until(
      'the next epoch has begun',
      () => federation.node('330000').alarms.has('lost') && has(federation, '330000', 'kept'),
      40_000,
    )
    await federation.node('330100').close()
    const city = await Rogue.at(federation, '330100', '330000')
    t.teardown(() => city.close())
    const old = { origin: root().self, epoch: 1, signer: stolen.note, item: undefined }
    const erasure = create(AmendmentSchema, {
      action: AmendmentAction.ERASE,
      batchId: batch!.id,
      index: 2,
      effectiveOn: '2026-01-05',
      basis: 'test',
      document: '-',
    })
    const client = encodeRegisterEntry(
      {
        case: 'client',
        value: create(RegisteredClientSchema, {
          name: 'mallory',
          body: BODY,
          serials: [],
          roles: ['publish'],
          status: 'active',
        }),
      },
      act,
    )
    for (const [batchClass, forged] of [
      [
        'amendment',
        city.forge([toBinary(AmendmentSchema, erasure)], ['**'], {
          ...old,
          kind: 'amendment',
          batchClass: 'amendment',
        }),
      ],
      [
        'control',
        city.forge([client], ['330000'], { ...old, kind: 'register', batchClass: 'control' }),
      ],
    ] as const) {
      const { errorCodes } = await city.calls.giveBack(
        {
          batchClass,
          packages: [
            {
              ...packed(forged),
              judged: formatJudged({ timeMs: root().clock.nowMs(), node: root().self }),
            },
          ],
        },
        { timeoutMs: 20_000 },
      )
      t.same(errorCodes, ['signature_invalid'], batchClass)
    }
    t.ok(await has(federation, '330000', 'kept'))
    t.equal(root().ledger().register.client('mallory'), undefined)
    federation.nodes.delete('330100')
    t.same(await findings(federation), [])
  },
)
