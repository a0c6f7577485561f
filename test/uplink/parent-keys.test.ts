/** What a parent shows of itself before its new log can be read. */
import t from 'tap'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { FederationState } from '../../src/topology/federation.ts'
import { ParentKeys } from '../../src/uplink/parent-keys.ts'
import { federationOf, key, keys, next, signed } from '../topology/members.ts'

const NATION = 'gov.example/000000'
const PROVINCE = 'zj.example/330000'
const CITY = 'zj.example/330100'

function start(): { federation: FederationState; parentKeys: ParentKeys } {
  const federation = federationOf([
    { name: NATION, tier: 'nation', divisions: ['000000'] },
    { name: PROVINCE, tier: 'province', parent: NATION, divisions: ['330000'] },
    { name: CITY, tier: 'city', parent: PROVINCE, divisions: ['330100'] },
  ])
  return {
    federation,
    parentKeys: new ParentKeys({
      parent: CITY,
      ledger: () => ({ federation }) as Ledger,
      trust: () => undefined,
    }),
  }
}

/** The province changes its key, then signs the city's new epoch with it. */
function statements(federation: FederationState): Uint8Array[] {
  const ahead = federation.fork()
  const province = signed(
    next(ahead.member(PROVINCE)!, { epoch: 2, ...keys(PROVINCE, '2') }),
    key(NATION),
    key(PROVINCE),
  )
  ahead.applyStatement(province)
  const city = signed(
    next(ahead.member(CITY)!, { epoch: 2, ...keys(CITY, '2') }),
    key(PROVINCE, '2'),
    key(CITY),
  )
  return [city, province]
}

t.test(
  "the key of the parent's new log follows from what is known, in whatever order the statements come",
  async (t) => {
    for (const turn of [(list: Uint8Array[]) => list, (list: Uint8Array[]) => list.reverse()]) {
      const { federation, parentKeys } = start()
      const older = federation.history(CITY)
      const ahead = parentKeys.learn(turn([...older, ...statements(federation)]), `${CITY}/2`)
      t.same(ahead.length, 2, 'what the ledger has not is kept beside')
      t.same(parentKeys.learn([...older], `${CITY}/1`), [], 'of a log that it knows nothing is')
      parentKeys.learn(statements(federation), `${CITY}/2`)
      t.equal(parentKeys.noteVkey(`${CITY}/2`), key(CITY, '2').vkey)
      t.equal(parentKeys.noteVkey(`${CITY}/1`), key(CITY).vkey, 'the old log still has its own')
      t.equal(federation.member(CITY)!.epoch, 1, 'the ledger learns it from the log alone')
    }
  },
)

t.test(
  "a key that does not follow is not taken, and a log of somebody else is not the parent's",
  async (t) => {
    const { federation, parentKeys } = start()
    const alone = signed(
      next(federation.member(CITY)!, { epoch: 2, ...keys(CITY, '2') }),
      key(CITY, '2'),
    )
    const unvouched = signed(
      next(federation.member(CITY)!, { epoch: 2, ...keys(CITY, '2') }),
      key(CITY),
    )
    const [city] = statements(federation)
    for (const list of [[alone], [unvouched], [city!], [new Uint8Array(3)]])
      t.throws(() => parentKeys.learn(list, `${CITY}/2`), { code: 'member_unknown' })
    t.throws(() => parentKeys.learn(statements(federation), `${PROVINCE}/2`), {
      code: 'member_unknown',
    })
    t.equal(parentKeys.noteVkey(`${CITY}/1`), key(CITY).vkey)
    t.not(parentKeys.noteVkey(`${CITY}/2`), key(CITY, '2').vkey)
  },
)

t.test('a parent of an earlier version says nothing, and what the log says stands', async (t) => {
  const { federation, parentKeys } = start()
  parentKeys.learn([], `${CITY}/1`)
  t.equal(parentKeys.noteVkey(`${CITY}/1`), key(CITY).vkey)
  parentKeys.learn(statements(federation), `${CITY}/2`)
  for (const note of statements(federation).reverse()) federation.applyStatement(note)
  federation.applyStatement(
    signed(next(federation.member(CITY)!, keys(CITY, '3')), key(PROVINCE, '2'), key(CITY, '2')),
  )
  t.equal(parentKeys.noteVkey(`${CITY}/2`), key(CITY, '3').vkey, 'the newest of both counts')
})
