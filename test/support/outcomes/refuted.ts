import t from 'tap'

t.test('outer', async (t) => {
  await t.test('an inner test', async (t) => {
    t.ok(true)
    t.equal(1, 2, 'one is two')
  })
  await t.rejects(Promise.resolve(), 'a promise that is kept')
})
