import t, { type Test } from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import type { Signer } from '../../src/note/key.ts'
import { parseVkey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { FederationState } from '../../src/topology/federation.ts'
import {
  type Application,
  formatJoinFile,
  type JoinFile,
  parseJoinFile,
  signApplication,
  trustOf,
  verifyApplication,
} from '../../src/topology/join.ts'
import { batchClasses, laneKey, parseLaneKey } from '../../src/topology/lane.ts'
import {
  formatReceiptNote,
  parseReceiptNote,
  type ReceiptNote,
} from '../../src/topology/receipt.ts'
import {
  intersectsSubtree,
  leavesSubtree,
  parseTarget,
  targetReaches,
  targetWithin,
} from '../../src/topology/target.ts'
import { isAbove, isTier, nodeId, tiers } from '../../src/topology/tier.ts'
import { BODY, federationOf, first, key, keys, next, type Place, signed } from './members.ts'

const full = (id: string): string => `zj.example/${id}`

/** Code of what a call throws; anything but a HuxinError goes on. */
function code(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (error instanceof HuxinError) return error.code
    throw error
  }
  return 'nothing'
}

/**
 * China's irregular trees: a municipality without cities, a county directly under a province, a city
 * without counties, the Corps beside the province whose codes it uses, and a city with its own line to the
 * nation within the digits of a province that is not its parent.
 */
const IRREGULAR: readonly Place[] = [
  { name: full('000000'), tier: 'nation', divisions: ['000000'] },
  { name: full('310000'), tier: 'province', parent: full('000000'), divisions: ['310000'] },
  { name: full('310115'), tier: 'county', parent: full('310000'), divisions: ['310115'] },
  { name: full('330000'), tier: 'province', parent: full('000000'), divisions: ['330000'] },
  { name: full('330100'), tier: 'city', parent: full('330000'), divisions: ['330100'] },
  { name: full('330106'), tier: 'county', parent: full('330100'), divisions: ['330106'] },
  { name: full('330110'), tier: 'county', parent: full('330100'), divisions: ['330110'] },
  { name: full('330200'), tier: 'city', parent: full('000000'), divisions: ['330200'] },
  { name: full('330203'), tier: 'county', parent: full('330200'), divisions: ['330203'] },
  { name: full('420000'), tier: 'province', parent: full('000000'), divisions: ['420000'] },
  { name: full('429004'), tier: 'county', parent: full('420000'), divisions: ['429004'] },
  { name: full('440000'), tier: 'province', parent: full('000000'), divisions: ['440000'] },
  { name: full('441900'), tier: 'city', parent: full('440000'), divisions: ['441900'] },
  { name: full('650000'), tier: 'province', parent: full('000000'), divisions: ['650000'] },
  { name: full('xpcc'), tier: 'province', parent: full('000000'), divisions: ['659001', '659002'] },
  { name: full('659001'), tier: 'city', parent: full('xpcc'), divisions: ['659001'] },
]

t.test('a target is a node, a subtree or everyone, and nothing else', (t) => {
  t.same(parseTarget('330106'), { kind: 'node', id: '330106' })
  t.same(parseTarget('330100/**'), { kind: 'subtree', id: '330100' })
  t.same(parseTarget('xpcc'), { kind: 'node', id: 'xpcc' })
  t.same(parseTarget('**'), { kind: 'everyone' })
  for (const bad of [
    '',
    '*',
    '***',
    '330106/*',
    '330106/',
    '/**',
    '330106/**/',
    '330106/***',
    '33 0106',
    '330106\n',
    'zj.example/330106',
    'A',
    `${'9'.repeat(33)}`,
    '330100/330106',
    '330100/**\n',
  ]) {
    t.equal(parseTarget(bad), undefined, JSON.stringify(bad))
  }
  t.end()
})

t.test('a tier is above those after it', (t) => {
  t.same(tiers, ['nation', 'province', 'city', 'county'])
  t.ok(
    isAbove('nation', 'province') && isAbove('province', 'county') && isAbove('nation', 'county'),
  )
  t.notOk(isAbove('city', 'city') || isAbove('county', 'city'))
  t.ok(isTier('city'))
  t.notOk(isTier('town') || isTier(''))
  t.same([nodeId('zj.example/330825'), nodeId('330825')], ['330825', '330825'])
  t.end()
})

/** target, node, reaches the node, intersects its subtree, leaves its subtree */
const ROUTES: readonly [string, string, boolean, boolean, boolean][] = [
  ['330106', '330106', true, true, false],
  ['330106', '330100', false, true, false],
  ['330106', '330000', false, true, false],
  ['330106', '000000', false, true, false],
  ['330106', '330110', false, false, true],
  ['330106', '420000', false, false, true],
  ['330100', '330106', false, false, true],
  ['330100', '330100', true, true, false],
  ['330100/**', '330106', true, true, true],
  ['330100/**', '330100', true, true, false],
  ['330100/**', '330000', false, true, false],
  ['330100/**', '310115', false, false, true],
  ['330106/**', '330106', true, true, false],
  ['000000/**', '000000', true, true, false],
  ['000000/**', '659001', true, true, true],
  ['**', '000000', true, true, false],
  ['**', '330000', true, true, true],
  ['**', '330106', true, true, true],
  // a municipality's districts are children of a province
  ['310000/**', '310115', true, true, true],
  ['310115', '310000', false, true, false],
  // a county directly under its province, whose digits name no city that is a node
  ['420000/**', '429004', true, true, true],
  ['429004', '420000', false, true, false],
  // a city without counties
  ['441900/**', '441900', true, true, false],
  ['440000/**', '441900', true, true, true],
  // the Corps: the digits say Xinjiang, the parent says otherwise
  ['650000/**', '659001', false, false, true],
  ['xpcc/**', '659001', true, true, true],
  ['659001', '650000', false, false, true],
  ['659001', 'xpcc', false, true, false],
  // a city with a line of its own to the nation
  ['330000/**', '330200', false, false, true],
  ['330000/**', '330203', false, false, true],
  ['330203', '330000', false, false, true],
  ['330203', '330200', false, true, false],
  ['330200/**', '000000', false, true, false],
  // unknown here: it may lie anywhere above
  ['990000', '330000', false, false, true],
  ['990000/**', '330000', false, false, true],
  ['990000', '000000', false, false, true],
  ['no target', '330000', false, false, false],
]

t.test(
  'targets reach, enter and leave the subtrees of irregular trees by stated parents, not by digits',
  (t) => {
    const federation = federationOf(IRREGULAR)
    for (const [target, node, reaches, intersects, leaves] of ROUTES) {
      for (const name of [node, full(node)]) {
        t.same(
          [
            targetReaches(target, name, federation),
            intersectsSubtree(target, name, federation),
            leavesSubtree(target, name, federation),
          ],
          [reaches, intersects, leaves],
          `${target} at ${name}`,
        )
      }
    }
    t.end()
  },
)

t.test('intersecting and leaving agree with a count over all members', (t) => {
  const federation = federationOf(IRREGULAR)
  const members = federation.all()
  const targets = ['**', ...members.flatMap(({ id }) => [id, `${id}/**`])]
  for (const target of targets) {
    const addressed = members.filter(({ id }) => targetReaches(target, id, federation))
    t.ok(addressed.length > 0, target)
    for (const { id } of members) {
      const inside = addressed.filter((member) => federation.isWithin(member.id, id)).length
      if (intersectsSubtree(target, id, federation) !== inside > 0)
        t.fail(`${target} intersects ${id}`)
      if (leavesSubtree(target, id, federation) !== inside < addressed.length)
        t.fail(`${target} leaves ${id}`)
    }
  }
  t.end()
})

t.test('a batch for everyone leaves a root as long as another root stands beside it', (t) => {
  const beside = federationOf([
    { name: full('330000'), tier: 'province' },
    { name: 'cn.example/000000', tier: 'nation' },
  ])
  t.equal(leavesSubtree('**', '330000', beside), true)
  t.equal(
    leavesSubtree('**', '330000', federationOf([{ name: full('330000'), tier: 'province' }])),
    false,
  )
  t.end()
})

t.test('a target lies within a pattern when all it addresses does', (t) => {
  const federation = federationOf(IRREGULAR)
  const rows: readonly [string, string, boolean][] = [
    ['330106', '330106', true],
    ['330106', '330100', false],
    ['330106', '330100/**', true],
    ['330106', '**', true],
    ['330106/**', '330106', false],
    ['330106/**', '330106/**', true],
    ['330100/**', '330106/**', false],
    ['330100/**', '330000/**', true],
    ['330200/**', '330000/**', false],
    ['**', '000000/**', false],
    ['**', '**', true],
    ['659001', '650000/**', false],
    ['990000', '000000/**', false],
    ['990000', '**', true],
    ['?', '**', false],
    ['330106', '?', false],
  ]
  for (const [target, pattern, expected] of rows)
    t.equal(targetWithin(target, pattern, federation), expected, `${target} in ${pattern}`)
  t.end()
})

t.test('a lane is named by origin, epoch, target and class', (t) => {
  t.equal(
    laneKey('zj.example/330825', 1, '330000/**', 'normal'),
    'zj.example/330825 1 330000/** normal',
  )
  t.same(parseLaneKey('zj.example/330825 12 ** control'), {
    origin: 'zj.example/330825',
    epoch: 12,
    target: '**',
    batchClass: 'control',
  })
  t.same(batchClasses, ['control', 'amendment', 'normal', 'bulk'], 'in order of priority')
  const bad = [
    '',
    '330825 1 ** normal',
    'zj.example/330825 0 ** normal',
    'zj.example/330825 01 ** normal',
    'zj.example/330825 1 *** normal',
    'zj.example/330825 1 ** urgent',
    'zj.example/330825 1 ** normal ',
    'zj.example/330825  1 ** normal',
    'zj.example/330825 1 **',
    ' zj.example/330825 1 ** normal',
    'zj.example/330825 1 ** normal\n',
    'zj.example/330825 1.0 ** normal',
  ]
  for (const text of bad) t.equal(parseLaneKey(text), undefined, JSON.stringify(text))
  t.end()
})

const RECEIPT: ReceiptNote = {
  from: 'zj.example/330100',
  log: 'zj.example/330000/1',
  size: 234_567_890_123_456_789n,
  classes: { control: 4n, amendment: 0n, normal: 17n, bulk: 9n },
  own: { log: 'zj.example/330100/2', size: 21n, root: new Uint8Array(32).fill(0xab) },
  timeMs: Date.parse('2026-11-23T01:14:07Z'),
}
const RECEIPT_TEXT = `huxin/receipt/v1
from zj.example/330100
log zj.example/330000/1
size 234567890123456789
control 4
amendment 0
normal 17
bulk 9
own zj.example/330100/2 21 sha256:abababababababababababababababababababababababababababababababab
time 2026-11-23T01:14:07Z
`

t.test('a receipt is the documented text, signed by the child, and parses back', (t) => {
  const signer = key(RECEIPT.from)
  const note = formatReceiptNote(RECEIPT, [signer])
  t.equal(Buffer.from(note).toString().split('\n\n')[0], RECEIPT_TEXT.slice(0, -1))
  t.same(parseReceiptNote(note, [parseVkey(signer.vkey)]), {
    ...RECEIPT,
    own: { ...RECEIPT.own, root: Buffer.alloc(32, 0xab) },
  })
  t.equal(
    code(() => parseReceiptNote(note, [parseVkey(key(RECEIPT.from, '2').vkey)])),
    'signature_invalid',
  )
  t.equal(
    code(() => parseReceiptNote(note, [])),
    'signature_invalid',
  )
  t.end()
})

t.test('a receipt that is signed and yet not in its only form is refused', (t) => {
  const signer = key(RECEIPT.from)
  const parse = (text: string): string =>
    code(() => parseReceiptNote(signNote(text, [signer]), [parseVkey(signer.vkey)]))
  t.equal(parse(RECEIPT_TEXT), 'nothing')
  const lines = RECEIPT_TEXT.slice(0, -1).split('\n')
  for (const [i, line] of lines.entries()) {
    const bad = [
      lines.toSpliced(i, 1),
      lines.toSpliced(i, 0, line),
      lines.with(i, `x${line}`),
      lines.with(i, line.replace(' ', '  ')),
      lines.with(i, `${line} `),
      lines.with(i, `${line}x`),
    ]
    for (const changed of bad) {
      const text = `${changed.join('\n')}\n`
      if (text !== RECEIPT_TEXT)
        t.equal(parse(text), 'statement_malformed', JSON.stringify(changed[i]))
    }
  }
  const values: readonly [RegExp, readonly string[]][] = [
    [/^from .*$/m, ['from 330100', 'from zj.example/330106']],
    [/^log .*$/m, ['log zj.example/330000', 'log zj.example/330000/0', 'log zj.example/330000/01']],
    [/^size .*$/m, ['size -1', 'size 01', 'size 1e3', 'size 1234567890123456789', 'size 0x1']],
    [/^bulk .*$/m, ['bulk -', 'bulk +9', 'bulk 9.0']],
    [
      /^own .*$/m,
      [
        'own zj.example/330100/2 21',
        `own zj.example/330106/2 21 sha256:${'ab'.repeat(32)}`,
        `own zj.example/330100/2 021 sha256:${'ab'.repeat(32)}`,
        `own zj.example/330100/2 21 ${'ab'.repeat(32)}`,
        `own zj.example/330100/2 21 sha256:${'AB'.repeat(32)}`,
        `own zj.example/330100/2 21 sha256:${'ab'.repeat(31)}`,
        `own zj.example/330100 21 sha256:${'ab'.repeat(32)}`,
      ],
    ],
    [
      /^time .*$/m,
      [
        'time 2026-11-23',
        'time 2026-11-23T01:14:07.000Z',
        'time 2026-11-23T01:14:07+08:00',
        'time 2026-02-30T01:14:07Z',
      ],
    ],
  ]
  for (const [line, list] of values)
    for (const value of list)
      t.equal(parse(RECEIPT_TEXT.replace(line, value)), 'statement_malformed', value)
  t.end()
})

const LONGYOU = full('330825')
const APPLICATION: Application = {
  member: LONGYOU,
  tier: 'county',
  parent: full('330800'),
  divisions: ['330825', '330826'],
  body: BODY,
  host: '11330000TT0000000X',
  ...keys(LONGYOU, '1'),
}

t.test('an application is signed with the key that it names', (t) => {
  const bytes = signApplication(APPLICATION, key(LONGYOU))
  t.same(verifyApplication(bytes), APPLICATION)
  t.equal(
    Buffer.from(bytes).toString().split('\n\n')[0],
    `huxin/application/v1
member zj.example/330825
tier county
parent zj.example/330800
divisions 330825 330826
body 11330825TT00000903
host 11330000TT0000000X
note ${APPLICATION.noteVkey}
cosign ${APPLICATION.cosignVkey}`,
  )
  t.same(
    verifyApplication(
      signApplication({ ...APPLICATION, divisions: [], host: undefined }, key(LONGYOU)),
    ),
    { ...APPLICATION, divisions: [], host: undefined },
  )
  t.equal(
    code(() => verifyApplication(signApplication(APPLICATION, key(LONGYOU, '2')))),
    'signature_invalid',
    'the applicant does not hold the key',
  )
  t.equal(
    code(() => verifyApplication(signApplication(APPLICATION, key(full('330800'))))),
    'signature_invalid',
  )
  const bad: readonly Partial<Application>[] = [
    { member: '330825' },
    { tier: 'town' as 'county' },
    { parent: '-' },
    { divisions: ['330826', '330825'] },
    { divisions: ['33082'] },
    { body: '1' },
    { host: '1' },
    { noteVkey: key(full('330826')).vkey },
    { noteVkey: APPLICATION.cosignVkey },
    { cosignVkey: APPLICATION.noteVkey },
    { member: full('330826') },
    { body: `${BODY}\nhost -` },
  ]
  for (const changes of bad)
    t.equal(
      code(() => verifyApplication(signApplication({ ...APPLICATION, ...changes }, key(LONGYOU)))),
      'statement_malformed',
      JSON.stringify(changes),
    )
  t.end()
})

const [NATION, PROVINCE, CITY] = [full('000000'), full('330000'), full('330800')]
const LINE: readonly Place[] = [
  { name: NATION, tier: 'nation', divisions: ['000000'] },
  { name: PROVINCE, tier: 'province', parent: NATION, divisions: ['330000'] },
  { name: CITY, tier: 'city', parent: PROVINCE, divisions: ['330800'] },
  { name: LONGYOU, tier: 'county', parent: CITY, divisions: ['330825'] },
]

function joinFileOf(federation: FederationState, changes: Partial<JoinFile> = {}): JoinFile {
  return {
    anchors: federation.anchors,
    statements: federation.lineage(LONGYOU).flatMap(({ name }) => federation.history(name)),
    parentCheckpoint: Buffer.from('checkpoint'),
    heads: [{ lane: `${PROVINCE} 1 ** normal`, number: 41n, batchId: 'ab'.repeat(32) }],
    parentAddress: '10.1.2.3:7301',
    protocol: 1000,
    ...changes,
  }
}

const parses = (join: JoinFile): string => code(() => parseJoinFile(formatJoinFile(join)))

t.test('a join file leads from a pinned root to the member', (t) => {
  const join = joinFileOf(federationOf(LINE))
  const bytes = formatJoinFile(join)
  t.same(parseJoinFile(bytes), {
    ...join,
    statements: join.statements.map((one) => Buffer.from(one)),
  })
  const text = Buffer.from(bytes).toString()
  t.match(text, /^\{\n {2}"format": "huxin\/join\/v1",\n {2}"anchors": \[/)
  t.match(
    text,
    /"lane": "zj.example\/330000 1 \*\* normal",\n {6}"number": "41",\n {6}"batchId": "(?:ab){32}"/,
  )
  const trust = trustOf(join)
  t.equal(trust.member(CITY)?.noteVkey, key(CITY).vkey)
  t.same(
    trust.lineage('330825').map(({ id }) => id),
    ['000000', '330000', '330800', '330825'],
  )

  const [root, province, city, county] = join.statements as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const forged = (signer: Signer): Uint8Array => signed(first(LINE[3]!), signer)
  const rows: readonly [string, readonly Uint8Array[]][] = [
    ['no root', [province, city, county]],
    ['a gap', [root, province, county]],
    ['another order', [root, city, province, county]],
    ['no statements of the root, but two members', [city, county]],
    ['a statement twice', [root, province, city, county, county]],
    ['a county that speaks for itself', [root, province, city, forged(key(LONGYOU))]],
    ['a county vouched for by the province', [root, province, city, forged(key(PROVINCE))]],
    ['another root', [signed(first(LINE[0]!), key(NATION, '2')), province, city, county]],
    [
      'an id that is taken',
      [
        root,
        province,
        city,
        county,
        signed(first({ name: 'cn.example/330825', tier: 'county', parent: CITY }), key(CITY)),
      ],
    ],
    [
      'a city below a city',
      [
        root,
        province,
        city,
        signed(first({ name: LONGYOU, tier: 'city', parent: CITY }), key(CITY)),
      ],
    ],
    [
      'divisions of another city',
      [
        root,
        province,
        city,
        signed(
          first({ name: LONGYOU, tier: 'county', parent: CITY, divisions: ['330106'] }),
          key(CITY),
        ),
      ],
    ],
  ]
  for (const [title, statements] of rows)
    t.equal(parses({ ...join, statements }), 'statement_invalid', title)
  t.end()
})

t.test('a join file still leads to the member after keys above it changed', (t) => {
  const federation = federationOf(LINE)
  for (const label of ['2', '3']) {
    federation.applyStatement(
      signed(
        next(federation.member(NATION)!, { epoch: Number(label), ...keys(NATION, label) }),
        key(NATION, String(Number(label) - 1)),
      ),
    )
  }
  federation.applyStatement(
    signed(
      next(federation.member(PROVINCE)!, { epoch: 2, ...keys(PROVINCE, '2') }),
      key(NATION, '3'),
      key(PROVINCE),
    ),
  )
  federation.applyStatement(
    signed(
      next(federation.member(PROVINCE)!, keys(PROVINCE, '3')),
      key(NATION, '3'),
      key(PROVINCE, '2'),
    ),
  )
  const trust = trustOf(joinFileOf(federation))
  t.same(
    trust.lineage(LONGYOU).map(({ noteVkey }) => noteVkey),
    [key(NATION, '3').vkey, key(PROVINCE, '3').vkey, key(CITY).vkey, key(LONGYOU).vkey],
  )
  const newest = federation.lineage(LONGYOU).map(({ noteBytes }) => noteBytes)
  t.equal(
    parses(joinFileOf(federation, { statements: newest })),
    'statement_invalid',
    'the newest statements alone do not show the old keys',
  )

  const history = federation.history(PROVINCE)
  const thief = signed(
    { ...next(federation.member(PROVINCE)!), ...keys(PROVINCE, 'thief') },
    key(PROVINCE, 'thief'),
  )
  const bound = (province: readonly Uint8Array[]): string =>
    parses(
      joinFileOf(federation, {
        statements: [...federation.history(NATION), ...province, ...newest.slice(2)],
      }),
    )
  t.equal(bound(history), 'nothing')
  t.equal(bound([...history, thief]), 'statement_invalid', 'the newest must be signed from above')
  t.equal(
    bound([thief, ...history.slice(1)]),
    'statement_invalid',
    'an older one must be the one that the next names',
  )
  t.equal(bound([history[0]!, history[2]!]), 'statement_invalid')
  const root = federation.history(NATION)
  const other = signed(
    { ...next(federation.member(NATION)!), ...keys(NATION, 'thief') },
    key(NATION, 'thief'),
  )
  t.equal(
    parses(
      joinFileOf(federation, { statements: [...root, other, ...history, ...newest.slice(2)] }),
    ),
    'statement_invalid',
    "a root's follows from the pinned key, step by step",
  )
  t.equal(
    parses(
      joinFileOf(federation, { statements: [root[0]!, root[2]!, ...history, ...newest.slice(2)] }),
    ),
    'statement_invalid',
  )
  t.end()
})

t.test("a member whose lost key was replaced by the parent's parent can join again", (t) => {
  const federation = federationOf(LINE)
  federation.applyStatement(
    signed(next(federation.member(LONGYOU)!, { epoch: 2, ...keys(LONGYOU, '2') }), key(PROVINCE)),
  )
  t.equal(parses(joinFileOf(federation)), 'nothing')
  t.equal(
    parses(
      joinFileOf(federation, {
        statements: federation.lineage(LONGYOU).map(({ noteBytes }) => noteBytes),
      }),
    ),
    'nothing',
  )
  t.end()
})

t.test('after a graft a join file leads from the new root through the old one', (t) => {
  const federation = FederationState.from([
    { name: 'cn.example/000000', vkey: key('cn.example/000000').vkey },
    { name: PROVINCE, vkey: key(PROVINCE).vkey },
  ])
  federation.applyStatement(
    signed(
      first({ name: 'cn.example/000000', tier: 'nation', divisions: ['000000'] }),
      key('cn.example/000000'),
    ),
  )
  federation.applyStatement(
    signed(first({ name: PROVINCE, tier: 'province', divisions: ['330000'] }), key(PROVINCE)),
  )
  federation.applyStatement(signed(first(LINE[2]!), key(PROVINCE)))
  federation.applyStatement(signed(first(LINE[3]!), key(CITY)))
  t.equal(parses(joinFileOf(federation)), 'nothing', 'before')
  federation.applyStatement(
    signed(
      next(federation.member(PROVINCE)!, { parent: 'cn.example/000000' }),
      key(PROVINCE),
      key('cn.example/000000'),
    ),
  )
  t.equal(parses(joinFileOf(federation)), 'nothing', 'after')
  t.equal(
    parses(joinFileOf(federation, { anchors: federation.anchors.slice(0, 1) })),
    'nothing',
    'the new root vouches for the old one',
  )
  t.equal(
    parses(joinFileOf(federation, { anchors: federation.anchors.slice(1) })),
    'statement_invalid',
    'the new root is to be pinned',
  )
  t.end()
})

t.test('a join file with a bad field says so', (t) => {
  const join = joinFileOf(federationOf(LINE))
  const json = JSON.parse(Buffer.from(formatJoinFile(join)).toString()) as Record<string, unknown>
  const head = { lane: `${PROVINCE} 1 ** normal`, number: '41', batchId: 'ab'.repeat(32) }
  const bad: readonly Record<string, unknown>[] = [
    { format: 'huxin/join/v2' },
    { anchors: {} },
    { anchors: [] },
    { anchors: [null] },
    { anchors: [{ name: NATION }] },
    { anchors: [{ name: '000000', vkey: key(NATION).vkey }] },
    { anchors: [{ name: NATION, vkey: key(PROVINCE).vkey }] },
    { statements: 'x' },
    { statements: [1] },
    { statements: ['*'] },
    { parentCheckpoint: 'YQ' },
    { parentCheckpoint: null },
    { heads: [[]] },
    { heads: [{ ...head, number: 41 }] },
    { heads: [{ ...head, number: '041' }] },
    { heads: [{ ...head, lane: 'x' }] },
    { heads: [{ ...head, batchId: 'AB'.repeat(32) }] },
    { heads: [{ ...head, batchId: 'ab' }] },
    { parentAddress: 1 },
    { protocol: '1000' },
    { protocol: 1.5 },
    { protocol: -1 },
  ]
  for (const changes of bad)
    t.equal(
      code(() => parseJoinFile(Buffer.from(JSON.stringify({ ...json, ...changes })))),
      'config_invalid',
      JSON.stringify(changes).slice(0, 80),
    )
  for (const name of Object.keys(json)) {
    const { [name]: _gone, ...rest } = json
    t.equal(
      code(() => parseJoinFile(Buffer.from(JSON.stringify(rest)))),
      'config_invalid',
      `without ${name}`,
    )
  }
  for (const text of ['', '{', 'null', '[]', '"x"', '1'])
    t.equal(
      code(() => parseJoinFile(Buffer.from(text))),
      'config_invalid',
      text,
    )
  t.equal(
    code(() => parseJoinFile(Uint8Array.of(0xff, 0xfe))),
    'config_invalid',
  )
  t.end()
})

/** Calls a parser with bytes that went wrong; it may refuse, never fail otherwise. */
function mangle(
  t: Test,
  name: string,
  good: Uint8Array,
  parse: (bytes: Uint8Array) => unknown,
): void {
  const random = new SeededRandom(`topology/${name}`)
  const allowed = [
    'note_malformed',
    'statement_malformed',
    'signature_invalid',
    'statement_invalid',
    'config_invalid',
    'member_unknown',
  ]
  let refused = 0
  for (let round = 0; round < 1_500; round++) {
    const bytes = Buffer.from(good)
    for (let flips = random.below(3); flips >= 0; flips--)
      bytes[random.below(bytes.length)] = random.pick([0, 10, 32, 45, 48, 255, random.below(256)])
    const cut = random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
    try {
      parse(cut)
    } catch (error) {
      if (!(error instanceof HuxinError) || !allowed.includes(error.code))
        t.fail(`${name}, round ${round}: ${String(error)}`)
      refused++
    }
  }
  t.ok(refused > 1_200, `${name}: ${refused} of 1500 refused`)
}

t.test('no bytes make the parsers throw anything but their errors', (t) => {
  const signer = key(RECEIPT.from)
  mangle(t, 'receipt', formatReceiptNote(RECEIPT, [signer]), (bytes) =>
    parseReceiptNote(bytes, [parseVkey(signer.vkey)]),
  )
  mangle(t, 'application', signApplication(APPLICATION, key(LONGYOU)), verifyApplication)
  mangle(t, 'join file', formatJoinFile(joinFileOf(federationOf(LINE))), parseJoinFile)
  const random = new SeededRandom('topology/words')
  for (let round = 0; round < 3_000; round++) {
    const text = Array.from({ length: random.below(12) }, () =>
      random.pick([
        '330106',
        '/',
        '*',
        '**',
        '/**',
        ' ',
        '1',
        '0',
        '-',
        'a',
        'Z',
        '.',
        '\n',
        'normal',
        'zj.example/330825',
      ]),
    ).join('')
    const target = parseTarget(text)
    if (
      target &&
      (target.kind === 'everyone' ? '**' : target.id + (target.kind === 'subtree' ? '/**' : '')) !==
        text
    )
      t.fail(`target ${JSON.stringify(text)}`)
    const lane = parseLaneKey(text)
    if (lane && laneKey(lane.origin, lane.epoch, lane.target, lane.batchClass) !== text)
      t.fail(`lane ${JSON.stringify(text)}`)
  }
  t.end()
})
