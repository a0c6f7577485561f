/** `huxin log freeze` and `huxin log rotate` against the built program, which is killed on the way. */
import t from 'tap'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BODY } from '../support/federation.ts'
import { freePort, main, type Ran, runHere } from './program.ts'

t.setTimeout(150_000)

const folder = await mkdtemp(join(tmpdir(), 'huxin-log-end-'))
const home = join(folder, 'nodes', '330000')
const node = ['--node', home]
const act = ['--reason', '计划内更换密钥', '--document', '浙信〔2027〕4号']
let child: ChildProcess | undefined

async function start(): Promise<void> {
  child = spawn(process.execPath, [main, 'node', 'start', ...node], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await new Promise((resolve) => child!.stderr!.once('data', resolve))
}

async function stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
  if (!child) return null
  const ended = new Promise<number | null>((resolve) => child!.once('close', resolve))
  child.kill(signal)
  child = undefined
  return ended
}

t.teardown(async () => {
  await stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const json = async <T>(...words: string[]): Promise<T> =>
  JSON.parse((await runHere([...words, ...node, '--json'])).out) as T

t.test(
  'a root is frozen, killed, frozen again, rotated twice, and tells all of it in both languages',
  async (t) => {
    const certs = join(folder, 'certs')
    const ok = async (...words: string[]): Promise<Ran> => {
      const ran = await runHere(words)
      t.match(ran, { code: 0, err: '' }, `huxin ${words.join(' ')}`)
      return ran
    }
    await ok('pki', 'init', '--folder', certs, '--domain', 'zj.example')
    for (const [role, name] of [
      ['node', ''],
      ['operator', '张三'],
    ] as const) {
      await ok(
        'pki',
        'issue',
        '--folder',
        certs,
        '--domain',
        'zj.example',
        '--tier',
        'province',
        '--role',
        role,
        '--node',
        '330000',
        '--name',
        name,
      )
    }
    await ok(
      'node',
      'init',
      ...node,
      '--id',
      'zj.example/330000',
      '--tier',
      'province',
      '--divisions',
      '330000',
      '--body',
      BODY,
      '--listen',
      `127.0.0.1:${await freePort()}`,
      '--certs',
      '../../certs/330000',
    )
    await start()
    await ok('catalog', 'publish', '--builtin', ...act, ...node)

    t.match(await runHere(['log', 'freeze', ...node]), { code: 2, err: /--reason/ })
    const { out } = await ok('log', 'freeze', ...act, ...node, '--lang', 'en')
    const [, size = '', root = ''] =
      /^the log zj\.example\/330000\/1 is frozen: (\d+) entries, root ([0-9a-f]{64})\n$/.exec(
        out,
      ) ?? []
    t.match(
      await runHere([
        'recognition',
        'request',
        '--holder',
        '330000',
        '--item',
        'zj/industry-evaluation@2026.1',
        '--subject-type',
        'enterprise',
        '--subject',
        BODY,
        '--subject-name',
        'x',
        '--purpose',
        'judicial',
        '--basis',
        'x',
        ...node,
      ]),
      { code: 3, err: /log_frozen/ },
    )
    await stop('SIGKILL')
    await start()
    t.match(
      await json('log', 'freeze', ...act),
      { log: 'zj.example/330000/1', size, root },
      'again it is the same, also after a kill',
    )
    t.match((await ok('log', 'status', ...node, '--lang', 'zh')).out, '已冻结：不再接收条目')
    t.match(await runHere(['node', 'status', ...node, '--lang', 'en']), {
      code: 1,
      out: /degraded[\s\S]*frozen, since [\s\S]*the log zj\.example\/330000\/1 is frozen at \d+ entries and takes no more/,
    })

    t.match(
      (await ok('log', 'rotate', ...act, ...node, '--lang', 'en')).out,
      new RegExp(
        `^the log zj\\.example/330000/1 is frozen: ${size} entries, root ${root}\nepoch 2 has begun; keep keys/1 offline`,
      ),
    )
    t.equal((await stat(join(home, 'keys', '2', 'note.key'))).mode & 0o777, 0o600)
    t.match(await json('log', 'status'), {
      log: 'zj.example/330000/2',
      frozen: false,
      predecessor: { log: 'zj.example/330000/1', size, root },
    })
    t.match(await json('log', 'rotate', '--keep-keys', ...act), {
      epoch: 3,
      begun: true,
      log: 'zj.example/330000/2',
    })
    t.match(
      (await json<{ checkpoint: string }>('log', 'checkpoint', '--log', 'zj.example/330000/1'))
        .checkpoint,
      new RegExp(`^zj\\.example/330000/1\n${size}\n`),
    )
    t.match(await runHere(['log', 'checkpoint', '--log', 'zj.example/330000/9', ...node]), {
      code: 1,
      err: /not_found/,
    })

    const proof = join(folder, 'proof.json')
    await ok('log', 'prove', '0', '--log', 'zj.example/330000/1', '-o', proof, ...node)
    const { vkey } = await json<{ vkey: string }>(
      'log',
      'checkpoint',
      '--log',
      'zj.example/330000/1',
    )
    t.match(
      (await ok('log', 'verify', proof, '--vkey', vkey, '--lang', 'en')).out,
      `entry 0 is in the log zj.example/330000/1 of ${size} entries`,
    )
    t.match(
      (await ok('log', 'list', ...node, '--start', String(Number(size) - 1), '--limit', '2')).out,
      /freeze[\s\S]*member/,
    )
    t.match((await ok('fsck', ...node, '--json')).out, /"findings": \[\]/)
    t.equal(await stop('SIGTERM'), 0)
    await ok('fsck', ...node)
    await ok('node', 'rebuild', ...node)
  },
)
