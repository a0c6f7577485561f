import t from 'tap'

t.test('an error that a timer throws', async (t) => {
  setTimeout(() => {
    throw new Error('thrown by a timer')
  }, 1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.ok(true)
})
