/** A backup of a running node, restored on an empty machine: whole, unreadable without its secret, and never a second log. */
import t, { type Test } from 'tap'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { create, toBinary } from '@bufbuild/protobuf'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom, systemRandom } from '../../src/base/random.ts'
import { BackupResponseSchema } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { packTar, unpackTar } from 'modern-tar'
import { AgeWriter, headOf } from '../../src/archive/age-file.ts'
import { BackupWriter, readBackup } from '../../src/archive/backup-file.ts'
import { newFileKey, type Secret } from '../../src/archive/file-key.ts'
import { Backups, backupFolder, restoreBackup, writeBackup } from '../../src/node/backup.ts'
import { recoverNode } from '../../src/node/setup.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import { runHere } from '../cli/program.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import { tookMs } from '../support/own-time.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
const COUNTY = '330106'
const key: Secret = { kind: 'key', bytes: new SeededRandom('backup').fill(new Uint8Array(32)) }

t.setTimeout(0)

async function start(t: Test): Promise<TestFederation> {
  const federation = await TestFederation.start(PLACES, { store: 'disk' })
  t.teardown(() => federation.stop())
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context, state }) => state === 'serving' && context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return federation
}

async function send(
  federation: TestFederation,
  from: string,
  to: string,
  name: string,
): Promise<void> {
  await publishRecords(
    federation.node(from).context,
    many(3, (i) => industryRecord(i, { prefix: name })),
    [to],
  )
}

async function has(federation: TestFederation, id: string, ...names: string[]): Promise<boolean> {
  for (const name of names)
    if ((await findByRecordId(federation.node(id).context, `${name}-2`)).length !== 1) return false
  return true
}

/** Everything of the county's log is cosigned by its parent. */
function cosigned(federation: TestFederation): Promise<void> {
  const { context } = federation.node(COUNTY)
  return federation.until(
    'the parent has seen all of it',
    async () =>
      (await cosignedSize(context, federation.name('330100'))) === context.log().signed.size,
  )
}

/** Backs the running county up. */
async function backup(federation: TestFederation, secret: Secret = key): Promise<string> {
  const file = join(federation.folder, `backup-${federation.node(COUNTY).context.log().size}`)
  const { config, context } = federation.node(COUNTY)
  await writeBackup(
    { config, epoch: context.epoch, log: context.log(), store: context.store },
    file,
    await newFileKey(secret),
  )
  return file
}

/** The machine is gone; another one, empty, gets the backup. */
async function lose(federation: TestFederation, file: string): Promise<void> {
  const folder = federation.folderOf(COUNTY)
  await federation.node(COUNTY).close()
  await rm(folder, { recursive: true })
  const { check } = await restoreBackup(file, folder, key)
  t.same(check.findings, [])
}

async function well(federation: TestFederation): Promise<void> {
  await federation.until(
    'every node serves without an alarm',
    () =>
      federation.alarms().length === 0 &&
      [...federation.nodes.values()].every(({ state }) => state === 'serving'),
  )
  t.same(await findings(federation), [])
}

t.test('a backup of the newest state rejoins as it was, in the same epoch', async (t) => {
  const federation = await start(t)
  await send(federation, COUNTY, '330000', 'up')
  await send(federation, '330000', COUNTY, 'down')
  await federation.until(
    'it is there',
    async () => (await has(federation, '330000', 'up')) && (await has(federation, COUNTY, 'down')),
  )
  await cosigned(federation)
  const { size } = federation.node(COUNTY).context.log()
  await lose(federation, await backup(federation))
  await federation.startNode(COUNTY)
  await federation.until('it serves', () => federation.node(COUNTY).state === 'serving')
  t.equal(federation.node(COUNTY).context.epoch, 1)
  t.equal(federation.node(COUNTY).context.log().size, size)
  t.ok(await has(federation, COUNTY, 'up', 'down'))
  await send(federation, COUNTY, '330000', 'new')
  await send(federation, '330000', COUNTY, 'again')
  await federation.until(
    'both directions go on',
    async () =>
      (await has(federation, '330000', 'new')) && (await has(federation, COUNTY, 'again')),
  )
  await well(federation)
})

t.test(
  'an old backup, database and checkpoint, does not fork the log: the node says so, signs nothing, and recovers',
  async (t) => {
    const federation = await start(t)
    await send(federation, COUNTY, '330000', 'before')
    await federation.until('it is up', () => has(federation, '330000', 'before'))
    const file = await backup(federation)
    await send(federation, COUNTY, '330000', 'later')
    await send(federation, '330000', COUNTY, 'down')
    await federation.until(
      'more work is done',
      async () =>
        (await has(federation, '330000', 'later')) && (await has(federation, COUNTY, 'down')),
    )
    await cosigned(federation)
    const { port } = federation.node(COUNTY)
    await lose(federation, file)
    const old = await federation.startNode(COUNTY)
    const { size } = old.context.log().signed
    // Before the parent was heard nothing is signed; after it, nothing ever.
    t.match(
      await codeOf(send(federation, COUNTY, '330000', 'forked')),
      /^(?:not_ready|log_behind)$/,
    )
    await federation.until('it is noticed', () => old.state === 'broken')
    t.match(old.alarms.list().join('\n'), /huxin node recover/)
    t.equal(await codeOf(send(federation, COUNTY, '330000', 'forked')), 'log_behind')
    t.equal(old.context.log().signed.size, size, 'nothing was signed')
    await old.close()
    const recovery = await recoverNode(federation.folderOf(COUNTY), {
      clock: systemClock,
      random: systemRandom,
    })
    t.match(recovery, { oldEpoch: 1, newEpoch: 2 })
    t.ok(recovery.parentSize > recovery.localSize)
    await federation.startNode(COUNTY, {
      config: { ...old.config, listen: { host: '127.0.0.1', port } },
    })
    await federation.until('all of it is back', () =>
      has(federation, COUNTY, 'before', 'later', 'down'),
    )
    await send(federation, COUNTY, '330000', 'new')
    await federation.until('the new epoch sends', () => has(federation, '330000', 'new'))
    await well(federation)
  },
)

t.test('a backup under load is of one moment, and the node goes on', async (t) => {
  const federation = await start(t)
  let loading = true
  const load = (async () => {
    for (let i = 0; loading; i++) await send(federation, COUNTY, '330000', `load${i}-`)
  })()
  const { context } = federation.node(COUNTY)
  const from = context.log().size
  await federation.until('there is load', () => context.log().size > from + 5n)
  const file = await backup(federation)
  const size = context.log().size
  await federation.until('it went on', () => context.log().size > size + 5n)
  loading = false
  await load
  const folder = join(federation.folder, 'elsewhere')
  const restored = await restoreBackup(file, folder, key)
  t.same(restored.check.findings, [])
  t.ok(restored.size > from && restored.size <= size)
  await well(federation)
})

t.test('a backup says nothing without its secret, and is taken whole or not at all', async (t) => {
  const federation = await start(t)
  await publishRecords(
    federation.node(COUNTY).context,
    many(300, (i) => industryRecord(i, { prefix: 'secret' })),
    ['330000'],
  )
  const folder = federation.folderOf(COUNTY)
  const file = await backup(federation)
  const bytes = await readFile(file)
  const noteKey = await readFile(join(folder, 'keys/1/note.key'), 'utf8')
  for (const text of ['secret-1', noteKey.trim(), '浙江测试企业', 'huxin/entry/v1'])
    t.notOk(bytes.includes(text), text.slice(0, 12))
  const to = join(federation.folder, 'elsewhere')
  const tried = async (changed: Uint8Array, secret: Secret = key): Promise<string> => {
    await writeFile(`${file}.changed`, changed)
    const code = await codeOf(restoreBackup(`${file}.changed`, to, secret))
    t.same(await readdir(to), [], 'nothing is left')
    return code
  }
  t.equal(await tried(bytes, { kind: 'key', bytes: new Uint8Array(32) }), 'argument_invalid')
  t.equal(
    await tried(bytes, { kind: 'passphrase', text: 'correct horse battery' }),
    'argument_invalid',
  )
  t.equal(await tried(Buffer.concat([bytes, Buffer.of(0)])), 'argument_invalid')
  const random = new SeededRandom('backup bits')
  const payload = headOf(bytes).length + 16
  const chunks: number[] = []
  for (let at = payload; at < bytes.length; at += 65_536 + 16) chunks.push(at)
  t.ok(chunks.length > 1)
  for (const cut of [0, 10, payload - 1, ...chunks, chunks[0]! + 15, bytes.length - 1])
    t.equal(await tried(bytes.subarray(0, cut)), 'argument_invalid', `cut off at ${cut}`)
  for (let i = 0; i < 20; i++) {
    const changed = Buffer.from(bytes)
    const at = i < 5 ? chunks[0]! + i : random.below(bytes.length)
    changed[at] = changed[at]! ^ (1 << random.below(8))
    t.equal(await tried(changed), 'argument_invalid', `changed at ${at}`)
  }
  t.equal((await restoreBackup(file, to, key)).node, federation.name(COUNTY))
  t.equal(
    await codeOf(restoreBackup(file, to, key)),
    'config_invalid',
    'a folder with a node in it is left alone',
  )
})

t.test('a passphrase opens what it made, of a node that is stopped', async (t) => {
  const federation = await start(t)
  const folder = federation.folderOf(COUNTY)
  const secret: Secret = { kind: 'passphrase', text: 'correct horse battery' }
  const file = join(federation.folder, 'stopped')
  t.equal(await codeOf(backupFolder(folder, file, await newFileKey(secret))), 'store_locked')
  await federation.node(COUNTY).close()
  const made = await backupFolder(folder, file, await newFileKey(secret))
  const restored = await restoreBackup(file, join(federation.folder, 'elsewhere'), secret)
  t.same({ ...restored, check: restored.check.findings }, { ...made, check: [] })
  t.equal(await codeOf(newFileKey({ kind: 'passphrase', text: 'short' })), 'argument_invalid')
  await federation.startNode(COUNTY)
  await well(federation)
})

t.test('huxin node backup asks the running node, huxin node restore puts it back', async (t) => {
  const federation = await start(t)
  await send(federation, COUNTY, '330000', 'up')
  const [secret, file, folder] = ['secret', 'made', 'elsewhere'].map((name) =>
    join(federation.folder, name),
  )
  await writeFile(secret!, 'correct horse battery\n')
  const { context, port } = federation.node(COUNTY)
  const size = context.log().signed.size
  const ran = await runHere([
    'node',
    'backup',
    '--node',
    federation.folderOf(COUNTY),
    '--address',
    `127.0.0.1:${port}`,
    '--out',
    file!,
    '--passphrase-file',
    secret!,
  ])
  t.match(ran, { code: 0, out: /entries/ })
  t.same(
    await readdir(join(federation.folderOf(COUNTY), 'backup')),
    [],
    'the file was moved to where it was wanted',
  )
  const restored = await runHere([
    'node',
    'restore',
    file!,
    '--node',
    folder!,
    '--passphrase-file',
    secret!,
    '--json',
  ])
  t.equal(restored.code, 0, restored.err)
  t.ok(BigInt((JSON.parse(restored.out) as { size: string }).size) >= size)
  t.match(await runHere(['node', 'restore', file!, '--node', `${folder!}2`]), {
    code: 2,
    err: /--passphrase-file or --key-file/,
  })
})

t.test(
  'a backup of a large database needs little memory',
  { skip: process.platform !== 'linux' && 'memory is read from /proc' },
  async (t) => {
    const script = fileURLToPath(new URL('../support/backup-bytes.js', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script, t.testdir()])
    const { grown, mb } = JSON.parse(stdout) as { grown: number; mb: number }
    t.ok(mb > 300, `it has ${mb} MB`)
    t.ok(grown < 150, `the process grew by ${grown} MB`)
  },
)

t.test('a node that stops gives a backup up, and leaves nothing of it', async (t) => {
  const federation = await start(t)
  const { config, context } = federation.node(COUNTY)
  const made = await newFileKey(key)
  const folder = join(config.folder, 'backup')
  // One that never ends: the same rows again and again.
  const endless = () => {
    const snapshot = context.store.snapshot()
    return {
      ...snapshot,
      range: async () => [[Buffer.from('k'), Buffer.alloc(100_000)]] as [Uint8Array, Uint8Array][],
    }
  }
  const backups = new Backups(() => ({
    config,
    epoch: 1,
    log: context.log(),
    store: { snapshot: endless },
  }))
  backups.begin(made)
  t.equal(await codeOf((async () => backups.begin(made))()), 'overloaded')
  await federation.until('it is under way', () => backups.state.bytes > 5e6)
  t.equal((await readdir(folder)).length, 1)
  t.ok((await tookMs(() => backups.close())) < 5_000)
  t.match(backups.state, { state: 'failed', error: /given up/ })
  t.same(await readdir(folder), [])
  t.equal(await codeOf((async () => backups.begin(made))()), 'not_ready')
  await writeFile(join(folder, 'killed.backup.part'), 'what a killed process left')
  await writeFile(join(folder, 'done.backup'), 'one that nobody fetched')
  await federation.restart(COUNTY)
  t.same(await readdir(folder), ['done.backup'])
  await well(federation)
})

t.test('huxin node backup does not take the folder of a node that stopped meanwhile', async (t) => {
  const federation = await start(t)
  let asked = 0
  const { port } = await federation.restart(COUNTY, {
    wrapServices: (services) =>
      services.map((service) => ({
        ...service,
        methods: service.methods.map((method) =>
          method.name !== 'Backup'
            ? method
            : {
                ...method,
                call: async (request: Uint8Array, call: Parameters<typeof method.call>[1]) => {
                  asked++
                  // Begins none, and says that it is written.
                  const writing = toBinary(
                    BackupResponseSchema,
                    create(BackupResponseSchema, { state: 'writing', file: 'x', bytes: 1n }),
                  )
                  return request.length > 0 || asked > 1 ? writing : method.call(request, call)
                },
              },
        ),
      })),
  })
  const secret = join(federation.folder, 'secret')
  await writeFile(secret, 'correct horse battery\n')
  const out = join(federation.folder, 'made')
  const running = runHere([
    'node',
    'backup',
    '--node',
    federation.folderOf(COUNTY),
    '--address',
    `127.0.0.1:${port}`,
    '--out',
    out,
    '--passphrase-file',
    secret,
  ])
  await federation.until('it is asked how it stands', () => asked > 1)
  await federation.node(COUNTY).close()
  federation.nodes.delete(COUNTY)
  t.match(await running, { code: 3, err: /the node stopped while it wrote the backup/ })
  t.notOk((await readdir(federation.folder)).includes('made'))
})

t.test(
  'what a crafted backup says of itself names no place outside the folder, and costs no more than a backup',
  async (t) => {
    const folder = t.testdir()
    const file = join(folder, 'crafted')
    const made = await newFileKey(key)
    const crafted = async (
      end: unknown,
      more: readonly string[] = [],
      names: readonly string[] = [],
    ): Promise<string> => {
      const archive = await BackupWriter.create(file, made)
      for (const name of ['node.yaml', 'join.json', 'keys/1/note.key', ...names])
        await archive.add({ kind: 'file', name, value: Buffer.from('none') })
      for (const text of [typeof end === 'string' ? end : JSON.stringify(end), ...more])
        await archive.add({ kind: 'end', value: Buffer.from(text) })
      await archive.end()
      const said = await restoreBackup(file, join(folder, 'to'), key).then(
        () => 'restored',
        (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
      )
      t.same(await readdir(join(folder, 'to')), [], 'nothing is left')
      return said
    }
    const good = { node: 'zj.example/1', epoch: 1, size: '0', rows: 0 }
    for (const epoch of ['../../..', '1/../../x', -1, 0, 1.5, 1e300, null])
      t.match(await crafted({ ...good, epoch }), /^argument_invalid: .* is no epoch$/)
    t.match(
      await crafted({ ...good, epoch: 1e9 }),
      /^argument_invalid: .* it is of epoch 1000000000, whose keys it has not$/,
    )
    for (const end of [
      { ...good, node: 'Z/../x' },
      { ...good, size: '1e9' },
      { ...good, size: 5 },
      { ...good, rows: -1 },
      '{',
      'null',
      '[]',
      '5',
    ])
      t.match(await crafted(end), /^argument_invalid/)
    t.match(
      await crafted(good, [JSON.stringify(good)]),
      /^argument_invalid: .* something follows its end$/,
    )
    t.same((await readdir(folder)).sort(), ['crafted', 'to'])

    for (const name of ['../x', 'keys/../../x', '/tmp/x', 'data/x', 'keys', 'evidence'])
      t.match(await crafted(good, [], [name]), /^argument_invalid: .* it has a file /, name)
    const tar = await packTar([
      { header: { name: 'node.yaml', size: 0, type: 'symlink', linkname: '/etc/passwd' } },
    ])
    const linked = await AgeWriter.create(file, made, systemRandom)
    await linked.write(tar)
    await linked.end()
    await t.rejects(readBackup(file, key).next(), {
      code: 'argument_invalid',
      message: /"node.yaml" is no file/,
    })

    const passphrase: Secret = { kind: 'passphrase', text: 'correct horse battery' }
    const costly = Buffer.from(
      `${JSON.stringify({ format: 'huxin/backup/v1', kdf: 'scrypt', n: 1 << 20, r: 16, p: 4, salt: Buffer.alloc(32).toString('base64') })}\n`,
    )
    await writeFile(file, Buffer.concat([costly, Buffer.alloc(100)]))
    await t.rejects(readBackup(file, passphrase).next(), {
      code: 'argument_invalid',
      message: /its key costs 64 times what a backup's does/,
    })
    await writeFile(
      file,
      `age-encryption.org/v1\n-> scrypt ${'A'.repeat(22)} 20\n${'A'.repeat(43)}\n--- ${'A'.repeat(43)}\n${'x'.repeat(100)}`,
    )
    await t.rejects(readBackup(file, passphrase).next(), {
      code: 'argument_invalid',
      message: /its key costs more than twice what a backup's does/,
    })
  },
)

t.test('a backup of before is restored', async (t) => {
  const folder = t.testdir()
  const restored = await restoreBackup(
    join(process.cwd(), 'test/node/province-v1.backup'),
    folder,
    { kind: 'passphrase', text: 'correct horse battery' },
  )
  t.same(
    { ...restored, check: restored.check.findings },
    { node: 'zj.example/330000', epoch: 1, size: 3n, rows: restored.rows, check: [] },
  )
  t.ok(restored.rows > 10)
})

t.test(
  'age itself opens a backup, by passphrase, by key and by what the key file is as a passphrase, and there is a tar in it',
  async (t) => {
    const federation = await TestFederation.start([PLACES[0]!], { store: 'disk' })
    t.teardown(() => federation.stop())
    const { config, context } = federation.node('330000')
    const source = { config, epoch: context.epoch, log: context.log(), store: context.store }
    const identity = await generateIdentity()
    const recipient = await identityToRecipient(identity)
    const opened = async (made: Secret, open: (age: Decrypter) => void): Promise<string[]> => {
      const file = join(federation.folder, 'opened')
      await writeBackup(source, file, await newFileKey(made))
      const age = new Decrypter()
      open(age)
      const entries = await unpackTar(await age.decrypt(await readFile(file)))
      t.equal(
        Buffer.from(
          entries.find(({ header }) => header.name === 'keys/1/note.key')!.data!,
        ).toString(),
        await readFile(join(config.folder, 'keys/1/note.key'), 'utf8'),
      )
      return entries.map(({ header }) => header.name)
    }
    const names = await opened({ kind: 'passphrase', text: 'correct horse battery' }, (age) =>
      age.addPassphrase('correct horse battery'),
    )
    t.same([names[0], names.at(-2), names.at(-1)], ['node.yaml', 'rows/000000001', 'backup.json'])
    t.same(
      await opened(key, (age) =>
        age.addPassphrase(Buffer.from((key as { bytes: Uint8Array }).bytes).toString('base64')),
      ),
      names,
    )
    const own: Secret = {
      kind: 'key',
      bytes: Buffer.from(`# created: today\n# public key: ${recipient}\n${identity}\n`),
    }
    t.same(await opened(own, (age) => age.addIdentity(identity)), names)
    // Whoever writes needs no more than the public key; whoever restores needs the other one.
    const publicAlone: Secret = { kind: 'key', bytes: Buffer.from(recipient) }
    t.same(await opened(publicAlone, (age) => age.addIdentity(identity)), names)
    const file = join(federation.folder, 'opened')
    const restored = async (secret: Secret): Promise<string> =>
      codeOf(restoreBackup(file, join(federation.folder, 'elsewhere'), secret))
    t.equal(await restored(publicAlone), 'argument_invalid')
    t.equal(
      await restored({ kind: 'passphrase', text: 'correct horse battery' }),
      'argument_invalid',
    )
    t.equal(
      await codeOf(newFileKey({ kind: 'key', bytes: Buffer.from('age1nonsense\n') })),
      'argument_invalid',
    )
    t.equal(
      (await restoreBackup(file, join(federation.folder, 'elsewhere'), own)).node,
      config.node,
    )
  },
)
