/** The runner of the tests itself: whatever goes wrong in a file, the file has failed. */
import t from 'tap'
import { outcomeFile, reasonsIn, runFile } from '../support/run-file.ts'

const cases: readonly (readonly [name: string, says: RegExp])[] = [
  ['uncaught', /thrown by a timer/],
  ['unhandled', /handled by nobody/],
  ['unfinished', /test unfinished/],
  ['hanging', /^/],
  ['dying', /^/],
  ['leaving', /^/],
  ['empty', /^/],
  ['refuted', /one is two[\s\S]*a promise that is kept/],
]

t.test(
  'a file that dies, hangs, ends early or runs no test has failed, and says why',
  async (t) => {
    const outcomes = await Promise.all(
      cases.map(([name]) =>
        runFile(outcomeFile(name), { msMax: name === 'hanging' ? 3_000 : 60_000 }),
      ),
    )
    for (const [i, [name, says]] of cases.entries()) {
      const { fail, out } = outcomes[i]!
      t.ok(fail > 0, `${name} has failed`)
      t.match(reasonsIn(out), says, `${name} says why`)
    }
    t.match(
      outcomes.map(({ signal }) => signal),
      [null, null, null, 'SIGKILL', 'SIGKILL', null, null, null],
    )
  },
)

t.test('a file whose tests hold has not failed, and its assertions are counted', async (t) => {
  t.match(await runFile(outcomeFile('good'), { msMax: 60_000 }), { pass: 2, fail: 0, signal: null })
})
