import t from 'tap'

t.test('an exit in the middle', async (t) => {
  t.ok(true)
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => undefined)
})
