/** Statements by which a log goes on from a frozen one: who must sign them, and what they may say. */
import t from 'tap'
import { generateSigner, parseVkey } from '../../src/note/key.ts'
import { openFreeze, parseFreeze, signFreeze } from '../../src/topology/freeze.ts'
import { formatStatement, parseStatement, predecessorOf } from '../../src/topology/member.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { FederationState } from '../../src/topology/federation.ts'
import { federationOf, first, key, keys, next, signed } from './members.ts'

const ROOT = 'zj.example/330000'
const CITY = 'zj.example/330100'
const COUNTY = 'zj.example/330106'
const frozen = { size: 57n, root: new Uint8Array(32).fill(7) }

const places = [
  { name: ROOT, tier: 'province' as const, divisions: ['330000'] },
  { name: CITY, tier: 'city' as const, parent: ROOT, divisions: ['330100'] },
  { name: COUNTY, tier: 'county' as const, parent: CITY, divisions: ['330106'] },
]

t.test(
  'a transition is signed with the old key, the new key and by the parent, and by no fewer',
  (t) => {
    for (const [name, speaker] of [
      [ROOT, ROOT],
      [CITY, ROOT],
      [COUNTY, CITY],
    ] as const) {
      const federation = federationOf(places)
      const statement = next(federation.member(name)!, { epoch: 2, ...keys(name, '2'), frozen })
      const [old, fresh, above] = [key(name), key(name, '2'), key(speaker)]
      const all = new Map(
        [
          ['old', old],
          ['new', fresh],
          ['parent', above],
        ].map(([who, signer]) => [who as string, signer as typeof old]),
      )
      for (const absent of ['old', 'new', 'parent']) {
        // A root is its own parent.
        if (name === ROOT && absent === 'parent') continue
        const signers = [...all]
          .filter(
            ([who]) => who !== absent && !(name === ROOT && absent === 'old' && who === 'parent'),
          )
          .map(([, signer]) => signer)
        t.throws(
          () => federation.checkStatement(signed(statement, ...new Set(signers))),
          { code: 'statement_invalid', message: /is not signed/ },
          `${name} without ${absent}`,
        )
      }
      t.throws(
        () => federation.checkStatement(signed(statement, old, above, key(name, '3'))),
        { code: 'statement_invalid', message: /new key/ },
        'with another new key',
      )
      t.throws(
        () =>
          federation.checkStatement(
            signed(
              statement,
              fresh,
              ...(name === COUNTY ? [above, key(ROOT)] : name === CITY ? [above] : []),
            ),
          ),
        { code: 'statement_invalid' },
        'nobody above stands in for the old key',
      )
      const member = federation.applyStatement(signed(statement, ...new Set([old, fresh, above])))!
      t.same(
        member.epochs.map(({ epoch, noteVkey }) => [epoch, noteVkey]),
        [
          [1, old.vkey],
          [2, fresh.vkey],
        ],
      )
      t.same(predecessorOf(member, `${name}/2`), { log: `${name}/1`, tree: frozen })
      t.equal(predecessorOf(member, `${name}/1`), undefined)
      const later = federation.applyStatement(
        signed(
          next(federation.member(name)!, { reason: 'later' }),
          ...new Set([fresh, name === ROOT ? fresh : above]),
        ),
      )!
      t.same(
        predecessorOf(later, `${name}/2`),
        { log: `${name}/1`, tree: frozen },
        'a later statement takes nothing back',
      )
    }
    t.end()
  },
)

t.test('the same keys may go on: one signature of the old key is that of the new one', (t) => {
  const federation = federationOf(places)
  t.ok(
    federation.applyStatement(
      signed(next(federation.member(COUNTY)!, { epoch: 2, frozen }), key(COUNTY), key(CITY)),
    ),
  )
  t.end()
})

t.test('a frozen tree is named where an epoch begins and nowhere else', (t) => {
  const federation = federationOf(places)
  const county = federation.member(COUNTY)!
  const by = [key(COUNTY), key(COUNTY, '2'), key(CITY)]
  t.throws(() => federation.checkStatement(signed(next(county, { frozen }), ...by)), {
    code: 'statement_invalid',
    message: /begins no epoch/,
  })
  t.throws(
    () =>
      federation.checkStatement(
        signed(next(county, { epoch: 3, ...keys(COUNTY, '2'), frozen }), ...by),
      ),
    { code: 'statement_invalid' },
    'epochs are not left out',
  )
  t.throws(
    () =>
      federation.checkStatement(
        signed(
          next(county, { epoch: 2, parent: ROOT, ...keys(COUNTY, '2'), frozen }),
          ...by,
          key(ROOT),
        ),
      ),
    { code: 'statement_invalid', message: /at once/ },
    'no move on the way',
  )
  t.throws(
    () =>
      FederationState.from([{ name: ROOT, vkey: key(ROOT).vkey }]).checkStatement(
        signed({ ...first(places[0]!), frozen }, key(ROOT)),
      ),
    { code: 'statement_invalid' },
    'nothing lies before a first statement',
  )
  t.end()
})

t.test('who knows the pinned root key alone follows two transitions to the third key', (t) => {
  const federation = federationOf(places)
  for (const at of [2, 3]) {
    federation.applyStatement(
      signed(
        next(federation.member(ROOT)!, {
          epoch: at,
          ...keys(ROOT, String(at)),
          frozen: { ...frozen, size: BigInt(at * 50) },
        }),
        key(ROOT, String(at - 1)),
        key(ROOT, String(at)),
      ),
    )
  }
  const reader = FederationState.from([{ name: ROOT, vkey: key(ROOT).vkey }])
  t.equal(reader.adopt(federation.history(ROOT)).noteVkey, key(ROOT, '3').vkey)
  t.throws(
    () =>
      FederationState.from([{ name: ROOT, vkey: key(ROOT).vkey }]).adopt(
        federation.history(ROOT).slice(2),
      ),
    { code: 'statement_invalid' },
    'not when the one between is left out',
  )
  t.end()
})

t.test('the line frozen has one form', (t) => {
  const text = formatStatement(next(federationOf(places).member(COUNTY)!, { epoch: 2, frozen }))
  t.equal(formatStatement(parseStatement(text)), text)
  const line = `frozen 57 sha256:${'07'.repeat(32)}\n`
  t.ok(text.endsWith(`\n${line}`))
  for (const wrong of [
    'frozen 0 sha256:',
    'frozen 057 sha256:',
    'frozen -1 sha256:',
    'frozen 57 sha512:',
    'frozen 57  sha256:',
    'frozen 57 SHA256:',
  ]) {
    t.throws(
      () => parseStatement(text.replace('frozen 57 sha256:', wrong)),
      { code: 'statement_malformed' },
      wrong,
    )
  }
  t.throws(() => parseStatement(text + line), { code: 'statement_malformed' }, 'twice')
  t.throws(
    () => parseStatement(text.replace(line, '').replace('status ', `${line}status `)),
    { code: 'statement_malformed' },
    'in another place',
  )
  t.throws(() => parseStatement(text.replace('07', '0G')), { code: 'statement_malformed' })
  t.end()
})

t.test('a final entry is signed with the key of the log', (t) => {
  const signer = key(COUNTY)
  const freeze = {
    log: `${COUNTY}/1`,
    size: 42n,
    actor: '张三',
    document: '浙信〔2027〕3号',
    reason: '撤并',
  }
  const note = signFreeze(freeze, signer)
  t.same(openFreeze(note, parseVkey(signer.vkey)), freeze)
  t.throws(() => openFreeze(note, parseVkey(key(COUNTY, '2').vkey)), { code: 'signature_invalid' })
  t.throws(
    () =>
      openFreeze(
        Buffer.from(Buffer.from(note).toString().replace('size 42', 'size 43')),
        parseVkey(signer.vkey),
      ),
    { code: 'signature_invalid' },
  )
  const { text } = parseNote(note)
  for (const [from, to] of [
    ['size 42', 'size 0'],
    ['size 42', 'size 042'],
    ['/1\n', '\n'],
    ['/1\n', '/01\n'],
    ['log ', 'lag '],
    ['reason ', 'reason'],
  ] as const) {
    t.throws(
      () =>
        parseFreeze(signNote(text.replace(from, to), [generateSigner('a.example/b', 'ed25519')])),
      { code: 'statement_malformed' },
      `${from} → ${to}`,
    )
  }
  t.end()
})
