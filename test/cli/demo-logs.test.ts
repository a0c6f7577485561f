import t from 'tap'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

t.setTimeout(150_000)

/** The id or the name of any subject of the demo. */
const SUBJECT = /91\d{6}TT\d{6}|有限公司/

t.test('the logs of a whole run of the demo hold no id and no name of a subject', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-demo-'))
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
  const demo = spawn(
    process.execPath,
    [main, 'demo', '--exit', '--lang', 'en', '--records', '3000', '--keep', folder],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.teardown(async () => {
    if (demo.exitCode === null && demo.signalCode === null) {
      const ended = new Promise((resolve) => demo.once('exit', resolve))
      demo.kill('SIGTERM')
      await ended
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  let said = ''
  for (const stream of [demo.stdout, demo.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const code = await new Promise((resolve) => demo.once('close', resolve))
  t.equal(code, 0, said.slice(-500))

  const ids = (await readdir(join(folder, 'nodes'))).sort()
  t.equal(ids.length, 7)
  let lines = 0
  for (const id of ids) {
    const log = await readFile(join(folder, 'nodes', id, 'node.log'), 'utf8')
    t.match(log, /"msg":"node is started"/, `${id} wrote its log`)
    t.same(
      log.split('\n').filter((line) => SUBJECT.test(line)),
      [],
      `the log of ${id}`,
    )
    lines += log.split('\n').length
    for (const line of log.split('\n').filter((text) => text.startsWith('{'))) {
      const keys = [...line.matchAll(/[{,]"([A-Za-z]+)":/g)].map(([, key]) => key)
      t.equal(new Set(keys).size, keys.length, 'a line names no field twice')
    }
  }
  t.ok(lines > 14, 'there is something to search')
  t.match(
    await readFile(join(folder, 'nodes', '330782', 'node.log'), 'utf8'),
    /a lane skips a number/,
    'alarms and faults are among it',
  )
  const file = await readFile(join(folder, '行业评价.csv'), 'utf8')
  t.ok(
    file
      .split('\r\n')
      .slice(1, -1)
      .filter((line) => SUBJECT.test(line)).length > 2_900,
    'the pattern finds the subjects of the demo',
  )
  // What people see of rejected rows is masked too.
  t.same(
    said.split('\n').filter((line) => /91\d{6}TT\d{6}/.test(line)),
    [],
  )
})
