/**
 * The fault table below the program: every system call that a node makes on its own files fails with EIO, or
 * kills the process, once each; then the node starts again, whoever was not answered sends again, and fsck
 * is clean. The same for `huxin node init`. Wants strace and the right to trace, and some minutes:
 *
 *   npm run test:syscalls -- [--calls fdatasync,write] [--nth 13]
 */
import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromHex, hex } from '../../src/base/bytes.ts'
import { messageOf } from '../../src/base/errors.ts'
import { amend } from '../../src/publish/amend.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { loadConfig } from '../../src/node/config.ts'
import { loadKeys } from '../../src/node/keys.ts'
import { Node } from '../../src/node/node.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { receiptFor } from '../../src/witness/receipts.ts'
import { publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'
import { systemPorts } from '../../src/node/system-ports.ts'

const SELF = fileURLToPath(import.meta.url)
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const ROOT = '330000'
const REQUESTS = ['one', 'two', 'three'] as const
const CALLS = [
  'openat',
  'write',
  'pwrite64',
  'fdatasync',
  'fsync',
  'rename',
  'unlink',
  'mkdir',
  'ftruncate',
]
const only = process.argv.indexOf('--nth')
const ONLY = only < 0 ? undefined : Number(process.argv[only + 1])
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** What the node answered, one line of standard output each. */
interface Answer {
  readonly request: string
  readonly id: string
  readonly index: string
  readonly prefix: string
  readonly proof: string
}

async function start(folder: string): Promise<Node> {
  return Node.start({ config: await loadConfig(folder), ...systemPorts, log: silent, alone: true })
}

/** The run that is traced: three batches, an erasure, what is erased rewritten, a stop in order. */
async function work(folder: string): Promise<void> {
  const node = await start(folder)
  try {
    for (const request of REQUESTS)
      process.stdout.write(`${JSON.stringify(await publishOnce(node, request))}\n`)
    await eraseFirst(node)
    await node.context.indexer.caughtUp()
    await node.sweep(0)
  } finally {
    await node.close()
  }
}

async function publishOnce({ context }: Node, request: string): Promise<Answer> {
  const { batch, index, tree } = await publishRecords(
    context,
    [industryRecord(0, { prefix: request }), industryRecord(1, { prefix: request })],
    [ROOT],
    { requestId: request },
  )
  const receipt = await receiptFor(context, batch!.id, index, tree)
  return {
    request,
    id: hex(batch!.id),
    index: String(index),
    prefix: hex(receipt.entryPrefix),
    proof: Buffer.from(receipt.proof).toString(),
  }
}

async function eraseFirst(node: Node): Promise<void> {
  const { id } = await publishOnce(node, 'one')
  await amend(node.context, {
    provider: BODY,
    source: { kind: 'client', name: 'test' },
    requestId: 'erase',
    changes: [
      {
        action: 'erase',
        batchId: fromHex(id)!,
        position: 1,
        effectiveOn: '2026-01-05',
        basis: 'test',
        document: '',
      },
    ],
  })
}

/** Starts the folder again, sends everything again. @returns what is wrong */
async function faultsAfter(folder: string, answers: readonly Answer[]): Promise<string[]> {
  const faults: string[] = []
  const node = await start(folder)
  try {
    const { context } = node
    for (const request of REQUESTS) {
      const again = await publishOnce(node, request)
      for (const before of answers.filter((answer) => answer.request === request)) {
        if (before.id !== again.id || before.index !== again.index)
          faults.push(
            `${request} was batch ${before.id} at ${before.index}, and is ${again.id} at ${again.index}`,
          )
        const leaf = await context.log().entry(BigInt(before.index))
        if (leaf)
          verifyTlogProof({
            proofBytes: Buffer.from(before.proof),
            leaf,
            origin: context.log().origin,
            logVerifier: context.log().verifier,
          })
      }
    }
    await eraseFirst(node)
    await context.indexer.caughtUp()
    for (const request of REQUESTS) {
      const [kept, erased] = [
        await findByRecordId(context, `${request}-0`),
        await findByRecordId(context, `${request}-1`),
      ]
      if (kept.length !== 1 || erased.length !== (request === 'one' ? 0 : 1))
        faults.push(`${request} stands ${kept.length} and ${erased.length} times`)
    }
    faults.push(...(await checkStore(context.store, context.log(), node.genesis())).findings)
    if (node.state !== 'serving')
      faults.push(`it is ${node.state}: ${node.alarms.list().join('; ')}`)
  } finally {
    await node.close()
  }
  return faults
}

interface Traced {
  readonly out: string
  readonly said: string
  /** Calls on the traced paths, by name. */
  readonly counts: ReadonlyMap<string, number>
  /** The call that was tampered with. */
  readonly hit: string
}

/** Runs a program under strace, with one call on one of the paths tampered with. */
async function traced(
  command: readonly string[],
  { paths, log, tamper }: { paths: readonly string[]; log: string; tamper?: string | undefined },
): Promise<Traced> {
  const flags = [
    '-f',
    '-qq',
    '-o',
    log,
    '-e',
    `trace=${CALLS.join(',')}`,
    '-e',
    'signal=none',
    ...paths.flatMap((path) => ['-P', path]),
    ...(tamper ? ['-e', `inject=${tamper}`] : []),
  ]
  const { out, said } = await new Promise<{ out: string; said: string }>((resolve) => {
    execFile(
      'strace',
      [...flags, process.execPath, ...command],
      {
        env: { PATH: process.env['PATH'] ?? '', LANG: 'C', UV_THREADPOOL_SIZE: '1' },
        timeout: 60_000,
        maxBuffer: 1 << 24,
      },
      (_error, stdout, stderr) => resolve({ out: stdout, said: stderr }),
    )
  })
  const counts = new Map<string, number>()
  const lines = await readFile(log, 'utf8')
  for (const [, name] of lines.matchAll(/^\d+ +([a-z0-9]+)\(/gm))
    counts.set(name!, (counts.get(name!) ?? 0) + 1)
  return { out, said, counts, hit: /^.*INJECTED.*$/m.exec(lines)?.[0] ?? '' }
}

/** Everything that a folder has now, and the folders themselves. */
async function pathsOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return [folder, ...names.map((name) => join(folder, name))]
}

const answersOf = (out: string): Answer[] =>
  out
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Answer)

interface Subject {
  readonly name: string
  /** Makes the folder as it is before the run. */
  readonly prepare: (folder: string) => Promise<void>
  readonly command: (folder: string) => readonly string[]
  readonly check: (folder: string, run: Traced) => Promise<string[]>
  /** Paths in question that the run makes. */
  readonly made: readonly string[]
}

/** Fails every call of a subject in every way. @returns what is wrong, a line each */
async function table(
  subject: Subject,
  folder: string,
  calls: readonly string[],
): Promise<string[]> {
  const wrong: string[] = []
  const log = `${folder}.strace`
  const prepared = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true })
    await subject.prepare(folder)
  }
  await prepared()
  const before = await pathsOf(folder)
  await traced(subject.command(folder), { paths: before, log })
  const paths = [
    ...new Set([
      ...before,
      ...(await pathsOf(folder)),
      ...subject.made.map((name) => join(folder, name)),
    ]),
  ]
  await prepared()
  const clean = await traced(subject.command(folder), { paths, log })
  const faults = await subject.check(folder, clean)
  if (faults.length > 0) return [`${subject.name} without a fault: ${faults.join('; ')}`]
  process.stdout.write(
    `${subject.name}: ${[...clean.counts].map(([name, count]) => `${count} ${name}`).join(', ')}\n`,
  )
  for (const call of calls) {
    // Each thread counts for itself, so the last numbers meet nothing.
    for (let nth = ONLY ?? 1; nth <= (ONLY ?? clean.counts.get(call) ?? 0); nth++) {
      for (const what of ['error=EIO', 'signal=KILL'] as const) {
        await prepared()
        const run = await traced(subject.command(folder), {
          paths,
          log,
          tamper: `${call}:${what}:when=${nth}`,
        })
        const found = await subject.check(folder, run).catch((error: unknown) => [messageOf(error)])
        // LevelDB loses a journal that it cannot open just after it was read here: the node refuses, and says what to do.
        const known =
          /\.log", O_RDONLY/.test(run.hit) &&
          found.length === 1 &&
          found[0]!.includes('the database is an old copy')
        if (found.length > 0 && !known)
          wrong.push(
            `${subject.name}, ${call} ${nth}, ${what}: ${found.join('; ')}\n${run.hit}\n${run.said.slice(-500)}`,
          )
        process.stdout.write(found.length === 0 ? '.' : known ? 'k' : 'F')
      }
    }
    process.stdout.write(` ${call}\n`)
  }
  return wrong
}

async function main(): Promise<void> {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
  } catch {
    process.stdout.write('strace is not here, or may not trace: nothing was tested\n')
    return
  }
  const at = process.argv.indexOf('--calls')
  const calls = at < 0 ? CALLS : process.argv[at + 1]!.split(',')
  const federation = await TestFederation.start(
    [{ id: ROOT, tier: 'province', divisions: [ROOT] }],
    { store: 'disk' },
  )
  const wrong: string[] = []
  try {
    await federation.node(ROOT).close()
    const home = federation.folderOf(ROOT)
    wrong.push(
      ...(await table(
        {
          name: 'a node',
          made: [],
          prepare: (folder) => cp(home, folder, { recursive: true }),
          command: (folder) => [SELF, '--work', folder],
          check: (folder, { out }) => faultsAfter(folder, answersOf(out)),
        },
        join(federation.folder, 'nodes', 'traced'),
        calls,
      )),
    )
    wrong.push(
      ...(await table(
        {
          name: 'an init',
          made: [
            'application.txt',
            'application.txt.part',
            'keys',
            'keys/next',
            'keys/1',
            'keys/subject.key.part',
            'keys/next/note.key',
            'keys/next/note.key.part',
            'keys/next/cosign.key',
            'keys/next/cosign.key.part',
          ],
          prepare: async (folder) => {
            await mkdir(folder)
            await cp(join(home, 'node.yaml'), join(folder, 'node.yaml'))
          },
          command: (folder) => [MAIN, 'node', 'init', '--node', folder],
          async check(folder) {
            const again = await traced([MAIN, 'node', 'init', '--node', folder], {
              paths: [folder],
              log: `${folder}.again`,
            })
            await loadKeys(folder, 1, { node: federation.name(ROOT) })
            const names = await readdir(folder)
            return names.includes('join.json') ? [] : [`it has ${names.join(', ')}: ${again.said}`]
          },
        },
        join(federation.folder, 'nodes', 'init'),
        calls,
      )),
    )
  } finally {
    await federation.stop()
  }
  process.stdout.write(`${wrong.join('\n')}${wrong.length > 0 ? '\n' : ''}${wrong.length} failed\n`)
  process.exitCode = wrong.length > 0 ? 1 : 0
}

if (process.argv[2] === '--work') await work(process.argv[3]!)
else await main()
