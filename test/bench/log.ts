/**
 * Part `log`: appending through the writer, the cost of a checkpoint and of proofs as the log grows, verifying,
 * and tiles over HTTPS; beside raw SHA-256, signatures and fdatasync. A cold proof is the first after database
 * and log were opened anew (what the system itself keeps of files is not dropped), a running one the first of its
 * entry in a log that proves one random entry after another, a warm one the second of the same.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SeededRandom } from '../../src/base/random.ts'
import { Writer } from '../../src/commit/writer.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../src/merkle/proof.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { parseVkey } from '../../src/note/key.ts'
import { parseTlogProof, verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { BenchLog, benchSigner, cpuMicros, ORIGIN, realEntries, smallEntry } from './bench-log.ts'
import type { Bench, Figure, Limit } from './figure.ts'
import { hashesPerSecond, type MachineLimits } from './limits.ts'
import { serveLog } from './log-serve.ts'

/** More than the tiles of so many entries and sizes are not kept in memory. */
const PROOFS = 100
const VERIFY_ROUNDS = 20
const RUNNING_PROOFS = 1_000
const CHECKPOINTS = 512
const NODE_BYTES = 65
/** Nodes hashed to prove one entry of a full tile from the tile alone. */
const TILE_NODES = 247

/** The raw operations that a log is made of, each as fast as the machine does it. */
interface Raw extends MachineLimits {
  readonly nodeMicros: number
  readonly signMicros: number
  readonly verifyMicros: number
}

export async function log(bench: Bench): Promise<Figure[]> {
  const folder = await mkdtemp(join(process.env['TMPDIR'] ?? '/tmp', 'huxin-bench-log-'))
  try {
    const raw = measureRaw(bench.limits)
    const figures: Figure[] = [
      {
        part: 'limits',
        figure: `SHA-256 of ${NODE_BYTES} bytes`,
        value: raw.nodeMicros,
        unit: 'µs',
      },
      { part: 'limits', figure: 'Ed25519 signature', value: raw.signMicros, unit: 'µs' },
      { part: 'limits', figure: 'Ed25519 verification', value: raw.verifyMicros, unit: 'µs' },
    ]
    for (const [count, rounds] of [
      [1, 2_000],
      [100, 400],
      [1_000, 100],
    ] as const)
      figures.push(await append(join(folder, `append-${count}`), count, rounds, raw))
    for (const size of bench.logSizes) {
      const grown = await BenchLog.open(join(bench.logFolder ?? folder, String(size)))
      figures.push(...(await grow(grown, size)))
      figures.push(await checkpoints(grown, raw), ...(await proofs(grown, raw)))
      if (size === bench.logSizes.at(-1)) figures.push(...(await verifications(grown, raw)))
      await grown.close()
    }
    return [...figures, ...(await serveLog(join(folder, 'served')))]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function measureRaw(limits: MachineLimits): Raw {
  const signer = benchSigner()
  const message = Buffer.alloc(100, 3)
  const signature = signer.sign(message)
  const verifier = parseVkey(signer.vkey)
  return {
    ...limits,
    nodeMicros: 1e6 / hashesPerSecond(NODE_BYTES),
    signMicros: microsOf(() => signer.sign(message)),
    verifyMicros: microsOf(() => verifier.verify(message, signature)),
  }
}

/** Mean microseconds of one call. */
function microsOf(doing: () => unknown, rounds = 1_000): number {
  for (let i = 0; i < rounds / 10; i++) doing()
  const start = performance.now()
  for (let i = 0; i < rounds; i++) doing()
  return (1_000 * (performance.now() - start)) / rounds
}

/** Rounds of so many entries of real size, one after the other: staged, durable, signed, acknowledged. */
async function append(folder: string, count: number, rounds: number, raw: Raw): Promise<Figure> {
  const bench = await BenchLog.open(folder)
  const make = realEntries()
  const writer = new Writer({
    store: bench.store,
    log: () => bench.log,
    mayWrite: () => undefined,
    maySign: () => true,
    onAppend: () => undefined,
    onFailure: (error) => {
      throw error
    },
  })
  const write = async (many: number): Promise<void> => {
    for (let round = 0; round < many; round++) {
      const entries = Array.from({ length: count }, (_, i) => make(bench.log.size + BigInt(i)))
      await writer.propose(0, () => ({ entries, ops: [], remember: () => undefined }))
    }
  }
  await write(20)
  const bytes = make(0n).length
  const disk = await bench.diskBytes()
  const cpu = cpuMicros()
  const start = performance.now()
  await write(rounds)
  const seconds = (performance.now() - start) / 1000
  const used = cpuMicros() - cpu
  const total = rounds * count
  await writer.close()
  const diskBytesPerRecord = ((await bench.diskBytes()) - disk) / total
  await bench.close()
  const hashes = hashesPerSecond(bytes)
  return {
    part: 'log',
    figure: `append, ${count.toLocaleString('en-US')} entries a round`,
    value: total / seconds,
    unit: 'entries/s',
    limits: [
      { what: 'two fdatasync a round', value: (1000 * count) / (2 * raw.syncMs) },
      { what: 'disk', value: raw.diskBytesPerSecond / bytes },
      { what: 'SHA-256 of entry and node', value: 1 / (1 / hashes + raw.nodeMicros / 1e6) },
    ],
    diskBytesPerRecord,
    note: `${bytes} bytes each; ${((1000 * seconds) / rounds).toFixed(2)} ms a round; ${(used / total).toFixed(1)} µs CPU an entry`,
  }
}

async function grow(bench: BenchLog, size: bigint): Promise<Figure[]> {
  const missing = size - bench.log.size
  const start = performance.now()
  await bench.fill(size, smallEntry)
  const seconds = (performance.now() - start) / 1000
  await bench.settle()
  if (missing < 1_000_000n) return []
  return [
    {
      part: 'log',
      figure: `filling to ${named(size)} without a wait`,
      value: Number(missing) / seconds,
      unit: 'entries/s',
      diskBytesPerRecord: (await bench.diskBytes()) / Number(size),
      note: '64 bytes each',
    },
  ]
}

/** Signing after each of so many single entries, which fill two tiles from empty to full. */
async function checkpoints(bench: BenchLog, raw: Raw): Promise<Figure> {
  const { log, store, counter } = bench
  const size = log.size
  const [cpu, milliseconds, reads] = [[] as number[], [] as number[], [] as number[]]
  for (let i = -50; i < CHECKPOINTS; i++) {
    const staged = log.stage([smallEntry(log.size)])
    await store.commit(staged.ops, staged.expect)
    staged.apply()
    const [before, start] = [cpuMicros(), performance.now()]
    const read = await counter.during(() => log.seal())
    if (i < 0) continue
    milliseconds.push(performance.now() - start)
    cpu.push(cpuMicros() - before)
    reads.push(read)
  }
  return {
    part: 'log',
    figure: `checkpoint at ${named(size)}`,
    value: mean(milliseconds),
    unit: 'ms',
    limits: [
      { what: 'fdatasync', value: raw.syncMs },
      { what: 'Ed25519 signature', value: raw.signMicros / 1000 },
    ],
    note: `${mean(cpu).toFixed(0)} µs CPU, middle ${median(cpu).toFixed(0)}; ${mean(reads).toFixed(1)} reads, at most ${Math.max(...reads)}`,
  }
}

interface Cost {
  /** Mean and middle. */
  readonly micros: number
  readonly middleMicros: number
  readonly reads: number
  readonly readsMax: number
}

/** What each of them takes, with `before` done before each and not counted. */
async function costOf(
  bench: BenchLog,
  asks: readonly (() => Promise<unknown>)[],
  before: () => Promise<void>,
): Promise<Cost> {
  const [micros, reads] = [[] as number[], [] as number[]]
  for (const ask of asks) {
    await before()
    const cpu = cpuMicros()
    reads.push(await bench.counter.during(ask))
    micros.push(cpuMicros() - cpu)
  }
  return {
    micros: mean(micros),
    middleMicros: median(micros),
    reads: mean(reads),
    readsMax: Math.max(...reads),
  }
}

async function proofs(bench: BenchLog, raw: Raw): Promise<Figure[]> {
  const size = bench.log.size
  const random = new SeededRandom(`proofs of ${size}`)
  const figures: Figure[] = []
  const nothing = async (): Promise<void> => undefined
  for (const kind of ['inclusion', 'consistency'] as const) {
    const ask = (): (() => Promise<unknown>) => {
      const newSize = 2n + below(random, size - 1n)
      const index = below(random, newSize)
      return kind === 'inclusion'
        ? () => bench.log.prove(index, { ...bench.log.signed, size: newSize })
        : () => bench.log.proveConsistency(index + 1n, newSize)
    }
    const asks = Array.from({ length: PROOFS }, ask)
    // Until the machine code of all of it is there.
    await costOf(bench, Array.from({ length: RUNNING_PROOFS }, ask), nothing)
    const cold = await costOf(bench, asks, () => bench.reopen())
    await bench.reopen()
    await costOf(bench, asks.slice(0, 20), nothing)
    const running = await costOf(bench, Array.from({ length: RUNNING_PROOFS }, ask), nothing)
    for (const again of asks) await again()
    const warm = await costOf(bench, asks, nothing)
    const limit: Limit = {
      what: 'SHA-256 of a tile a level',
      value: levelsOf(size) * TILE_NODES * raw.nodeMicros,
    }
    for (const [how, { micros, middleMicros, reads, readsMax }] of [
      ['cold', cold],
      ['running', running],
      ['warm', warm],
    ] as const) {
      figures.push({
        part: 'log',
        figure: `${kind} proof of ${named(size)}, ${how}`,
        value: micros,
        unit: 'µs CPU',
        ...(how === 'cold' ? { floor: 1_000, limits: [limit] } : {}),
        note: `middle ${middleMicros.toFixed(0)}; ${reads.toFixed(1)} reads, at most ${readsMax}`,
      })
    }
  }
  return figures
}

async function verifications(bench: BenchLog, raw: Raw): Promise<Figure[]> {
  const { log } = bench
  const { size, root: newRoot } = log.signed
  const random = new SeededRandom(`verifications of ${size}`)
  const logVerifier = parseVkey(log.vkey)
  const cases = await Promise.all(
    Array.from({ length: PROOFS }, async () => {
      const index = below(random, size)
      const entry = (await log.entry(index))!
      const proofBytes = await log.prove(index)
      const oldSize = 1n + below(random, size)
      const oldRoot = await log.root(oldSize)
      const old = {
        size: oldSize,
        root: oldRoot,
        note: signCheckpoint({ origin: ORIGIN, size: oldSize, root: oldRoot }, benchSigner()),
      }
      const oldIndex = below(random, oldSize)
      return {
        entry,
        proofBytes,
        oldEntry: (await log.entry(oldIndex))!,
        oldProofBytes: await log.prove(oldIndex, old),
        inclusion: {
          index,
          size,
          leafHash: leafHash(entry),
          proof: parseTlogProof(proofBytes).proof,
          root: newRoot,
        },
        consistency: {
          oldSize,
          newSize: size,
          oldRoot,
          newRoot,
          proof: await log.proveConsistency(oldSize, size),
        },
      }
    }),
  )
  const timed = (verify: (one: (typeof cases)[number]) => void): number =>
    microsOf(() => {
      for (const one of cases) verify(one)
    }, VERIFY_ROUNDS) / PROOFS
  const hashesOf = (lengths: readonly number[]): Limit => ({
    what: 'SHA-256 of its hashes',
    value: mean(lengths) * raw.nodeMicros,
  })
  return [
    {
      part: 'log',
      figure: `verifying inclusion in ${named(size)}`,
      unit: 'µs',
      value: timed(({ inclusion }) => verifyInclusion(inclusion)),
      limits: [hashesOf(cases.map(({ inclusion }) => inclusion.proof.length))],
    },
    {
      part: 'log',
      figure: `verifying consistency with ${named(size)}`,
      unit: 'µs',
      value: timed(({ consistency }) => verifyConsistency(consistency)),
      limits: [hashesOf(cases.map(({ consistency }) => 2 * consistency.proof.length))],
    },
    {
      part: 'log',
      figure: 'verifying a tlog-proof, its checkpoint new',
      unit: 'µs',
      value: timed(
        ({ oldEntry, oldProofBytes }) =>
          void verifyTlogProof({
            proofBytes: oldProofBytes,
            leaf: oldEntry,
            origin: ORIGIN,
            logVerifier,
          }),
      ),
      limits: [{ what: 'Ed25519 verification', value: raw.verifyMicros }],
      note: `${cases[0]!.proofBytes.length} bytes`,
    },
    {
      part: 'log',
      figure: 'verifying a tlog-proof, its checkpoint known',
      unit: 'µs',
      value: timed(
        ({ entry, proofBytes }) =>
          void verifyTlogProof({ proofBytes, leaf: entry, origin: ORIGIN, logVerifier }),
      ),
    },
  ]
}

function levelsOf(size: bigint): number {
  return Math.ceil((size - 1n).toString(2).length / 8)
}

/** From 0 to below - 1. */
function below(random: SeededRandom, below: bigint): bigint {
  return ((BigInt(random.next()) << 32n) | BigInt(random.next())) % below
}

function named(size: bigint): string {
  return size.toLocaleString('en-US')
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}
