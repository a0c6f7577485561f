/** Identities of a whole body, hashed in lanes, are those of its records one by one. */
import t from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { createHash } from 'node:crypto'
import { systemRandom } from '../../src/base/random.ts'
import { bodyRoot, encodeBody, eraseLeaves, parseBody } from '../../src/batch/body.ts'
import { formatEntry } from '../../src/batch/entry.ts'
import type { BatchHeader } from '../../src/batch/header.ts'
import { sealHeader } from '../../src/batch/seal.ts'
import { RecordSchema, SubjectSchema, type SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { kinds } from '../../src/kinds/kinds.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import {
  BodyIdentities,
  noPlaces,
  notePlaces,
  readRows,
  recordIdentity,
  subjectIdentity,
} from '../../src/lookup/record-rows.ts'
import { weightOf } from '../../src/lookup/segments.ts'
import { Tail } from '../../src/lookup/tail.ts'
import { generateSigner } from '../../src/note/key.ts'
import { scan } from '../../src/record/scan.ts'
import { bodyKey } from '../../src/store/keys.ts'
import type { Reader } from '../../src/store/store.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'

const key = Uint8Array.from({ length: 32 }, (_, i) => 5 * i)
const origin = 'zj.example/330106'

/** Every memory that the vector hashers have; they are made when they are first used. */
const collected: { readonly buffer: ArrayBuffer }[] = []
const engine = (
  globalThis as unknown as {
    WebAssembly: { Memory: new (options: object) => { readonly buffer: ArrayBuffer } }
  }
).WebAssembly
engine.Memory = class extends engine.Memory {
  constructor(options: object) {
    super(options)
    collected.push(this)
  }
}

function record(recordId: string, subject?: { type: number; id: string }): Uint8Array {
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      recordId,
      ...(subject
        ? { subject: create(SubjectSchema, { type: subject.type as SubjectType, id: subject.id }) }
        : {}),
      attributes: Buffer.from('{}'),
    }),
  )
}

/** Rows of a body that one entry has. */
async function rowsOf(
  body: Uint8Array,
  {
    kept = true,
    accepted = true,
    index = 7n,
    ...changed
  }: Partial<BatchHeader> & { kept?: boolean; accepted?: boolean; index?: bigint } = {},
) {
  const { count } = parseBody(body)
  const batch = sealHeader(
    {
      origin,
      epoch: 1,
      provider: '11330106MB0000000X',
      batchClass: 'normal',
      lanes: [{ target: '330000', number: 0n, previous: undefined }],
      kind: 'evaluation',
      item: INDUSTRY_ITEM,
      createdMs: 1_782_000_000_000,
      records: count,
      root: bodyRoot(parseBody(body)),
      extra: [],
      ...changed,
    },
    generateSigner(origin, 'ed25519'),
  )
  const entry = formatEntry({
    timeMs: 1_782_000_000_000,
    source: { kind: 'self' },
    judged: { timeMs: 1_782_000_000_000, node: origin },
    rules: '2026.1',
    verdict: accepted
      ? { accepted }
      : { accepted, code: 'record_invalid', reasons: new Uint8Array(32) },
    header: batch.note,
  })
  const store = {
    get: (name: Uint8Array) =>
      Promise.resolve(Buffer.compare(name, bodyKey(index)) === 0 ? body : undefined),
  } as Reader
  const tails = { recordId: new Tail(), subject: new Tail() }
  const rows = await readRows(
    { store, ledger: { kinds, routes: () => ({ kept }) } as unknown as Ledger, subjectKey: key },
    index,
    entry,
    tails,
  )
  return { ...rows, tails }
}

const UNUSUAL: readonly (readonly [id: string, subject?: { type: number; id: string }])[] = [
  ['a'],
  ['b', { type: 1, id: '91330106TT0000010X' }],
  ['编号-1', { type: 1, id: '91330106TT0000010X' }],
  ['c', { type: 2, id: '某人' }],
  ['d', { type: 127, id: 'x' }],
  ['e', { type: 128, id: 'x' }],
  ['f', { type: 1_000_000, id: 'x' }],
  ['g'.repeat(22), { type: 0, id: 'y' }],
  ['h'.repeat(23), { type: 0, id: 'y'.repeat(23) }],
  ['i'.repeat(64), { type: 1, id: 'z'.repeat(200) }],
  ['k'.repeat(500)],
  ['l', { type: 3, id: '' }],
]

t.test(
  'every record of a body is found by its id and its subject, whatever they are',
  async (t) => {
    const body = encodeBody(
      [...UNUSUAL.map(([id, subject]) => record(id, subject)), ...many(3_000, industryRecord)],
      systemRandom,
    ).bytes
    const { tails, weight, records } = await rowsOf(body)
    t.equal(weight, weightOf(UNUSUAL.length + 3_000))
    t.equal(records, UNUSUAL.length + 3_000)
    for (const [position, [id, subject]] of UNUSUAL.entries()) {
      t.same(tails.recordId.find(recordIdentity(key, id)), [{ index: 7n, position }], id)
      if (subject && subject.id !== '')
        t.ok(
          tails.subject
            .find(subjectIdentity(key, subject.type, subject.id))
            .some((place) => place.position === position),
          `subject of ${id}`,
        )
    }
    const missing = Array.from({ length: 3_000 }, (_, i) => i).filter(
      (i) =>
        !tails.recordId
          .find(recordIdentity(key, `e-${i}`))
          .some(({ position }) => position === UNUSUAL.length + i),
    )
    t.same(missing, [])
    t.same(
      tails.recordId.find(recordIdentity(Uint8Array.from(key).reverse(), 'a')),
      [],
      'by another key nothing is found',
    )
  },
)

t.test(
  'identities of a body are the same where its ids were found before, and the further bits of each id are of its digest',
  (t) => {
    const records = [
      ...UNUSUAL.map(([id, subject]) => record(id, subject)),
      Buffer.from([0xff, 0xff]),
      ...many(50, industryRecord),
    ]
    const body = encodeBody(records, systemRandom)
    const places = noPlaces(body.count)
    for (let i = UNUSUAL.length + 1; i < body.count; i++)
      if (scan(body.bytes, body.spans[2 * i]!, body.spans[2 * i + 1]!)) notePlaces(places, i)
    const more = new Uint32Array(2 * body.count)
    const rows = [BodyIdentities.of(body, key), BodyIdentities.of(body, key, { places, more })].map(
      (identities) => {
        const tails = { recordId: new Tail(), subject: new Tail() }
        identities.addTo(tails, 9n)
        return [
          tails.recordId.buckets(),
          tails.subject.buckets(),
          Array.from({ length: body.count }, (_, i) => identities.recordId(i)),
        ]
      },
    )
    t.same(rows[1], rows[0])
    const ids = [
      ...UNUSUAL.map(([id]) => id),
      undefined,
      ...Array.from({ length: 50 }, (_, i) => `e-${i}`),
    ]
    for (const [i, id] of ids.entries()) {
      const digest = createHash('sha256')
        .update(Uint8Array.of(0xff))
        .update(key)
        .update(id ?? '')
        .digest()
      t.same(
        [...more.subarray(2 * i, 2 * i + 2)],
        id === undefined ? [0, 0] : [digest.readUInt32BE(8), digest.readUInt32BE(12)],
        id ?? 'one that does not decode',
      )
    }
    t.end()
  },
)

t.test('an identity is the first 38 bits of a digest', (t) => {
  const digest = createHash('sha256')
    .update(Uint8Array.of(0xff))
    .update(key)
    .update('some-id')
    .digest()
  const { high, word } = recordIdentity(key, 'some-id')
  t.equal((BigInt(high) << 32n) | BigInt(word), digest.readBigUInt64BE() >> 26n)
  t.end()
})

t.test(
  'what is erased, malformed, refused, of another kind or passing has no rows, and weighs the same',
  async (t) => {
    const body = encodeBody([record('a'), Buffer.from([0xff, 0xff]), record('b')], systemRandom)
    const erased = await rowsOf(eraseLeaves(body, new Set([0])))
    t.equal(erased.weight, weightOf(3))
    t.same([...erased.tails.recordId.buckets().values()].length, 1)
    t.same(erased.tails.recordId.find(recordIdentity(key, 'b')), [{ index: 7n, position: 2 }])
    for (const options of [
      { accepted: false },
      { kept: false },
      { kind: 'member', item: undefined },
    ]) {
      const { weight, tails } = await rowsOf(body.bytes, options)
      t.equal(weight, weightOf(3))
      t.same(tails.recordId.buckets(), [], JSON.stringify(options))
    }
  },
)

t.test(
  'the key is in no memory of the hasher once a body was read, however large it was',
  async (t) => {
    const memories = collected.map((memory) => Buffer.from(memory.buffer))
    t.ok(memories.length > 0, 'bodies were hashed in lanes')
    t.equal(
      memories.some((memory) => memory.includes(Buffer.from(key))),
      false,
    )
    const tail = Buffer.from(key.subarray(0, 8))
    t.equal(
      memories.some((memory) => memory.includes(tail)),
      false,
      'nor a part of it',
    )
  },
)
