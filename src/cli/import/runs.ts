/**
 * The imports that were run with this node's folder, one file each below `imports/`: lines of JSON that grow with the run, so that
 * one that was killed says how far it came. Names of files may be names of persons.
 *
 * Who may say it: whoever runs an import here. Who may read it: the same user of this machine (0700, 0600); nothing of it is
 * sent. What it costs: a line for each batch. What is left when it ends: nothing, it is removed after `import.keepDays`.
 */
import { appendFileSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import type { WrittenRejects } from '../../intake/reject.ts'
import { localTime } from '../output.ts'
import type { SentBatch } from './import.ts'

const FORMAT = 'huxin/import/v1'
const NAME = /^(\d{8}-\d{6})-[0-9a-f]{4}\.jsonl$/
const DAY_MS = 86_400_000

/** What is known of a run when it begins to send. */
export interface RunBeginning {
  /** Absolute, or `-`. */
  readonly file: string
  readonly sha256: string
  readonly bytes: number
  readonly rows: number
  /** Name in the certificate. */
  readonly by: string
  readonly item: string
  readonly provider: string
  readonly targets: readonly string[]
}

/** How it ended. */
export interface RunEnd {
  /** done, or the code of the error. */
  readonly outcome: string
  readonly message?: string
  readonly messageZh?: string
  readonly added?: number
  readonly updated?: number
  readonly widened?: number
  readonly existing?: number
  readonly rejected?: number
  readonly rejectFile?: string | undefined
}

export interface Run extends RunBeginning {
  readonly id: string
  /** Milliseconds since 1970 UTC. */
  readonly beganMs: number
  readonly batches: readonly SentBatch[]
  /** Undefined while it runs, and when it was killed. */
  readonly end: (RunEnd & { readonly endedMs: number }) | undefined
}

/** A run that is being written. */
export class RunLog {
  readonly id: string
  readonly #file: string
  readonly #clock: Clock

  private constructor(id: string, file: string, clock: Clock) {
    this.id = id
    this.#file = file
    this.#clock = clock
  }

  /** Begins a run, and removes those that are too old. Fails as the file system does. */
  static async begin(
    folder: string,
    beginning: RunBeginning,
    { clock, random, keepDays }: { clock: Clock; random: Random; keepDays: number },
  ): Promise<RunLog> {
    const place = join(folder, 'imports')
    await mkdir(place, { recursive: true, mode: 0o700 })
    await removeOld(place, stamp(clock.nowMs() - keepDays * DAY_MS))
    const id = `${stamp(clock.nowMs())}-${hex(random.fill(new Uint8Array(2)))}`
    const file = join(place, `${id}.jsonl`)
    await writeFile(
      file,
      `${JSON.stringify({ format: FORMAT, id, beganMs: clock.nowMs(), ...beginning })}\n`,
      { flag: 'wx', mode: 0o600 },
    )
    return new RunLog(id, file, clock)
  }

  /** At once: a run that is killed has said it. */
  batch(batch: SentBatch): void {
    appendFileSync(this.#file, `${JSON.stringify({ batch })}\n`)
  }

  end(end: RunEnd): void {
    appendFileSync(
      this.#file,
      `${JSON.stringify({ end: { ...end, endedMs: this.#clock.nowMs() } })}\n`,
    )
  }
}

/** Runs of a node's folder that fit, newest first. */
export async function listRuns(
  folder: string,
  limit: number,
  fits: (run: Run) => boolean = () => true,
): Promise<Run[]> {
  const runs: Run[] = []
  for (const name of await runNames(folder)) {
    if (runs.length >= limit) break
    const run = parseRun(await readFile(join(folder, 'imports', name), 'utf8').catch(() => ''))
    if (run && fits(run)) runs.push(run)
  }
  return runs
}

/** The run whose id begins so; undefined when there is none, or several. */
export async function findRun(folder: string, id: string): Promise<Run | undefined> {
  const names = (await runNames(folder)).filter((name) => name.startsWith(id))
  return names.length === 1
    ? parseRun(await readFile(join(folder, 'imports', names[0]!), 'utf8'))
    : undefined
}

async function runNames(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'imports')).catch(() => [])
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .reverse()
}

/** What a file of a run says; a last line that was cut off is left out. */
function parseRun(content: string): Run | undefined {
  const lines = content.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as { format?: string; batch?: SentBatch; end?: Run['end'] }]
    } catch {
      return []
    }
  })
  const [first, ...rest] = lines
  if (first?.format !== FORMAT) return undefined
  return {
    ...(first as unknown as Run),
    batches: rest.flatMap(({ batch }) => (batch ? [batch] : [])),
    end: rest.find(({ end }) => end)?.end,
  }
}

async function removeOld(place: string, before: string): Promise<void> {
  for (const name of await readdir(place)) {
    const at = NAME.exec(name)?.[1]
    if (at !== undefined && at < before) await rm(join(place, name), { force: true })
  }
}

/** `20261130-213045`, the time where the machine stands, as every time that people read. */
function stamp(ms: number): string {
  return localTime(ms).slice(0, 19).replace(/[-:]/g, '').replace(' ', '-')
}

const REJECTS_FILE = 'reject-files'
/** Half of them are forgotten beyond that: a file of theirs is then taken for one that somebody changed, and kept. */
const REJECTS_MAX = 10_000
const HASH_LENGTH = 65

/** Hashes of the reject files that imports of this node's folder wrote, a line each, in `imports/reject-files`. */
export function writtenRejects(folder: string): WrittenRejects {
  const place = join(folder, 'imports')
  const file = join(place, REJECTS_FILE)
  const known = async (): Promise<string> => readFile(file, 'latin1').catch(() => '')
  return {
    has: async (sha256) => (await known()).split('\n').includes(sha256),
    add: async (sha256) => {
      await mkdir(place, { recursive: true, mode: 0o700 })
      const before = await known()
      if (before.length > REJECTS_MAX * HASH_LENGTH)
        await writeFile(file, before.slice(-(REJECTS_MAX / 2) * HASH_LENGTH), { mode: 0o600 })
      await appendFile(file, `${sha256}\n`, { mode: 0o600 })
    },
  }
}
