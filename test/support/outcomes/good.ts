import t from 'tap'

t.test('two truths', async (t) => {
  t.ok(true)
  await t.rejects(Promise.reject(new Error('expected')), { message: 'expected' })
})
