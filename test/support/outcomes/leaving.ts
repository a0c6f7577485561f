import t from 'tap'

t.test('a test that is done', async (t) => {
  t.ok(true)
})
process.once('exit', () => {
  process.exitCode = 3
})
