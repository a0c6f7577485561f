import t from 'tap'
import { createHash, hash } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { HuxinError } from '../../src/base/errors.ts'
import { limits } from '../../src/base/limits.ts'
import { SeededRandom } from '../../src/base/random.ts'
import {
  type Body,
  bodyRoot,
  encodeBody,
  eraseLeaves,
  leafHashAt,
  parseBody,
  recordAt,
  sameLeaves,
} from '../../src/batch/body.ts'
import {
  type Entry,
  type EntrySource,
  entryPrefixLength,
  formatEntry,
  formatJudged,
  parseEntry,
  parseJudged,
} from '../../src/batch/entry.ts'
import { type BatchHeader, batchId, formatHeader, parseHeader } from '../../src/batch/header.ts'
import { parseHeaderNote, sealHeader, verifyHeader } from '../../src/batch/seal.ts'
import { kinds } from '../../src/kinds/kinds.ts'
import { BodySchema, LeafSchema } from '../../src/gen/huxin/v1/body_pb.ts'
import { formatSignerKey, parseSignerKey, parseVkey } from '../../src/note/key.ts'

const HASH = 'sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const ROOT = Buffer.from(HASH.slice(7), 'hex')

const TEXT = `huxin/batch/v1
origin zj.example/330825 1
provider 11330825TT00000903
lane 330000 normal 0 -
lane 330100/** normal 41 ${HASH}
kind evaluation
item zj/industry-evaluation@2026.1
created 2026-11-23T01:14:07Z
records 1000 ${HASH}
`

const HEADER: BatchHeader = {
  origin: 'zj.example/330825',
  epoch: 1,
  provider: '11330825TT00000903',
  batchClass: 'normal',
  lanes: [
    { target: '330000', number: 0n, previous: undefined },
    { target: '330100/**', number: 41n, previous: ROOT },
  ],
  kind: 'evaluation',
  item: 'zj/industry-evaluation@2026.1',
  createdMs: Date.UTC(2026, 10, 23, 1, 14, 7),
  records: 1000,
  root: ROOT,
  extra: [],
}

/** The code with which something throws; '' when it does not. Anything but a HuxinError goes on. */
function thrown(doing: () => unknown): string {
  try {
    doing()
    return ''
  } catch (error) {
    if (error instanceof HuxinError) return error.code
    throw error
  }
}

t.test('the header', async (t) => {
  t.equal(formatHeader(HEADER), TEXT)
  t.same(parseHeader(TEXT), HEADER)
  t.equal(Buffer.from(batchId(TEXT)).toString('hex'), hash('sha256', TEXT))
  t.same(parseHeader(`${TEXT}mood good and bad\n`).extra, ['mood good and bad'])
  t.equal(parseHeader(TEXT.replace(/item .*/, 'item -')).item, undefined)

  const rejected: readonly (readonly [title: string, from: string | RegExp, to: string])[] = [
    ['another version', '/v1', '/v2'],
    ['a space before it', 'huxin', ' huxin'],
    ['a byte order mark', 'huxin', '\ufeffhuxin'],
    ['no last line feed', /\n$/, ''],
    ['an empty line', /$/, '\n'],
    ['two spaces', 'origin ', 'origin  '],
    ['a tab', 'kind ', 'kind\t'],
    ["a space at a line's end", /evaluation\n/, 'evaluation \n'],
    ['carriage returns', /\n/g, '\r\n'],
    ['an origin without a trust domain', 'zj.example/', ''],
    ['an origin in capitals', 'zj.', 'ZJ.'],
    ['no epoch', '330825 1', '330825'],
    ['epoch 0', '330825 1\n', '330825 0\n'],
    ['an epoch with a zero before it', '330825 1\n', '330825 01\n'],
    ['an epoch that a number cannot hold', '330825 1\n', '330825 9007199254740993\n'],
    ['a provider that is too short', 'TT00000903', 'TT0000090'],
    ['a provider with a letter that no code has', 'TT', 'TI'],
    ['no lane', /lane .*\n/g, ''],
    ['lanes out of order', /(lane .*\n)(lane .*\n)/, '$2$1'],
    ['a lane twice', /(lane 330000 .*\n)/, '$1$1'],
    ['lanes of two classes', '330000 normal', '330000 bulk'],
    ['a class that is none', / normal /g, ' urgent '],
    ['a target that is none', '330000 normal', '330000/* normal'],
    ['a lane number with a zero before it', 'normal 41', 'normal 041'],
    ['a lane number below 0', 'normal 41', 'normal -1'],
    ['a lane number of 19 digits', 'normal 41', 'normal 1000000000000000000'],
    ['number 0 with a batch before it', 'normal 0 -', `normal 0 ${HASH}`],
    ['a later number without one', /41 sha256:\S+/, '41 -'],
    ['a hash in capitals', '0a0b', '0A0B'],
    ['a short hash', '1e1f\nkind', '1e\nkind'],
    ['another algorithm', 'sha256', 'sha512'],
    ['a kind in capitals', 'kind e', 'kind E'],
    ['two kinds', 'kind evaluation', 'kind evaluation case'],
    ['an item without an edition', '@2026.1', ''],
    ['a day that is none', '2026-11-23', '2026-11-31'],
    ['a time with a zone', '07Z', '07+08:00'],
    ['a time with milliseconds', '07Z', '07.000Z'],
    ['second 60', '14:07Z', '14:60Z'],
    ['no records', 'records 1000', 'records 0'],
    ['too many records', 'records 1000', `records ${limits.batchRecordsMax + 1}`],
    ['a count in another form', 'records 1000', 'records 1e3'],
    ['lines in another order', /(kind .*\n)(item .*\n)/, '$2$1'],
    ['a line left out', /created .*\n/, ''],
    ['a further line in capitals', /$/, 'Mood good\n'],
    ['a further line without a value', /$/, 'mood\n'],
    ['17 further lines', /$/, 'mood good\n'.repeat(17)],
    [
      `${limits.lanesMax + 1} lanes`,
      /lane 330000.*\nlane .*\n/,
      Array.from({ length: limits.lanesMax + 1 }, (_, i) => `lane ${100000 + i} normal 0 -\n`).join(
        '',
      ),
    ],
  ]
  for (const [title, from, to] of rejected) {
    const text = TEXT.replace(from, to)
    t.not(text, TEXT, title)
    t.equal(
      thrown(() => parseHeader(text)),
      'header_malformed',
      title,
    )
  }

  const changes: readonly Partial<BatchHeader>[] = [
    { origin: 'zj.example/330826' },
    { epoch: 2 },
    { provider: '11330825TT00000904' },
    { batchClass: 'bulk' },
    { kind: 'record' },
    { item: undefined },
    { createdMs: HEADER.createdMs + 1000 },
    { records: 999 },
    { root: Buffer.alloc(32) },
    { extra: ['mood good'] },
    { lanes: HEADER.lanes.slice(1) },
    { lanes: [HEADER.lanes[0]!, { target: '330100/**', number: 42n, previous: ROOT }] },
    { lanes: [HEADER.lanes[0]!, { target: '330100/**', number: 41n, previous: Buffer.alloc(32) }] },
    { lanes: [{ target: '**', number: 0n, previous: undefined }] },
  ]
  const ids = new Set(
    [TEXT, ...changes.map((change) => formatHeader({ ...HEADER, ...change }))].map((text) =>
      Buffer.from(batchId(text)).toString('hex'),
    ),
  )
  t.equal(ids.size, changes.length + 1, 'every field is in the id')
  for (const change of changes)
    t.same(parseHeader(formatHeader({ ...HEADER, ...change })), { ...HEADER, ...change })
})

t.test('a batch is understood by its kind, class and lines alone', async (t) => {
  const classesOf: Readonly<Record<string, string>> = {
    member: 'control',
    catalog: 'control',
    freeze: 'control',
    register: 'control',
    revocation: 'control',
    amendment: 'amendment',
    evaluation: 'normal bulk',
    recognition: 'normal bulk',
    record: 'normal bulk',
    heads: 'normal',
    access: 'normal',
    act: 'normal',
  }
  t.same(kinds.names, Object.keys(classesOf))
  for (const [kind, classes] of Object.entries(classesOf)) {
    for (const batchClass of ['control', 'amendment', 'normal', 'bulk'] as const)
      t.equal(
        kinds.of({ ...HEADER, kind, batchClass })?.name,
        classes.split(' ').includes(batchClass) ? kind : undefined,
        `${kind} ${batchClass}`,
      )
  }
  for (const change of [{ kind: 'weather' }, { kind: 'constructor' }, { extra: ['mood good'] }])
    t.equal(kinds.of({ ...HEADER, ...change }), undefined)
})

t.test('a sealed header', async (t) => {
  const signer = (name: string, byte: number) =>
    parseSignerKey(formatSignerKey(name, 'ed25519', Buffer.alloc(32, byte)))
  const own = signer(HEADER.origin, 1)
  const sealed = sealHeader(HEADER, own)
  t.equal(sealed.text, TEXT)
  t.equal(sealed.idText, hash('sha256', TEXT))
  t.match(Buffer.from(sealed.note).toString(), /\n\n— zj\.example\/330825 [A-Za-z0-9+/]+=*\n$/)
  t.doesNotThrow(() => verifyHeader(parseHeaderNote(sealed.note), parseVkey(own.vkey)))
  for (const other of [signer(HEADER.origin, 2), signer('zj.example/330826', 1)]) {
    t.equal(
      thrown(() => verifyHeader(sealed, parseVkey(other.vkey))),
      'signature_invalid',
    )
  }
  t.equal(
    thrown(() =>
      verifyHeader({ ...sealed, text: TEXT.replace('1000', '1001') }, parseVkey(own.vkey)),
    ),
    'signature_invalid',
  )
  t.equal(
    thrown(() => parseHeaderNote(Buffer.alloc(limits.headerBytesMax + 1))),
    'message_too_large',
  )
  t.equal(
    thrown(() => parseHeaderNote(Buffer.from(TEXT))),
    'note_malformed',
  )
})

const ENTRY_TEXT = `huxin/entry/v1
time 2026-11-23T01:14:08Z
from child zj.example/330825
judged 2026-11-23T01:14:07Z zj.example/330800
rules 2026.1
verdict accepted

the header, byte for byte`
const ENTRY: Entry = {
  timeMs: Date.UTC(2026, 10, 23, 1, 14, 8),
  source: { kind: 'child', node: 'zj.example/330825' },
  judged: { timeMs: Date.UTC(2026, 10, 23, 1, 14, 7), node: 'zj.example/330800' },
  rules: '2026.1',
  verdict: { accepted: true },
  header: Buffer.from('the header, byte for byte'),
}

t.test('the log entry', async (t) => {
  t.equal(Buffer.from(formatEntry(ENTRY)).toString(), ENTRY_TEXT)
  t.same(parseEntry(Buffer.from(ENTRY_TEXT)), ENTRY)
  t.equal(entryPrefixLength(Buffer.from(ENTRY_TEXT)), ENTRY_TEXT.indexOf('the header'))
  t.equal(formatJudged(ENTRY.judged), '2026-11-23T01:14:07Z zj.example/330800')
  t.same(parseJudged('2026-11-23T01:14:07Z zj.example/330800'), ENTRY.judged)
  for (const text of [
    '',
    '2026-11-23T01:14:07Z',
    '2026-11-23T01:14:07 zj.example/330800',
    '2026-11-23T01:14:07Z 330800',
    `${formatJudged(ENTRY.judged)} x`,
  ])
    t.equal(parseJudged(text), undefined, text)

  const sources: readonly (readonly [line: string, source: EntrySource])[] = [
    ['self', { kind: 'self' }],
    ['client bench', { kind: 'client', name: 'bench' }],
    ['fetched zj.example/330000', { kind: 'fetched', node: 'zj.example/330000' }],
    [
      `parent zj.example/330000/1 41 ${HASH}`,
      { kind: 'parent', log: 'zj.example/330000/1', index: 41n, leaf: ROOT },
    ],
    // 200 characters are the most that a certificate's name has; its percent-encoded form at most 600.
    [
      `client ${encodeURIComponent('浙江省杭州市西湖区交通运输局公共信用信息归集前置系统客户端')}`,
      {
        kind: 'client',
        name: encodeURIComponent('浙江省杭州市西湖区交通运输局公共信用信息归集前置系统客户端'),
      },
    ],
    [`client ${'%E5'.repeat(200)}`, { kind: 'client', name: '%E5'.repeat(200) }],
  ]
  for (const [line, source] of sources) {
    const text = ENTRY_TEXT.replace('child zj.example/330825', line)
    t.equal(Buffer.from(formatEntry({ ...ENTRY, source })).toString(), text)
    t.same(parseEntry(Buffer.from(text)), { ...ENTRY, source })
  }
  const refused: Entry = {
    ...ENTRY,
    verdict: { accepted: false, code: 'record_invalid', reasons: ROOT },
  }
  const refusedText = ENTRY_TEXT.replace('accepted', `refused record_invalid ${HASH}`)
  t.equal(Buffer.from(formatEntry(refused)).toString(), refusedText)
  t.same(parseEntry(Buffer.from(refusedText)), refused)

  const rejected: readonly (readonly [title: string, from: string | RegExp, to: string])[] = [
    ['another version', '/v1', '/v2'],
    ['no empty line', '\n\n', '\n'],
    ['a line more', 'rules', 'mood good\nrules'],
    ['a line less', /rules .*\n/, ''],
    ['no time', 'time 2026', 'time 26'],
    ['a source that is none', 'child', 'uncle'],
    ['a child without a name', 'child zj.example/330825', 'child'],
    ['a child by its id', 'child zj.example/', 'child '],
    ['self with a name', 'child zj', 'self zj'],
    ['a parent without a leaf', 'child zj.example/330825', 'parent zj.example/330000/1 4'],
    ['a parent of epoch 0', 'child zj.example/330825', `parent zj.example/330000/0 4 ${HASH}`],
    [
      'an index with a zero before it',
      'child zj.example/330825',
      `parent zj.example/330000/1 04 ${HASH}`,
    ],
    ['a client of two words', 'child zj.example/330825', 'client a b'],
    ['no judge', / zj\.example\/330800/, ''],
    ['an edition that is none', 'rules 2026.1', 'rules 2026/1'],
    ['a verdict that is none', 'accepted', 'perhaps'],
    ['accepted with more', 'accepted', 'accepted gladly'],
    ['refused without a code', 'accepted', 'refused'],
    ['refused without reasons', 'accepted', 'refused record_invalid'],
    ['refused with what is no code', 'accepted', `refused What-ever ${HASH}`],
    ['refused with a code of 65 letters', 'accepted', `refused ${'a'.repeat(65)} ${HASH}`],
    ['carriage returns', /\n/g, '\r\n'],
    ['a byte order mark', 'huxin', '\ufeffhuxin'],
  ]
  for (const [title, from, to] of rejected) {
    const text = ENTRY_TEXT.replace(from, to)
    t.not(text, ENTRY_TEXT, title)
    t.equal(
      thrown(() => parseEntry(Buffer.from(text))),
      'entry_malformed',
      title,
    )
  }
  t.equal(
    thrown(() =>
      parseEntry(
        Buffer.concat([
          Buffer.from(ENTRY_TEXT.slice(0, 20)),
          Buffer.of(0xff),
          Buffer.from(ENTRY_TEXT.slice(20)),
        ]),
      ),
    ),
    'entry_malformed',
    'not UTF-8',
  )
  t.equal(
    thrown(() => formatEntry({ ...ENTRY, header: Buffer.alloc(limits.entryBytesMax) })),
    'message_too_large',
  )
  t.equal(
    thrown(() => parseEntry(Buffer.alloc(limits.entryBytesMax + 1))),
    'entry_malformed',
  )
})

const SALT = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const counting = { fill: (bytes: Uint8Array) => bytes.map((_, i, all) => (all[i] = i)) && bytes }
const LEAF = (salt: Buffer, record: string): Buffer =>
  createHash('sha256').update(Buffer.of(0)).update(salt).update(record).digest()

t.test('the body', async (t) => {
  const body = encodeBody([Buffer.from('one'), Buffer.from('two!')], counting)
  const second = SALT.map((byte) => byte + 16)
  const literal = Buffer.concat([
    Buffer.of(0x0a, 23, 0x0a, 16),
    SALT,
    Buffer.of(0x12, 3),
    Buffer.from('one'),
    Buffer.of(0x0a, 24, 0x0a, 16),
    second,
    Buffer.of(0x12, 4),
    Buffer.from('two!'),
  ])
  t.same(Buffer.from(body.bytes), literal)
  t.same(parseBody(literal), body)
  t.same(Buffer.from(recordAt(body, 1)!).toString(), 'two!')
  const leaves = [LEAF(SALT, 'one'), LEAF(Buffer.from(second), 'two!')]
  t.same(leafHashAt(body, 0), leaves[0])
  t.same(leafHashAt(body, 1), leaves[1])
  t.same(
    Buffer.from(bodyRoot(body)),
    createHash('sha256').update(Buffer.of(1)).update(leaves[0]!).update(leaves[1]!).digest(),
  )
  t.same(
    Buffer.from(
      toBinary(
        BodySchema,
        create(BodySchema, {
          leaves: [
            create(LeafSchema, { salt: SALT, record: Buffer.from('one') }),
            create(LeafSchema, { salt: second, record: Buffer.from('two!') }),
          ],
        }),
      ),
    ),
    literal,
    'a protobuf library writes the same bytes',
  )
  t.equal(fromBinary(BodySchema, literal).leaves.length, 2)

  const erased = eraseLeaves(body, new Set([0]))
  t.same(
    Buffer.from(erased),
    Buffer.concat([Buffer.of(0x0a, 34, 0x1a, 32), leaves[0]!, literal.subarray(25)]),
  )
  const left = parseBody(erased)
  t.equal(recordAt(left, 0), undefined)
  t.same(bodyRoot(left), bodyRoot(body), 'the root stays')
  t.equal(left.erased, 1)
  t.equal(sameLeaves(left, body), true)
  t.equal(parseBody(eraseLeaves(left)).erased, 2)
  t.same(eraseLeaves(parseBody(erased), new Set([0])), erased, 'erased again it stays what it is')

  const malformed: readonly (readonly [title: string, bytes: Uint8Array])[] = [
    ['nothing', Buffer.alloc(0)],
    ['another field', replaced(literal, 0, 0x12)],
    [
      'a longer varint than needed',
      Buffer.concat([Buffer.of(0x0a, 0x97, 0), literal.subarray(2, 25)]),
    ],
    ['a leaf cut off', literal.subarray(0, 30)],
    ['a length cut off', literal.subarray(0, 26)],
    ['a leaf without a salt', Buffer.from([0x0a, 5, 0x12, 3, 1, 2, 3])],
    [
      'a salt of 15 bytes',
      Buffer.concat([Buffer.of(0x0a, 22, 0x0a, 15), SALT.subarray(1), Buffer.of(0x12, 3, 1, 2, 3)]),
    ],
    ['a salt alone', Buffer.concat([Buffer.of(0x0a, 18, 0x0a, 16), SALT])],
    ['an empty record', Buffer.concat([Buffer.of(0x0a, 20, 0x0a, 16), SALT, Buffer.of(0x12, 0)])],
    ['record before salt', Buffer.concat([Buffer.of(0x0a, 23, 0x12, 3, 1, 2, 3, 0x0a, 16), SALT])],
    ['a hash of 31 bytes', Buffer.concat([Buffer.of(0x0a, 33, 0x1a, 31), Buffer.alloc(31)])],
    [
      'a hash beside a record',
      Buffer.concat([
        Buffer.of(0x0a, 57),
        literal.subarray(2, 25),
        Buffer.of(0x1a, 32),
        Buffer.alloc(32),
      ]),
    ],
    ['a record longer than its leaf', replaced(literal, 21, 4)],
    ['a record shorter than its leaf', replaced(literal, 21, 2)],
    ['an empty leaf', Buffer.of(0x0a, 0)],
    ['a length over four bytes', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 1])],
  ]
  for (const [title, bytes] of malformed)
    t.equal(
      thrown(() => parseBody(bytes)),
      'body_malformed',
      title,
    )

  t.equal(
    thrown(() => encodeBody([Buffer.alloc(limits.recordBytesMax + 1)], counting)),
    'message_too_large',
  )
  t.equal(
    thrown(() => encodeBody([Buffer.alloc(0)], counting)),
    'argument_invalid',
  )
  t.equal(
    thrown(() => encodeBody([], counting)),
    'body_malformed',
  )
  t.equal(
    thrown(() =>
      encodeBody(
        Array.from({ length: 60 }, () => Buffer.alloc(limits.recordBytesMax)),
        counting,
      ),
    ),
    'message_too_large',
  )
  for (const length of [1, 127, 128, 16_383, 16_384, limits.recordBytesMax]) {
    const one = encodeBody([Buffer.alloc(length, 7)], counting)
    t.same(parseBody(one.bytes).leafHashes, one.leafHashes, `a record of ${length} bytes`)
  }
})

function replaced(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Buffer.from(bytes)
  copy[at] = byte
  return copy
}

t.test(
  'whatever bytes come, a parser throws its own code or reads what formats to the same bytes',
  async (t) => {
    const seed = process.env['HUXIN_SEED'] ?? 'batch'
    const random = new SeededRandom(seed)
    const mutated = (bytes: Uint8Array): Buffer => {
      let copy = Buffer.from(bytes)
      for (let i = 1 + random.below(3); i > 0; i--) {
        const at = random.below(copy.length + 1)
        const piece = copy.subarray(at, at + random.below(40))
        switch (random.below(5)) {
          case 0:
            copy[Math.min(at, copy.length - 1)] = random.below(256)
            break
          case 1:
            copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + piece.length)])
            break
          case 2:
            copy = Buffer.concat([copy.subarray(0, at), piece, copy.subarray(at)])
            break
          case 3:
            copy = Buffer.concat([
              copy.subarray(0, at),
              Buffer.from(
                random.pick([
                  '0',
                  '-',
                  ' ',
                  '\n',
                  '\n\n',
                  '**',
                  'sha256:',
                  '\u2028',
                  '\ufeff',
                  '18446744073709551616',
                ]),
              ),
              copy.subarray(at),
            ])
            break
          default:
            copy = Buffer.from(random.fill(Buffer.alloc(random.below(200))))
        }
        if (copy.length === 0) return copy
      }
      return copy
    }
    const body: Body = encodeBody(
      [Buffer.from('one'), Buffer.alloc(300, 2), Buffer.from('three')],
      counting,
    )
    const mixed = eraseLeaves(body, new Set([1]))
    const kinds: readonly (readonly [
      title: string,
      seed: Uint8Array,
      codes: readonly string[],
      again: (bytes: Buffer) => Uint8Array,
    ])[] = [
      [
        'header',
        Buffer.from(TEXT),
        ['header_malformed'],
        (bytes) => Buffer.from(formatHeader(parseHeader(bytes.toString()))),
      ],
      [
        'entry',
        Buffer.from(ENTRY_TEXT),
        ['entry_malformed'],
        (bytes) => formatEntry(parseEntry(bytes)),
      ],
      [
        'body',
        body.bytes,
        ['body_malformed', 'message_too_large'],
        (bytes) => eraseLeaves(parseBody(bytes), new Set()),
      ],
      [
        'erased body',
        mixed,
        ['body_malformed', 'message_too_large'],
        (bytes) => eraseLeaves(parseBody(bytes), new Set()),
      ],
      [
        'sealed header',
        sealHeader(
          HEADER,
          parseSignerKey(formatSignerKey(HEADER.origin, 'ed25519', Buffer.alloc(32, 1))),
        ).note,
        ['note_malformed', 'header_malformed'],
        (bytes) => {
          const { text, signatures } = parseHeaderNote(bytes)
          return Buffer.from(`${text}\n${signatures.map(({ line }) => `${line}\n`).join('')}`)
        },
      ],
    ]
    for (const [title, start, codes, again] of kinds) {
      let read = 0
      for (let i = 0; i < 4_000; i++) {
        const bytes = mutated(start)
        let out: Uint8Array | undefined
        const code = thrown(() => {
          out = again(bytes)
        })
        if (code !== '' && !codes.includes(code))
          return t.fail(`${title}: ${code} for ${bytes.toString('hex')} (seed ${seed})`)
        if (code !== '') continue
        read++
        const same =
          title === 'header'
            ? bytes.toString() === Buffer.from(out!).toString()
            : bytes.equals(out!)
        if (!same)
          return t.fail(
            `${title}: ${bytes.toString('hex')} was read as ${Buffer.from(out!).toString('hex')} (seed ${seed})`,
          )
      }
      t.ok(read > 0 && read < 4_000, `${title}: ${read} of 4,000 were read`)
    }
    return undefined
  },
)
