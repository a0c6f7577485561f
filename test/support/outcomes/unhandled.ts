import t from 'tap'

t.test('a rejection that nobody handles', async (t) => {
  void Promise.reject(new Error('handled by nobody'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.ok(true)
})
