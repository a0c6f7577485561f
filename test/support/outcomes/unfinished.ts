import t from 'tap'

t.test('a promise that nobody keeps', async (t) => {
  t.ok(true)
  await new Promise(() => undefined)
})
