/** Where a new member may stand, and which names of the catalog a statement may give: asked when judged, not when replayed. */
import t from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import { catalogPrefix, prefixesOf, prefixOwner } from '../../src/topology/catalog-names.ts'
import type { FederationState } from '../../src/topology/federation.ts'
import { federationOf, first, key, keys, next, type Place, signed } from './members.ts'

const NATION = 'cn.example/000000'
const ZJ = 'zj.example/330000'
const JS = 'js.example/320000'
const CITY = 'zj.example/330100'

const PLACES: readonly Place[] = [
  { name: NATION, tier: 'nation', divisions: ['000000'] },
  { name: ZJ, tier: 'province', parent: NATION, divisions: ['330000'] },
  { name: JS, tier: 'province', parent: NATION, divisions: ['320000'] },
  { name: 'cn.example/xpcc', tier: 'province', parent: NATION, divisions: ['659001', '659002'] },
  { name: CITY, tier: 'city', parent: ZJ, divisions: ['330100'] },
]

function verdict(run: () => unknown): string {
  try {
    run()
    return ''
  } catch (error) {
    if (error instanceof HuxinError) return `${error.code}: ${error.message}`
    throw error
  }
}

const admit = (federation: FederationState, place: Place): string =>
  verdict(() => federation.checkStatements([signed(first(place), key(place.parent!))]))

t.test('a new member stands within the divisions and the trust domain of its parent', (t) => {
  const federation = federationOf(PLACES)
  const table: readonly (readonly [string, Place, RegExp | ''])[] = [
    [
      'a district',
      { name: 'zj.example/330106', tier: 'county', parent: CITY, divisions: ['330106'] },
      '',
    ],
    [
      'a zone that is no division',
      { name: 'zj.example/hz-zone', tier: 'county', parent: CITY, divisions: ['330114'] },
      '',
    ],
    [
      'a county directly below the province',
      { name: 'zj.example/330825', tier: 'county', parent: ZJ, divisions: ['330825'] },
      '',
    ],
    [
      'a city of another domain at the nation',
      { name: 'nb.example/330200', tier: 'city', parent: NATION, divisions: ['330200'] },
      '',
    ],
    [
      'the nation below a city',
      { name: 'zj.example/000001', tier: 'county', parent: CITY, divisions: ['330106'] },
      /has the id 000001, a division that its parent zj.example\/330100 does not serve/,
    ],
    [
      'the code 100000',
      { name: 'zj.example/100000', tier: 'county', parent: CITY, divisions: [] },
      /does not serve/,
    ],
    [
      'a district of the next city',
      { name: 'zj.example/330702', tier: 'county', parent: CITY, divisions: ['330100'] },
      /330702, a division/,
    ],
    [
      'another province below a city',
      { name: 'zj.example/340000', tier: 'county', parent: CITY, divisions: [] },
      /340000, a division/,
    ],
    [
      'a city of another province',
      { name: 'js.example/320100', tier: 'city', parent: ZJ, divisions: [] },
      /320100, a division/,
    ],
    [
      'another domain below a city',
      { name: 'js.example/330106', tier: 'county', parent: CITY, divisions: ['330106'] },
      /is of the trust domain js.example, and its parent zj.example\/330100 of zj.example/,
    ],
    [
      'another domain below a province',
      { name: 'js.example/330700', tier: 'city', parent: ZJ, divisions: ['330700'] },
      /trust domain js.example/,
    ],
    [
      'a name that says nothing',
      { name: 'zj.example/somebody', tier: 'county', parent: CITY, divisions: [] },
      /serves no division/,
    ],
  ]
  for (const [title, place, refused] of table) {
    const answer = admit(federation, place)
    if (refused === '') t.equal(answer, '', title)
    else t.match(answer, refused, title)
    if (refused !== '') t.match(answer, /^statement_invalid/, title)
  }
  t.end()
})

t.test(
  'the rules are not asked of what a log of before accepted, and an id that was squatted there blocks nobody',
  (t) => {
    const federation = federationOf(PLACES)
    const squatter: Place = {
      name: 'zj.example/330702',
      tier: 'county',
      parent: CITY,
      divisions: ['330100'],
    }
    federation.checkStatements([signed(first(squatter), key(CITY))], { placed: false })
    t.ok(
      federation.applyStatement(signed(first(squatter), key(CITY))),
      'replayed it is what it was',
    )
    federation.checkStatements([
      signed(next(federation.member(squatter.name)!, { status: 'suspended' }), key(CITY)),
    ])
    const elsewhere: Place = {
      name: 'js.example/340000',
      tier: 'county',
      parent: CITY,
      divisions: ['330100'],
    }
    federation.applyStatement(signed(first(elsewhere), key(CITY)))
    const rightful: Place = {
      name: 'ah.example/340000',
      tier: 'province',
      parent: NATION,
      divisions: ['340000'],
    }
    t.equal(admit(federation, rightful), '')
    federation.applyStatement(signed(first(rightful), key(NATION)))
    t.equal(federation.member('340000')!.name, rightful.name, 'the id leads to whom it belongs')
    t.match(
      verdict(() =>
        federation.checkStatements([
          signed(next(federation.member(elsewhere.name)!, { reason: 'x' }), key(CITY)),
        ]),
      ),
      /takes the id 340000 of ah.example/,
    )
    t.match(
      admit(federation, { name: 'zj.example/340000', tier: 'county', parent: CITY, divisions: [] }),
      /statement_invalid/,
      'and not to another who squats',
    )
    const zone: Place = {
      name: 'zj.example/zone',
      tier: 'county',
      parent: CITY,
      divisions: ['330114'],
    }
    federation.applyStatement(signed(first(zone), key(CITY)))
    t.match(
      admit(federation, {
        name: 'cn.example/zone',
        tier: 'province',
        parent: NATION,
        divisions: [],
      }),
      /takes the id zone/,
      'an id that is in its place stays taken',
    )
    t.end()
  },
)

t.test('prefixes of the catalog are owned by place, by statement, or by nobody', (t) => {
  const federation = federationOf(PLACES)
  const owner = (prefix: string): string => prefixOwner(federation.all(), prefix)?.name ?? ''
  t.same(['cn', 'zj', 'js', 'bt', 'ah'].map(owner), [NATION, ZJ, JS, '', ''])
  for (const [id, prefix] of [
    ['zj/five-grade@2020', 'zj'],
    ['zj-5-to-cn@1', 'zj'],
    ['cn-2019-to-cn', 'cn'],
    ['plain@1-2', 'plain'],
    ['bt-x/y-z', 'bt-x'],
    ['', ''],
  ] as const) {
    t.equal(catalogPrefix(id), prefix, id)
  }
  t.same(prefixesOf({ tier: 'province', divisions: ['330000', '110000', '330100'] }), ['zj', 'bj'])
  t.same(prefixesOf({ tier: 'city', divisions: ['330000'] }), [], 'a city has none by its place')

  const say = (
    name: string,
    catalog: readonly string[] | undefined,
    ...signers: string[]
  ): string =>
    verdict(() =>
      federation.checkStatements([
        signed(
          next(federation.member(name)!, { catalog }),
          ...signers.map((signer) => key(signer)),
        ),
      ]),
    )
  t.equal(say('cn.example/xpcc', ['bt'], NATION), '')
  federation.applyStatement(
    signed(next(federation.member('cn.example/xpcc')!, { catalog: ['bt'] }), key(NATION)),
  )
  t.equal(owner('bt'), 'cn.example/xpcc')
  t.match(say(JS, ['bt'], NATION), /takes the catalog prefix bt of cn.example\/xpcc/)
  t.match(
    say(NATION, ['bt'], NATION),
    /takes the catalog prefix bt/,
    'not even the nation, before it is given up',
  )
  for (const reserved of ['zj', 'ah', 'cn'])
    t.match(say(JS, [reserved], NATION), /is of whoever serves that place/, reserved)
  t.match(say(CITY, ['hz'], ZJ), /the catalog is made by nation and province/)
  t.equal(say(NATION, ['national'], NATION), '', 'a root names its own')
  federation.applyStatement(
    signed(
      { ...next(federation.member('cn.example/xpcc')!, { catalog: ['bt'], status: 'retired' }) },
      key(NATION),
    ),
  )
  t.equal(owner('bt'), '', 'what retires owns nothing')
  t.equal(say(JS, ['bt'], NATION), '')
  t.end()
})

t.test("a province at the root owns its letters and names nobody else's", (t) => {
  const federation = federationOf([{ name: ZJ, tier: 'province', divisions: ['330000'] }])
  const say = (catalog: readonly string[]): string =>
    verdict(() =>
      federation.checkStatements([
        signed(next(federation.member(ZJ)!, { catalog, ...keys(ZJ, '1') }), key(ZJ)),
      ]),
    )
  t.equal(prefixOwner(federation.all(), 'cn'), undefined)
  t.equal(say(['zj', 'zjkj']), '')
  t.match(say(['cn']), /is of whoever serves that place/)
  t.match(say(['js']), /is of whoever serves that place/)
  t.end()
})
