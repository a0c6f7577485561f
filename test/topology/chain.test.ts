import { createPublicKey, verify } from 'node:crypto'
import t, { type Test } from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { formatVkey, generateSigner, parseVkey, type Signer } from '../../src/note/key.ts'
import { parseNote } from '../../src/note/note.ts'
import { FederationState } from '../../src/topology/federation.ts'
import {
  covers,
  formatStatement,
  type MemberStatement,
  parseStatement,
} from '../../src/topology/member.ts'
import { BODY, federationOf, first, key, keys, next, type Place, signed } from './members.ts'

const NATION = 'zj.example/000000'
const PROVINCE = 'zj.example/330000'
const HANGZHOU = 'zj.example/330100'
const QUZHOU = 'zj.example/330800'
const XIHU = 'zj.example/330106'
const LONGYOU = 'zj.example/330825'

const PLACES: readonly Place[] = [
  { name: NATION, tier: 'nation', divisions: ['000000'] },
  { name: PROVINCE, tier: 'province', parent: NATION, divisions: ['330000'] },
  { name: HANGZHOU, tier: 'city', parent: PROVINCE, divisions: ['330100'] },
  { name: QUZHOU, tier: 'city', parent: PROVINCE, divisions: ['330800'] },
  { name: XIHU, tier: 'county', parent: HANGZHOU, divisions: ['330106'] },
  { name: LONGYOU, tier: 'county', parent: QUZHOU, divisions: ['330825'] },
]

/** The code and message of what a call throws; fails the test when it throws nothing. */
function thrown(t: Test, call: () => unknown): { code: string; message: string } {
  try {
    call()
  } catch (error) {
    if (error instanceof HuxinError) return { code: error.code, message: error.message }
    throw error
  }
  t.fail('nothing was thrown')
  return { code: '', message: '' }
}

// The note of proto/README.md, as its readers have it.
const LITERAL_TEXT = `huxin/member/v1
member zj.example/330825
serial 0
previous -
tier county
parent zj.example/330800
divisions 330825
body 11330825TT00000903
host -
epoch 1
note zj.example/330825+3ed612f6+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c
cosign zj.example/330825+21462f39+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU
valid 2026-01-01 2036-12-31
status active
actor 张三
document 浙信〔2026〕12号
reason 新接入
`
const LITERAL_SIGNATURE =
  'Qhqz9OhjOocB10Txoy+J3fKjRMOAf6G/T6l4Q1rr9RPrvX1vzcrf0P2IJh24T8oh15C2zyUTQ5/SUyxqIIYvGsBfoAI='

t.test(
  'the statement of the documents parses, formats to the same bytes, and OpenSSL verifies it',
  (t) => {
    const statement = parseStatement(LITERAL_TEXT)
    t.match(statement, {
      member: 'zj.example/330825',
      serial: 0,
      previous: undefined,
      tier: 'county',
      parent: 'zj.example/330800',
      divisions: ['330825'],
      body: BODY,
      host: undefined,
      epoch: 1,
      validFrom: '2026-01-01',
      validTo: '2036-12-31',
      status: 'active',
      actor: '张三',
      document: '浙信〔2026〕12号',
      reason: '新接入',
    })
    t.equal(formatStatement(statement), LITERAL_TEXT)
    // The public key of the Ed25519 seed 03…03.
    const city = createPublicKey({
      key: Buffer.from(
        '302a300506032b6570032100ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1',
        'hex',
      ),
      format: 'der',
      type: 'spki',
    })
    const signature = Buffer.from(LITERAL_SIGNATURE, 'base64').subarray(4)
    t.ok(verify(null, Buffer.from(LITERAL_TEXT), city, signature))
    t.notOk(verify(null, Buffer.from(LITERAL_TEXT.replace('county', 'city')), city, signature))
    t.end()
  },
)

t.test('every line of a statement that is mangled, missing, doubled or moved is refused', (t) => {
  const lines = LITERAL_TEXT.slice(0, -1).split('\n')
  const whole = (changed: readonly string[]): string => `${changed.join('\n')}\n`
  for (const [i, line] of lines.entries()) {
    const word = line.split(' ', 1)[0]!
    const bad = [
      lines.with(i, `${word}x${line.slice(word.length)}`),
      lines.with(i, ` ${line}`),
      lines.with(i, word),
      lines.with(i, `${word} `),
      lines.toSpliced(i, 1),
      lines.toSpliced(i, 0, line),
      lines.toSpliced(i, 1, '', line),
      i + 1 < lines.length
        ? lines.with(i, lines[i + 1]!).with(i + 1, line)
        : lines.toSpliced(i, 1).toSpliced(0, 0, line),
    ]
    for (const changed of bad.filter((one) => whole(one) !== LITERAL_TEXT))
      t.equal(
        thrown(t, () => parseStatement(whole(changed))).code,
        'statement_malformed',
        JSON.stringify(changed[i]),
      )
  }
  const values: Readonly<Record<string, readonly string[]>> = {
    member: [
      '330825',
      'zj.example/',
      'ZJ.example/330825',
      'zj.example/330825/1',
      'zj.example/330826',
      `zj.example/${'9'.repeat(33)}`,
    ],
    serial: ['-1', '00', '01', '1.0', '1', '1e3', '10000000000'],
    previous: ['sha256:', `sha256:${'0'.repeat(64)}`, 'none'],
    tier: ['County', 'town', 'county ', 'toString'],
    parent: ['330800', '--', 'zj.example/330800 '],
    divisions: [
      '33082',
      '330825 330825',
      '330826 330825',
      '330825  330826',
      '330825,330826',
      '330825 ',
    ],
    body: ['11330825TT0000090', '11330825TT0000090I', '-'],
    host: ['', '0', '11330825tt00000903'],
    epoch: ['0', '01', '-'],
    note: [
      '-',
      'zj.example/330825+3ed612f7+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c',
      lines[11]!.slice(7),
      key('zj.example/330826').vkey,
    ],
    cosign: ['-', lines[10]!.slice(5), key('zj.example/330826', '1', 'cosignature').vkey],
    valid: [
      '2026-01-01',
      '2036-12-31 2026-01-01',
      '2026-02-29 2036-12-31',
      '2026-01-01 2036-12-31 x',
      '2026-1-1 2036-12-31',
    ],
    status: ['Active', 'deleted', 'active '],
    reason: ['x'.repeat(2_001)],
  }
  for (const [name, list] of Object.entries(values)) {
    const i = lines.findIndex((line) => line.startsWith(`${name} `))
    for (const value of list)
      t.equal(
        thrown(t, () => parseStatement(whole(lines.with(i, `${name} ${value}`)))).code,
        'statement_malformed',
        `${name} ${value.slice(0, 80)}`,
      )
  }
  t.equal(thrown(t, () => parseStatement(LITERAL_TEXT.slice(0, -1))).code, 'statement_malformed')
  t.equal(thrown(t, () => parseStatement('')).code, 'statement_malformed')
  t.end()
})

t.test('a member is found by name and by id, with its place and its history', (t) => {
  const federation = federationOf(PLACES)
  t.equal(federation.member('330825'), federation.member(LONGYOU))
  t.same(
    federation.lineage('330825').map(({ id }) => id),
    ['000000', '330000', '330800', '330825'],
  )
  t.same(
    federation.children('330000').map(({ id }) => id),
    ['330100', '330800'],
  )
  t.same(
    federation.roots().map(({ id }) => id),
    ['000000'],
  )
  t.equal(federation.all().length, 6)
  t.ok(federation.isWithin('330825', '330000') && federation.isWithin('330825', '330825'))
  t.notOk(
    federation.isWithin('330825', '330100') ||
      federation.isWithin('330000', '330825') ||
      federation.isWithin('x', 'x'),
  )
  t.same(
    [
      federation.member('x'),
      federation.member('cn.example/330825'),
      federation.member('constructor'),
      federation.history('x'),
      federation.lineage('x'),
    ],
    [undefined, undefined, undefined, [], []],
  )
  t.end()
})

/** A statement about Longyou, Quzhou or another, with the signers, that must go through or be refused. */
interface Case {
  readonly title: string
  readonly of?: string
  readonly changes: Partial<MemberStatement>
  readonly by: readonly Signer[]
  /** Part of the message of statement_invalid; undefined when the statement is in order. */
  readonly refused?: RegExp
}

const NEW = keys(LONGYOU, '2')
const CASES: readonly Case[] = [
  {
    title: 'the parent changes the operating body',
    changes: { body: '11330800TT0000000X' },
    by: [key(QUZHOU)],
  },
  { title: 'the parent suspends', changes: { status: 'suspended' }, by: [key(QUZHOU)] },
  {
    title: 'the member changes itself',
    changes: { body: '11330800TT0000000X' },
    by: [key(LONGYOU)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'the parent of the parent suspends',
    changes: { status: 'suspended' },
    by: [key(PROVINCE)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'a sibling of the parent suspends',
    changes: { status: 'suspended' },
    by: [key(HANGZHOU)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: "another key of the parent's name suspends",
    changes: { status: 'suspended' },
    by: [key(QUZHOU, '2')],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'nobody known signs',
    changes: {},
    by: [key('zj.example/999999')],
    refused: /is not signed/,
  },
  {
    title: 'the parent changes the note key alone',
    changes: { noteVkey: NEW.noteVkey },
    by: [key(QUZHOU)],
    refused: /is not signed by zj.example\/330825/,
  },
  {
    title: 'the parent changes the cosigner key alone',
    changes: { cosignVkey: NEW.cosignVkey },
    by: [key(QUZHOU)],
    refused: /is not signed by zj.example\/330825/,
  },
  {
    title: 'the parent and the new key change the note key',
    changes: NEW,
    by: [key(QUZHOU), key(LONGYOU, '2')],
    refused: /is not signed by zj.example\/330825/,
  },
  {
    title: 'the old key changes the note key alone',
    changes: NEW,
    by: [key(LONGYOU)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'the parent and the old key change the keys',
    changes: NEW,
    by: [key(QUZHOU), key(LONGYOU)],
  },
  {
    title: "the parent's parent changes the keys within the epoch",
    changes: NEW,
    by: [key(PROVINCE), key(QUZHOU)],
    refused: /is not signed by zj.example\/330825/,
  },
  {
    title: 'the parent alone begins a new epoch',
    changes: { epoch: 2, ...NEW },
    by: [key(QUZHOU)],
    refused: /is not signed by zj.example\/330825 \(a new epoch/,
  },
  {
    title: 'the parent and the new key begin a new epoch',
    changes: { epoch: 2, ...NEW },
    by: [key(QUZHOU), key(LONGYOU, '2')],
    refused: /is not signed by zj.example\/330825/,
  },
  {
    title: 'the parent and the old key begin a new epoch',
    changes: { epoch: 2, ...NEW },
    by: [key(QUZHOU), key(LONGYOU)],
  },
  {
    title: "the old key is lost and the parent's parent begins a new epoch",
    changes: { epoch: 2, ...NEW },
    by: [key(PROVINCE)],
  },
  {
    title: 'the root begins a new epoch two tiers below its children',
    changes: { epoch: 2, ...NEW },
    by: [key(NATION)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'the root begins a new epoch of its child, which has no other',
    of: PROVINCE,
    changes: { epoch: 2, ...keys(PROVINCE, '2') },
    by: [key(NATION)],
  },
  {
    title: 'an epoch is skipped',
    changes: { epoch: 3, ...NEW },
    by: [key(QUZHOU), key(LONGYOU), key(PROVINCE)],
    refused: /goes from epoch 1 to 3/,
  },
  {
    title: 'the root changes its key with its old one',
    of: NATION,
    changes: { epoch: 2, ...keys(NATION, '2') },
    by: [key(NATION)],
  },
  {
    title: 'the root changes its key with the new one alone',
    of: NATION,
    changes: { epoch: 2, ...keys(NATION, '2') },
    by: [key(NATION, '2')],
    refused: /is not signed by zj.example\/000000/,
  },
  {
    title: 'old and new parent move a member',
    changes: { parent: HANGZHOU, divisions: ['330106'] },
    by: [key(QUZHOU), key(HANGZHOU)],
  },
  {
    title: 'the new parent alone moves a member',
    changes: { parent: HANGZHOU, divisions: [] },
    by: [key(HANGZHOU)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'the old parent alone moves a member',
    changes: { parent: HANGZHOU, divisions: [] },
    by: [key(QUZHOU)],
    refused: /is not signed by zj.example\/330100/,
  },
  {
    title: "a new epoch by the parent's parent moves a member too",
    changes: { epoch: 2, ...NEW, parent: HANGZHOU, divisions: [] },
    by: [key(PROVINCE)],
    refused: /is not signed by zj.example\/330800/,
  },
  {
    title: 'a move keeps divisions that the new parent does not serve',
    changes: { parent: HANGZHOU },
    by: [key(QUZHOU), key(HANGZHOU)],
    refused: /serves 330825, which its parent zj.example\/330100 does not serve/,
  },
  {
    title: 'a county claims to be a city',
    changes: { tier: 'city' },
    by: [key(QUZHOU)],
    refused: /is of tier city, which is not below city/,
  },
  {
    title: 'a county claims to be a province',
    changes: { tier: 'province' },
    by: [key(QUZHOU)],
    refused: /is of tier province, which is not below city/,
  },
  {
    title: 'a county claims a division of another city',
    changes: { divisions: ['330106', '330825'] },
    by: [key(QUZHOU)],
    refused: /serves 330106/,
  },
  {
    title: 'a county leaves the tree',
    changes: { parent: undefined },
    by: [key(QUZHOU), key(LONGYOU)],
    refused: /has no parent and is not a pinned root/,
  },
  {
    title: 'a city becomes a county above its county',
    of: QUZHOU,
    changes: { tier: 'county' },
    by: [key(PROVINCE)],
    refused: /is not above county of its child zj.example\/330825/,
  },
  {
    title: 'a city gives up a division that its county serves',
    of: QUZHOU,
    changes: { divisions: ['330803'] },
    by: [key(PROVINCE)],
    refused: /gives up 330825, which its child zj.example\/330825 serves/,
  },
  {
    title: 'a city moves below its own county',
    of: QUZHOU,
    changes: { parent: LONGYOU, tier: 'county' },
    by: [key(PROVINCE), key(LONGYOU)],
    refused: /is not above county of its child/,
  },
  {
    title: 'a city moves below itself',
    of: QUZHOU,
    changes: { parent: QUZHOU },
    by: [key(PROVINCE), key(QUZHOU)],
    refused: /is of tier city, which is not below city/,
  },
  {
    title: 'the root moves below the province',
    of: NATION,
    changes: { parent: PROVINCE, tier: 'county', divisions: [] },
    by: [key(NATION), key(PROVINCE)],
    refused: /is not above province/,
  },
  {
    title: 'another statement is named as the previous one',
    changes: { previous: new Uint8Array(32) },
    by: [key(QUZHOU)],
    refused: /does not name the statement before it/,
  },
]

t.test('who signed, and what for, decides whether a statement follows', (t) => {
  const federation = federationOf(PLACES)
  for (const { title, of = LONGYOU, changes, by, refused } of CASES) {
    const note = signed(next(federation.member(of)!, changes), ...by)
    if (!refused) {
      t.equal(federation.checkStatement(note).kind, 'new', title)
      continue
    }
    const { code, message } = thrown(t, () => federation.checkStatement(note))
    t.equal(code, 'statement_invalid', title)
    t.match(message, refused, title)
    t.throws(() => federation.applyStatement(note), title)
  }
  t.equal(federation.member(LONGYOU)!.serial, 0, 'checking changed nothing')
  t.end()
})

t.test(
  'a first statement comes from the parent, begins with epoch 1 and takes no id of another',
  (t) => {
    const federation = federationOf(PLACES)
    const wanted = first({
      name: 'zj.example/330803',
      tier: 'county',
      parent: QUZHOU,
      divisions: ['330803'],
    })
    t.equal(federation.checkStatement(signed(wanted, key(QUZHOU))).kind, 'new')
    const refused: readonly [MemberStatement, Signer, string, RegExp][] = [
      [wanted, key(PROVINCE), 'statement_invalid', /is not signed by zj.example\/330800/],
      [
        wanted,
        key('zj.example/330803'),
        'statement_invalid',
        /is not signed by zj.example\/330800/,
      ],
      [{ ...wanted, epoch: 2 }, key(QUZHOU), 'statement_invalid', /begins with epoch 2/],
      [
        { ...wanted, parent: 'zj.example/330900' },
        key(QUZHOU),
        'member_unknown',
        /parent zj.example\/330900 .* is not known yet/,
      ],
      [
        { ...wanted, serial: 1, previous: new Uint8Array(32) },
        key(QUZHOU),
        'member_unknown',
        /came before statement 0/,
      ],
      [
        { ...wanted, parent: undefined },
        key('zj.example/330803'),
        'statement_invalid',
        /has no parent and is not a pinned root/,
      ],
      [
        { ...first({ name: 'cn.example/330825', tier: 'county', parent: QUZHOU }) },
        key(QUZHOU),
        'statement_invalid',
        /takes the id 330825 of zj.example\/330825/,
      ],
      [
        { ...first({ name: 'cn.example/000000', tier: 'county', parent: QUZHOU }) },
        key(QUZHOU),
        'statement_invalid',
        /takes the id 000000 of zj.example\/000000/,
      ],
    ]
    for (const [statement, signer, code, message] of refused)
      t.match(
        thrown(t, () => federation.checkStatement(signed(statement, signer))),
        { code, message },
      )
    t.end()
  },
)

t.test('a retired member does not come back', (t) => {
  const federation = federationOf(PLACES)
  federation.applyStatement(
    signed(next(federation.member(LONGYOU)!, { status: 'retired' }), key(QUZHOU)),
  )
  const back = signed(next(federation.member(LONGYOU)!, { status: 'active' }), key(QUZHOU))
  t.match(
    thrown(t, () => federation.checkStatement(back)),
    { code: 'statement_invalid', message: /brings back a retired member/ },
  )
  t.end()
})

t.test('a statement is new, known, too early, or another one with a serial that is taken', (t) => {
  const federation = federationOf(PLACES)
  const one = next(federation.member(LONGYOU)!, { status: 'suspended' })
  const note = signed(one, key(QUZHOU))
  t.same(federation.compareSerial(note), { kind: 'new' })
  t.equal(federation.applyStatement(note)?.status, 'suspended')
  t.same(federation.compareSerial(note), { kind: 'duplicate' })
  t.equal(federation.checkStatement(note).kind, 'duplicate')
  t.equal(federation.applyStatement(note), undefined, 'replayed, it changes nothing')
  const firstNote = federation.history(LONGYOU)[0]!
  t.same(federation.compareSerial(firstNote), { kind: 'duplicate' }, 'an old one is known too')
  t.equal(federation.applyStatement(firstNote), undefined)
  t.equal(federation.member(LONGYOU)!.serial, 1)

  const skipped = signed({ ...next(federation.member(LONGYOU)!), serial: 3 }, key(QUZHOU))
  t.same(federation.compareSerial(skipped), { kind: 'gap', wanted: 2 })
  t.match(
    thrown(t, () => federation.checkStatement(skipped)),
    { code: 'member_unknown', message: /statement 3 .* came before statement 2/ },
  )

  const other = signed({ ...one, status: 'retired' }, key(QUZHOU))
  t.same(federation.compareSerial(other), {
    kind: 'conflict',
    earlier: note,
    later: other,
    signers: [QUZHOU],
  })
  t.match(
    thrown(t, () => federation.applyStatement(other)),
    {
      code: 'statement_invalid',
      message: /stays in force: both are evidence against zj.example\/330800/,
    },
  )
  t.equal(federation.member(LONGYOU)!.status, 'suspended', 'the earlier stays in force')

  const forged = signed({ ...one, status: 'retired' }, key(QUZHOU, 'thief'), key(LONGYOU))
  t.match(
    federation.compareSerial(forged),
    { kind: 'conflict', signers: [] },
    'what its signer did not sign is no evidence',
  )
  t.notMatch(thrown(t, () => federation.applyStatement(forged)).message, /evidence/)
  t.end()
})

t.test(
  'a signer whose key changed since is still guilty of two statements with one serial',
  (t) => {
    const federation = federationOf(PLACES)
    const other = signed({ ...first(PLACES[5]!), reason: 'another' }, key(QUZHOU))
    federation.applyStatement(
      signed(
        next(federation.member(QUZHOU)!, { epoch: 2, ...keys(QUZHOU, '2') }),
        key(PROVINCE),
        key(QUZHOU),
      ),
    )
    t.match(federation.compareSerial(other), { kind: 'conflict', signers: [QUZHOU] })
    t.end()
  },
)

t.test('the keys of every epoch stay known, and the new key speaks from then on', (t) => {
  const federation = federationOf(PLACES)
  federation.applyStatement(
    signed(
      next(federation.member(QUZHOU)!, { epoch: 2, ...keys(QUZHOU, '2') }),
      key(PROVINCE),
      key(QUZHOU),
    ),
  )
  t.same(federation.member(QUZHOU)!.epochs, [
    { epoch: 1, ...keys(QUZHOU, '1') },
    { epoch: 2, ...keys(QUZHOU, '2') },
  ])
  const suspended = next(federation.member(LONGYOU)!, { status: 'suspended' })
  t.equal(
    thrown(t, () => federation.checkStatement(signed(suspended, key(QUZHOU)))).code,
    'statement_invalid',
  )
  t.equal(federation.checkStatement(signed(suspended, key(QUZHOU, '2'))).kind, 'new')
  federation.applyStatement(
    signed(next(federation.member(LONGYOU)!, keys(LONGYOU, '2')), key(QUZHOU, '2'), key(LONGYOU)),
  )
  t.same(
    federation.member(LONGYOU)!.epochs,
    [{ epoch: 1, ...keys(LONGYOU, '2') }],
    'within an epoch the new keys take the place of the old',
  )
  t.end()
})

t.test('statements of one batch are checked one after the other', (t) => {
  const federation = federationOf(PLACES)
  const city = signed(
    first({ name: 'zj.example/330700', tier: 'city', parent: PROVINCE, divisions: ['330700'] }),
    key(PROVINCE),
  )
  const county = signed(
    first({
      name: 'zj.example/330782',
      tier: 'county',
      parent: 'zj.example/330700',
      divisions: ['330782'],
    }),
    key('zj.example/330700'),
  )
  federation.checkStatements([city, county])
  t.equal(federation.member('330700'), undefined, 'nothing was applied')
  t.same(federation.children('330000').length, 2)
  t.match(
    thrown(t, () => federation.checkStatements([county, city])),
    { code: 'member_unknown' },
  )

  const one = next(federation.member(LONGYOU)!, { status: 'suspended' })
  const [suspend, retire] = [
    signed(one, key(QUZHOU)),
    signed({ ...one, status: 'retired' }, key(QUZHOU)),
  ]
  federation.checkStatements([suspend])
  federation.checkStatements([retire])
  federation.checkStatements([suspend, suspend])
  t.match(
    thrown(t, () => federation.checkStatements([suspend, retire])),
    { code: 'statement_invalid', message: /evidence against zj.example\/330800/ },
  )
  const [ours, theirs] = ['zj.example/330803', 'cn.example/330803'].map((name) =>
    signed(first({ name, tier: 'county', parent: QUZHOU }), key(QUZHOU)),
  )
  t.match(
    thrown(t, () => federation.checkStatements([ours!, theirs!], { placed: false })),
    { code: 'statement_invalid', message: /takes the id 330803/ },
  )
  t.equal(federation.member(LONGYOU)!.serial, 0)
  t.end()
})

t.test('a move takes everything below along', (t) => {
  const federation = federationOf([
    { name: NATION, tier: 'nation', divisions: ['000000'] },
    { name: PROVINCE, tier: 'province', parent: NATION, divisions: ['330000'] },
    { name: 'zj.example/340000', tier: 'province', parent: NATION, divisions: ['340000'] },
    { name: QUZHOU, tier: 'city', parent: PROVINCE },
    { name: LONGYOU, tier: 'county', parent: QUZHOU },
  ])
  federation.applyStatement(
    signed(
      next(federation.member(QUZHOU)!, { parent: 'zj.example/340000' }),
      key(PROVINCE),
      key('zj.example/340000'),
    ),
  )
  t.same(federation.children(PROVINCE), [])
  t.same(
    federation.children('340000').map(({ id }) => id),
    ['330800'],
  )
  t.same(
    federation.lineage(LONGYOU).map(({ id }) => id),
    ['000000', '340000', '330800', '330825'],
  )
  t.equal(
    thrown(t, () =>
      federation.checkStatement(signed(next(federation.member(QUZHOU)!), key(PROVINCE))),
    ).code,
    'statement_invalid',
    'the old parent has no say any more',
  )
  t.end()
})

t.test(
  'a province with its own root is grafted under a nation and keeps ids, log origins and evidence',
  (t) => {
    const ROOT = 'cn.example/000000'
    const anchors = [
      { name: PROVINCE, vkey: key(PROVINCE).vkey },
      { name: ROOT, vkey: key(ROOT).vkey },
    ]
    const federation = FederationState.from(anchors)
    federation.applyStatement(
      signed(first({ name: PROVINCE, tier: 'province', divisions: ['330000'] }), key(PROVINCE)),
    )
    federation.applyStatement(
      signed(
        first({ name: QUZHOU, tier: 'city', parent: PROVINCE, divisions: ['330800'] }),
        key(PROVINCE),
      ),
    )
    const before = federation.member(QUZHOU)!
    const provinceBefore = federation.member(PROVINCE)!
    const graft = next(provinceBefore, { parent: ROOT, reason: '接入国家平台' })
    t.equal(
      thrown(t, () => federation.checkStatement(signed(graft, key(PROVINCE), key(ROOT)))).code,
      'member_unknown',
      'the new root has not spoken yet',
    )

    const root = signed(first({ name: ROOT, tier: 'nation', divisions: ['000000'] }), key(ROOT))
    t.equal(
      thrown(t, () => FederationState.from(anchors.slice(0, 1)).checkStatement(root)).code,
      'statement_invalid',
      'it must be pinned',
    )
    federation.applyStatement(root)
    t.same(
      federation.roots().map(({ name }) => name),
      [PROVINCE, ROOT],
    )
    for (const by of [[key(PROVINCE)], [key(ROOT)], [key(ROOT), key(QUZHOU)]]) {
      t.equal(
        thrown(t, () => federation.checkStatement(signed(graft, ...by))).code,
        'statement_invalid',
        by.map(({ name }) => name).join(),
      )
    }
    federation.applyStatement(signed(graft, key(PROVINCE), key(ROOT)))
    t.same(
      federation.roots().map(({ name }) => name),
      [ROOT],
    )
    t.same(
      federation.lineage(QUZHOU).map(({ name }) => name),
      [ROOT, PROVINCE, QUZHOU],
    )
    t.equal(federation.member(QUZHOU), before, 'nothing below was touched')
    t.same(
      federation.member(PROVINCE)!.epochs,
      provinceBefore.epochs,
      'the same epoch, so the same log origin and keys',
    )
    t.equal(federation.history(PROVINCE).length, 2)
    const collision = first({ name: 'cn.example/330800', tier: 'city', parent: ROOT })
    t.match(
      thrown(t, () => federation.checkStatement(signed(collision, key(ROOT)))),
      { code: 'statement_invalid', message: /takes the id 330800 of zj.example\/330800/ },
    )
    const alone = next(federation.member(PROVINCE)!, {
      status: 'active',
      body: '11330800TT0000000X',
    })
    t.equal(
      thrown(t, () => federation.checkStatement(signed(alone, key(PROVINCE)))).code,
      'statement_invalid',
      'it no longer speaks for itself',
    )
    t.equal(federation.checkStatement(signed(alone, key(ROOT))).kind, 'new')
    t.end()
  },
)

t.test('pinned roots have keys of their own names and ids of their own', (t) => {
  const vkey = key(PROVINCE).vkey
  t.match(
    thrown(t, () => FederationState.from([{ name: QUZHOU, vkey }])),
    { code: 'config_invalid' },
  )
  t.match(
    thrown(t, () =>
      FederationState.from([{ name: PROVINCE, vkey: key(PROVINCE, '1', 'cosignature').vkey }]),
    ),
    { code: 'config_invalid' },
  )
  t.match(
    thrown(t, () => FederationState.from([{ name: PROVINCE, vkey: `${vkey}=` }])),
    { code: 'note_malformed' },
  )
  t.match(
    thrown(t, () =>
      FederationState.from([
        { name: PROVINCE, vkey },
        { name: 'cn.example/330000', vkey: key('cn.example/330000').vkey },
      ]),
    ),
    { code: 'config_invalid' },
  )
  const federation = FederationState.from([{ name: PROVINCE, vkey }])
  t.match(
    thrown(t, () =>
      federation.checkStatement(
        signed(first({ name: PROVINCE, tier: 'province' }), key(PROVINCE, '2')),
      ),
    ),
    { code: 'statement_invalid' },
  )
  t.equal(
    federation.member('330000')?.noteVkey,
    vkey,
    'a root answers with its pinned key before its first statement',
  )
  t.end()
})

t.test('divisions are covered by name and by the province or prefecture code above them', (t) => {
  const rows: readonly [string, string, boolean][] = [
    ['000000', '330825', true],
    ['000000', '710000', true],
    ['330000', '330825', true],
    ['330000', '330000', true],
    ['330800', '330825', true],
    ['330800', '330800', true],
    ['330800', '330106', false],
    ['330800', '330000', false],
    ['330825', '330826', false],
    ['330000', '340100', false],
    ['420000', '429004', true],
    ['429000', '429004', true],
    ['440000', '441900', true],
    ['441900', '441900', true],
    ['650000', '659001', true],
    ['310000', '310115', true],
  ]
  for (const [own, code, expected] of rows) t.equal(covers([own], code), expected, `${own} ${code}`)
  t.notOk(covers([], '330825'))
  t.ok(covers(['330106', '330825'], '330825'))
  t.end()
})

t.test('3,400 members are folded in one sweep, and asked without a walk over all of them', (t) => {
  const places: Place[] = [{ name: NATION, tier: 'nation', divisions: ['000000'] }]
  for (let p = 11; p < 45; p++) {
    const province = `zj.example/${p}0000`
    places.push({ name: province, tier: 'province', parent: NATION, divisions: [`${p}0000`] })
    for (let c = 1; c <= 9; c++) {
      const city = `zj.example/${p}0${c}00`
      places.push({ name: city, tier: 'city', parent: province, divisions: [`${p}0${c}00`] })
      for (let d = 1; d <= 10; d++) {
        const code = `${p}0${c}${String(d).padStart(2, '0')}`
        places.push({ name: `zj.example/${code}`, tier: 'county', parent: city, divisions: [code] })
      }
    }
  }
  // One key pair under every name: making 10,000 is not what is tried here.
  const seed = new Uint8Array(32).fill(7)
  const { publicKey } = parseVkey(generateSigner(NATION, 'ed25519', seed).vkey)
  const signers = new Map(
    places
      .filter(({ tier }) => tier !== 'county')
      .map(({ name }) => [name, generateSigner(name, 'ed25519', seed)]),
  )
  const federation = FederationState.from([{ name: NATION, vkey: signers.get(NATION)!.vkey }])
  for (const place of places) {
    const vkeys = {
      noteVkey: formatVkey(place.name, 'ed25519', publicKey),
      cosignVkey: formatVkey(place.name, 'cosignature', publicKey),
    }
    federation.applyStatement(signed(first(place, vkeys), signers.get(place.parent ?? NATION)!))
  }
  t.equal(federation.all().length, 1 + 34 * (1 + 9 * 11))
  let within = 0
  for (const { id } of federation.all()) {
    // 3,401 times 3,401 steps would outlast the patience of the runner.
    for (let i = 0; i < 100; i++)
      if (federation.isWithin(id, '330100') || federation.isWithin('330106', id)) within++
  }
  t.equal(within, (11 + 2) * 100)
  t.equal(federation.fork().all().length, 3_401)
  t.end()
})

t.test('no bytes make the parsers throw anything but their errors', (t) => {
  const federation = federationOf(PLACES)
  const note = Buffer.from(
    signed(next(federation.member(LONGYOU)!, { status: 'suspended' }), key(QUZHOU)),
  )
  const random = new SeededRandom('topology/statements')
  const allowed = ['note_malformed', 'statement_malformed', 'statement_invalid', 'member_unknown']
  let passed = 0
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(note)
    for (let flips = random.below(3); flips >= 0; flips--)
      bytes[random.below(bytes.length)] = random.below(256)
    const cut = random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
    try {
      federation.checkStatement(cut)
      passed++
      if (!cut.equals(note) && parseNote(cut).text !== parseNote(note).text)
        t.fail(`round ${round}: a changed statement was accepted`)
    } catch (error) {
      if (!(error instanceof HuxinError) || !allowed.includes(error.code))
        t.fail(`round ${round}: ${String(error)}`)
    }
  }
  t.ok(passed < 100, 'a changed byte is noticed')
  t.end()
})
