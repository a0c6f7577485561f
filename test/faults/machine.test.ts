/** Machines that misbehave: two processes on one folder, a disk that is full or damaged. */
import t from 'tap'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { chmod, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/clock.ts'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { loadConfig } from '../../src/node/config.ts'
import { checkFolder } from '../../src/node/maintenance.ts'
import { Node } from '../../src/node/node.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { rebuildNode, recoverNode } from '../../src/node/setup.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import { codeOf, findings } from '../support/checks.ts'
import { FaultyDisk } from '../support/faulty-store.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import type { Place, TestFederation } from '../support/federation.ts'
import { catalogEverywhere, federationOf, publishOne, standing, well } from '../support/faults.ts'
import { systemPorts } from '../../src/node/system-ports.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

t.setTimeout(0)

async function operatorOf(federation: TestFederation, node: Node): Promise<WireChannel> {
  const certs = join(federation.pki.folder, node.config.node.split('/')[1]!)
  const file = (await readdir(certs)).find(
    (name) => name.startsWith('operator') && name.endsWith('.crt'),
  )!
  const { material } = await loadTlsMaterial(
    {
      certificateFile: join(certs, file),
      keyFile: join(certs, file.replace('.crt', '.key')),
      rootFiles: [join(federation.pki.folder, 'root.crt')],
    },
    systemClock.nowMs(),
  )
  return WireChannel.dial({
    address: `127.0.0.1:${node.port}`,
    expectedNodeName: node.config.node,
    material,
    clock: systemClock,
  })
}

t.test(
  'a second process on the folder of a running node is turned away and disturbs nothing',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY])
    const folder = federation.folderOf('330100')
    const config = await loadConfig(folder)
    const silent = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
    }
    t.equal(
      await codeOf(Node.start({ config, ...systemPorts, log: silent })),
      'store_locked',
      'start, in this process',
    )
    const second = await new Promise<{ code: number | null; said: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [MAIN, 'node', 'start', '--node', folder],
        { env: { PATH: process.env['PATH'] ?? '', LANG: 'C' }, timeout: 20_000 },
        (_error, out, said) => resolve({ code: child.exitCode, said: out + said }),
      )
    })
    t.match(second, { code: Number, said: /another process uses/ }, 'start, in another process')
    t.not(second.code, 0)
    t.equal(await codeOf(rebuildNode(folder)), 'store_locked', 'rebuild')
    t.equal(
      await codeOf(recoverNode(folder, { clock: systemClock, random: systemRandom })),
      'store_locked',
      'recover',
    )
    await publishOne(federation, '330100', 'after')
    await federation.until(
      'it goes on',
      async () => (await standing(federation, '330000', 'after-0')) === 1,
    )
    await federation.restart('330100')
    t.equal(
      federation.node('330100').context.epoch,
      1,
      'the recovery that was turned away changed no keys',
    )
    await well(federation)
    t.same(await findings(federation), [])
  },
)

t.test('a database that is damaged is not taken for one that another process uses', async (t) => {
  const federation = await federationOf(t, [PROVINCE])
  const store = join(federation.folderOf('330000'), 'block-lock')
  const made = await levelEngine.open(store, { create: true })
  await made.close()
  await writeFile(join(store, 'CURRENT'), 'no manifest, no lock, no block\n')
  t.equal(await codeOf(levelEngine.open(store, { create: false })), 'store_corrupt')
})

for (const disk of ['full', 'lying'] as const) {
  t.test(
    `a disk that fails ${disk === 'full' ? 'before' : 'after'} it wrote: store_failed, nothing acknowledged, and on again when it is well`,
    async (t) => {
      const federation = await federationOf(t, [PROVINCE, CITY])
      const faulty = new FaultyDisk()
      await federation.restart('330100', { wrapStore: faulty.wrap })
      await well(federation)
      await publishOne(federation, '330100', 'before')
      faulty.state = disk
      const answers = await Promise.all(
        ['one', 'two'].map((name) => codeOf(publishOne(federation, '330100', name))),
      )
      t.same(answers, ['store_failed', 'store_failed'])
      // From above as well: what is pulled fails to be written too.
      await publishOne(federation, '330000', 'down', '330100')
      t.match(
        await codeOf(publishOne(federation, '330100', 'three')),
        /^(store_failed|not_ready)$/,
        'answered at once, also while the database is being opened again',
      )
      t.equal(await standing(federation, '330000', 'one-0'), 0)
      faulty.state = 'good'
      await well(federation)
      for (const name of ['before', 'one', 'two', 'three'])
        await publishOne(federation, '330100', name)
      await federation.until(
        'all of it is up, and down',
        async () =>
          (await standing(federation, '330000', 'three-0')) === 1 &&
          (await standing(federation, '330100', 'down-0')) === 1,
      )
      for (const name of ['before', 'one', 'two', 'three']) {
        t.equal(await standing(federation, '330100', `${name}-0`), 1, `${name} is there once`)
        t.equal(await standing(federation, '330000', `${name}-0`), 1, `${name} is above once`)
      }
      await well(federation)
      await federation.restart('330100')
      await well(federation)
      t.same(await findings(federation), [])
    },
  )
}

t.test('an idle node whose disk was full is well again by itself', async (t) => {
  const federation = await federationOf(t, [PROVINCE])
  const faulty = new FaultyDisk()
  await federation.restart('330000', { wrapStore: faulty.wrap })
  faulty.state = 'full'
  await federation.until('it is noticed', () =>
    federation.alarms().some((line) => line.includes('store_failed')),
  )
  faulty.state = 'good'
  await well(federation)
  t.same(await findings(federation), [])
})

/** Mounts a small disk; undefined where this is not allowed. */
function smallDisk(folder: string, megabytes: number): (() => void) | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'huxin-test', folder], {
      stdio: 'ignore',
    })
    return () => void execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
}

t.test(
  'a real disk runs full under load and has space again: what was acknowledged is there once',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE])
    await federation.init(CITY)
    const data = join(federation.folderOf('330100'), 'data')
    await mkdir(data, { recursive: true })
    const unmount = smallDisk(data, 64)
    if (!unmount) {
      t.comment('no small disk can be mounted here: left to the tests above')
      return
    }
    t.teardown(async () => {
      await federation.node('330100').close()
      unmount()
    })
    const config = await loadConfig(federation.folderOf('330100'))
    const node = await federation.startNode('330100', {
      config: { ...config, disk: { warnBytes: 0, reserveBytes: 0 } },
    })
    const operator = await operatorOf(federation, node)
    t.teardown(() => operator.close())
    await catalogEverywhere(federation)
    const filler = await open(join(data, 'filler'), 'wx')
    for (let mb = 0; mb < 60; mb++) await filler.write(Buffer.alloc(1 << 20))
    const acknowledged: string[] = []
    let failed = ''
    for (let i = 0; failed === '' && i < 200; i++) {
      failed = await codeOf(publishOne(federation, '330100', `load${i}`, '330000', 100))
      if (failed === '') acknowledged.push(`load${i}`)
    }
    t.equal(failed, 'store_failed')
    t.ok(acknowledged.length > 0)
    t.match(federation.alarms().join('\n'), /330100: store: store_failed: .*No space left/)
    t.match(await codeOf(publishOne(federation, '330100', 'full')), /^(store_failed|not_ready)$/)
    // It tries again and again; what it has can be read meanwhile.
    for (let i = 0; i < 3; i++) {
      const status = await operator.client(AdminService).getStatus({}, { timeoutMs: 10_000 })
      t.match(status, { state: 'degraded', logSize: node.context.log().size })
      t.match(status.alarms.join('\n'), /store: store_failed: .*(?:No space left|no space left)/)
      const { records } = await operator
        .client(RecordService)
        .getRecords({ recordId: `${acknowledged[0]}-0` }, { timeoutMs: 10_000 })
      t.equal(records.length, 1)
      await federation.until('it tried again', async () =>
        (await operator.client(AdminService).getStatus({}, { timeoutMs: 10_000 })).alarms
          .join()
          .includes('read as it is'),
      )
    }
    await filler.close()
    await rm(join(data, 'filler'))
    await well(federation)
    await publishOne(federation, '330100', 'again')
    acknowledged.push('again')
    await federation.until(
      'all of it is up',
      async () => (await standing(federation, '330000', 'again-0')) === 1,
    )
    for (const name of acknowledged)
      for (const id of ['330100', '330000'])
        t.equal(await standing(federation, id, `${name}-0`), 1, `${name} at ${id}`)
    await federation.restart('330100')
    await well(federation)
    t.same(await findings(federation), [])
  },
)

t.test(
  'files that another user left are named as that, and nobody is sent to recover',
  { skip: process.getuid?.() !== 0 && 'only root can become another user' },
  async (t) => {
    const federation = await federationOf(t, [PROVINCE])
    const folder = federation.folderOf('330000')
    await federation.node('330000').close()
    federation.nodes.delete('330000')
    const NOBODY = 65_534
    await chmod(federation.folder, 0o755)
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, federation.folder])
    const start = () =>
      new Promise<string>((resolve) => {
        let said = ''
        const child = spawn(process.execPath, [MAIN, 'node', 'start', '--node', folder], {
          uid: NOBODY,
          gid: NOBODY,
          stdio: ['ignore', 'ignore', 'pipe'],
          env: { PATH: process.env['PATH'] ?? '', LANG: 'C' },
        })
        child.stderr.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          if (said.includes('listens on')) child.kill('SIGTERM')
        })
        child.once('close', () => resolve(said))
      })
    t.match(await start(), /listens on/)
    t.same((await checkFolder(folder)).findings, [], 'root looks at the stopped node')
    const said = await start()
    t.match(said, /config_invalid .* file\(s\) below .* belong to another user, [\s\S]*chown -R/)
    t.notMatch(said, /recover/)
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, federation.folder])
    t.match(await start(), /listens on/)
    t.same((await checkFolder(folder)).findings, [])
  },
)
