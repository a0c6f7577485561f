import t from 'tap'

t.test('a turn that never ends', async (t) => {
  t.ok(true)
  for (;;) {
    /* no timer of tap comes to its turn */
  }
})
