/**
 * One random history of a federation: departments publish and amend, members are suspended, activated and admitted, lines are cut,
 * processes die at any write, and power fails. Then everything is mended, and what was acknowledged is looked for everywhere.
 */
import { hex } from '../../src/base/bytes.ts'
import { civilDate } from '../../src/base/clock.ts'
import { isHuxinError } from '../../src/base/errors.ts'
import type { SeededRandom } from '../../src/base/random.ts'
import type { SealedHeader } from '../../src/batch/seal.ts'
import type { Context } from '../../src/commit/context.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { amend, type RecordChange } from '../../src/publish/amend.ts'
import { publish } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { isDropped } from '../../src/exchange/serve.ts'
import { bodyKey, entryKey, tables } from '../../src/store/keys.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { receiptsOf } from '../../src/witness/receipts.ts'
import { targetReaches } from '../../src/topology/target.ts'
import { industryRecord } from '../support/records.ts'
import { ACT, BODY, ITEM, nameOf, type Place, SimulatedFederation } from './federation.ts'
import type { DiskFaults, WriteFate } from './machine.ts'
import type { Passage } from './network.ts'

/** Milliseconds of virtual time in which a mended federation has everything where it belongs. */
const SETTLE_MS_MAX = 15 * 60_000
const SECOND_MS = 1_000
const ALARMS_MS = 30_000

type Action = RecordChange['action'] & ('withdraw' | 'repair' | 'object' | 'erase')

/** A publication of one department, and what became of it. */
interface Publication {
  readonly origin: string
  readonly target: string
  readonly recordIds: readonly string[]
  readonly atMs: number
  batch: SealedHeader | undefined
  /** An amendment of its first record. */
  amended:
    | {
        readonly action: Action
        readonly atMs: number
        acknowledged: boolean
        batch?: SealedHeader | undefined
      }
    | undefined
}

export interface Report {
  readonly seed: string
  readonly nodes: number
  readonly acknowledged: number
  readonly amended: number
  readonly kills: number
  readonly cuts: number
  readonly rotations: number
  /** Timers that ran, and seconds of virtual time. */
  readonly steps: number
  readonly seconds: number
  readonly digest: Readonly<Record<string, string>>
}

/** What a history found; the seed replays it. */
export class HistoryFailed extends Error {
  readonly lines: readonly string[]

  constructor(seed: string, faults: readonly string[], lines: readonly string[]) {
    super(`seed ${seed}: ${faults.length} fault(s)\n  ${faults.slice(0, 20).join('\n  ')}`)
    this.lines = lines
  }
}

/** `short`: fewer nodes and less that happens, for a third of the time. @throws HistoryFailed */
export async function runHistory(
  seed: string,
  { short = false }: { readonly short?: boolean } = {},
): Promise<Report> {
  const history = new History(seed, short)
  try {
    return await history.run()
  } catch (error) {
    if (error instanceof HistoryFailed) throw error
    throw new HistoryFailed(
      seed,
      [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      history.federation.lines,
    )
  }
}

class History {
  readonly federation: SimulatedFederation
  readonly #seed: string
  readonly #short: boolean
  readonly #random: SeededRandom
  readonly #publications: Publication[] = []
  readonly #admittedMs = new Map<string, number>()
  /** Lines that are cut, by child, and until when. */
  readonly #cut = new Map<string, number>()
  readonly #suspended = new Set<string>()
  #diskFaults: DiskFaults | undefined
  #kills = 0
  #cuts = 0
  #mended = false
  #named = 0

  constructor(seed: string, short: boolean) {
    this.#seed = seed
    this.#short = short
    this.federation = new SimulatedFederation(seed)
    this.#random = this.federation.random
  }

  run(): Promise<Report> {
    return this.federation.time.run(this.#run())
  }

  async #run(): Promise<Report> {
    const { federation } = this
    const places = topology(this.#random, this.#short ? 3 : 9)
    const late = places.length > 4 && this.#random.below(2) === 0 ? places.at(-1)! : undefined
    for (const place of places) if (place !== late) await this.#add(place)
    await federation.publishCatalog(places.find(({ tier }) => tier === 'province')!.id)
    await federation.until('the catalog is everywhere', () =>
      [...federation.nodes.values()].every(
        ({ context }) => context.ledger().catalog.item(ITEM) !== undefined,
      ),
    )
    this.#makeFaults()
    await this.#act(late)
    await this.#mend()
    const faults = await this.#faults()
    if (faults.length > 0) throw new HistoryFailed(this.#seed, faults, federation.lines)
    return {
      seed: this.#seed,
      nodes: federation.places.length,
      acknowledged: this.#publications.filter(({ batch }) => batch).length,
      amended: this.#publications.filter(({ amended }) => amended?.acknowledged).length,
      kills: this.#kills,
      cuts: this.#cuts,
      rotations: federation.rotations,
      steps: federation.time.steps,
      seconds: Math.round(federation.time.passedMs / SECOND_MS),
      digest: await federation.digest(),
    }
  }

  async #add(place: Place): Promise<void> {
    await this.federation.add(place)
    this.#admittedMs.set(place.id, this.federation.time.nowMs)
    const machine = this.federation.machine(place.id)
    machine.onKilled = () => this.#died(place.id)
    if (this.#diskFaults) machine.faults = this.#diskFaults
  }

  /** Chance decides how ill this world is. */
  #makeFaults(): void {
    const random = this.#random
    const { network } = this.federation
    const slowMs = random.pick([5, 50, 400])
    const loss = random.pick([0, 0.01, 0.08])
    const twice = random.pick([0, 0.05, 0.3])
    const writeMs = random.pick([1, 10, 60])
    const dies = random.pick([0, 0.001, 0.006])
    const fates: readonly WriteFate[] = random.pick([
      ['killed-before', 'killed-after'],
      ['failed-before', 'failed-after'],
      ['killed-before', 'killed-after', 'failed-before', 'failed-after'],
    ])
    network.faults = {
      passage: ({ child }): Passage => {
        if (this.#mended) return { delayMs: 1 + random.below(20) }
        const delayMs = 1 + random.below(random.below(10) === 0 ? slowMs * 20 : slowMs)
        if (
          (this.#cut.get(child) ?? 0) > this.federation.time.nowMs ||
          random.next() / 2 ** 32 < loss
        )
          return { delayMs, lost: random.pick(['broken', 'silent'] as const) }
        return random.next() / 2 ** 32 < twice
          ? { delayMs, againMs: random.below(slowMs * 4) }
          : { delayMs }
      },
    }
    this.#diskFaults = {
      writeMs: () => random.below(this.#mended ? 2 : writeMs),
      fate: () => (this.#mended || random.next() / 2 ** 32 >= dies ? 'made' : random.pick(fates)),
    }
    for (const { id } of this.federation.places)
      this.federation.machine(id).faults = this.#diskFaults
  }

  async #act(late: Place | undefined): Promise<void> {
    const { time } = this.federation
    const random = this.#random
    for (let left = this.#short ? 6 + random.below(10) : 10 + random.below(20); left > 0; left--) {
      await time.sleep(random.below(random.pick([50, 1_000, 6_000])))
      const what = random.below(100)
      if (what < 50) this.#publish()
      else if (what < 70) this.#amend()
      else if (what < 80) this.#kill(random.pick([...this.federation.nodes.keys(), undefined]))
      else if (what < 90) this.#cutLine()
      else if (what < 94) this.#changeMember()
      else if (what < 97) this.#rotate()
      else if (what < 98) for (let burst = 10; burst > 0; burst--) this.#publish()
      else if (what < 99) for (const id of [...this.federation.nodes.keys()]) this.#kill(id)
      else if (late) {
        this.#admit(late)
        late = undefined
      }
    }
    if (late) this.#admit(late)
    await time.sleep(random.below(10_000))
  }

  #admit(place: Place): void {
    if (!this.federation.nodes.has(place.parent!)) return
    void this.#add(place).catch(() => undefined)
  }

  #publish(): void {
    const random = this.#random
    const { places, nodes, time } = this.federation
    const origins = [...nodes.keys()].filter(
      (id) =>
        this.federation.place(id).tier !== 'nation' &&
        nodes.get(id)!.context.ledger().catalog.item(ITEM) !== undefined,
    )
    if (origins.length === 0) return
    const origin = random.pick(origins)
    const other = random.pick(places).id
    const publication: Publication = {
      origin,
      target: random.below(3) === 0 ? `${other}/**` : other,
      recordIds: Array.from({ length: 1 + random.below(3) }, () => `r-${++this.#named}`),
      atMs: time.nowMs,
      batch: undefined,
      amended: undefined,
    }
    this.#publications.push(publication)
    const requestId = `request-${this.#named}`
    const records = publication.recordIds.map((id) =>
      industryRecord(Number(id.slice(2)), { prefix: 'r' }),
    )
    const batchClass = random.pick(['normal', 'normal', 'bulk'] as const)
    void this.#insist(origin, async (context) => {
      const { batch, refusal } = await publish(context, {
        kind: 'evaluation',
        item: ITEM,
        provider: BODY,
        targets: [publication.target],
        batchClass,
        records,
        requestId,
        source: { kind: 'client', name: 'test' },
      })
      if (refusal) throw new Error(`refused: ${refusal.message}`)
      publication.batch = batch
    })
  }

  #amend(): void {
    const open = this.#publications.filter(
      ({ batch, amended, origin }) => batch && !amended && this.federation.nodes.has(origin),
    )
    if (open.length === 0) return
    const publication = this.#random.pick(open)
    const amended: NonNullable<Publication['amended']> = {
      action: this.#random.pick(['withdraw', 'repair', 'object', 'erase'] as const),
      atMs: this.federation.time.nowMs,
      acknowledged: false,
    }
    publication.amended = amended
    const requestId = `amend-${publication.recordIds[0]!}`
    void this.#insist(publication.origin, async (context) => {
      const change: RecordChange = {
        action: amended.action,
        batchId: publication.batch!.id,
        position: 0,
        effectiveOn: civilDate(context.clock.nowMs()),
        basis: 'simulation',
        document: '测〔2026〕2号',
      }
      const { batch } = await amend(context, {
        provider: BODY,
        changes: [change],
        source: { kind: 'operator', name: encodeURIComponent('张三') },
        requestId,
      })
      amended.batch = batch
      amended.acknowledged = true
    })
  }

  /** A caller tries again until he has an answer, or has had enough. An answer that a dead process would have given never comes. */
  async #insist(id: string, call: (context: Context) => Promise<void>): Promise<void> {
    for (let tries = 1 + this.#random.below(6); tries > 0; tries--) {
      const node = this.federation.nodes.get(id)
      const { process } = this.federation.machine(id)
      if (node) {
        const answer = await Promise.race([
          process.hear(call(node.context)).then(
            () => 'done' as const,
            (error: unknown) => error,
          ),
          this.federation.time.sleep(20_000),
        ])
        if (answer === 'done') return
        if (
          isHuxinError(answer) &&
          answer.retry === 'never' &&
          !['cancelled'].includes(answer.code)
        )
          return
        if (answer instanceof Error && !isHuxinError(answer))
          throw new HistoryFailed(
            this.#seed,
            [answer.stack ?? answer.message],
            this.federation.lines,
          )
      }
      await this.federation.time.sleep(this.#random.below(5_000))
    }
  }

  #kill(id: string | undefined): void {
    if (id === undefined) return
    this.federation.kill(id, this.#random.pick(['stays', 'fails'] as const))
    this.#restartLater(id)
  }

  /** A process died at a write. */
  #died(id: string): void {
    this.federation.gone(id)
    this.#restartLater(id)
  }

  #restartLater(id: string): void {
    this.#kills++
    this.federation.lines.push(
      `${(this.federation.time.passedMs / SECOND_MS).toFixed(3)} ${id} is killed`,
    )
    if (!this.#mended)
      this.federation.time.after(500 + this.#random.below(20_000), () => this.#restart(id))
  }

  #restart(id: string): void {
    void this.federation.start(id).catch(() => {
      // A disk that fails may fail at a start too.
      if (!this.#mended)
        this.federation.time.after(1_000 + this.#random.below(5_000), () => this.#restart(id))
    })
  }

  #cutLine(): void {
    const { id } = this.#random.pick(this.federation.places)
    this.#cuts++
    this.#cut.set(nameOf(id), this.federation.time.nowMs + this.#random.below(60_000))
  }

  #changeMember(): void {
    const { id, parent } = this.#random.pick(this.federation.places)
    const node = parent === undefined ? undefined : this.federation.nodes.get(parent)
    if (node) void this.#setStatus(node.context, id).catch(() => undefined)
  }

  /** A node ends its log and begins the next epoch. */
  #rotate(): void {
    const id = this.#random.pick([...this.federation.nodes.keys()])
    const node = this.federation.nodes.get(id)
    if (node)
      void node.rotation
        .rotate(ACT, { kind: 'operator', name: encodeURIComponent(ACT.actor) })
        .catch(() => undefined)
  }

  async #setStatus(context: Context, id: string): Promise<void> {
    const suspended = this.#suspended.has(id)
    if (suspended) this.#suspended.delete(id)
    else this.#suspended.add(id)
    await setMemberStatus(context, {
      member: nameOf(id),
      status: suspended ? 'active' : 'suspended',
      act: ACT,
      source: { kind: 'self' },
    })
  }

  /** Nothing goes wrong any more; every node runs, and every member is active. */
  async #mend(): Promise<void> {
    const { federation } = this
    this.#mended = true
    const all = (): readonly Place[] => federation.places
    for (const { id } of all()) await federation.start(id).catch(() => federation.start(id))
    await federation.until('every node runs', () =>
      all().every(({ id }) => federation.nodes.has(id)),
    )
    for (const { id, parent } of all()) {
      if (parent === undefined) continue
      await federation.until(`${id} is active again`, async () => {
        const context = federation.nodes.get(parent)?.context
        if (context?.ledger().federation.member(nameOf(id))?.status === 'active') return true
        if (context)
          await setMemberStatus(context, {
            member: nameOf(id),
            status: 'active',
            act: ACT,
            source: { kind: 'self' },
          }).catch(() => undefined)
        return false
      })
    }
  }

  /** What is wrong in the end; waits for what is still under way. */
  async #faults(): Promise<readonly string[]> {
    const { federation } = this
    const endMs = federation.time.nowMs + SETTLE_MS_MAX
    let missing = await this.#missing()
    while (
      missing.length > 0 &&
      federation.time.nowMs < endMs &&
      !missing.some((line) => line.includes('!!'))
    ) {
      await federation.time.sleep(SECOND_MS)
      missing = await this.#missing()
    }
    // Whoever looks every minute has looked again by then: no alarm may stand when nothing is wrong.
    if (missing.length === 0) await federation.time.sleep(ALARMS_MS)
    const twice = await Promise.all([...federation.nodes.keys()].map((id) => this.#twice(id)))
    return [
      ...missing,
      ...twice.flat(),
      ...(await federation.findings()),
      ...federation.network.internalErrors,
      ...federation.alarms(),
    ]
  }

  /** What is not where it must be; lines with `!!` will not become right by waiting. */
  async #missing(): Promise<string[]> {
    const faults: string[] = []
    for (const { id } of this.federation.places) {
      const node = this.federation.nodes.get(id)
      if (!node) faults.push(`${id} does not run`)
      else if (node.state === 'broken') faults.push(`!! ${id} is broken`)
      else if (node.alarms.has('frozen')) faults.push(`${id} is frozen`)
      else if (node.state === 'starting' || node.context.unconfirmedSinceMs() !== undefined)
        faults.push(
          `${id} is ${node.state}, unconfirmed since ${node.context.unconfirmedSinceMs()}`,
        )
    }
    if (faults.length > 0) return faults
    for (const publication of this.#publications)
      faults.push(...(await this.#missingOf(publication)))
    return faults.slice(0, 30)
  }

  /** Each batch stands once in a log, and once more at most when it was refused later. */
  async #twice(id: string): Promise<string[]> {
    const { store } = this.federation.context(id)
    const seen = new Map<string, number>()
    for (const [, bytes] of await store.range({
      gte: tables.entry,
      lt: Buffer.from([tables.entry[0]! + 1]),
    })) {
      const { header, verdict } = parseEntry(bytes)
      const name = `${hex(parseHeaderNote(header).id)} ${verdict.accepted ? 'accepted' : 'refused'}`
      seen.set(name, (seen.get(name) ?? 0) + 1)
    }
    return [...seen].flatMap(([name, times]) =>
      times > 1 ? [`!! ${id} logged ${name} ${times} times`] : [],
    )
  }

  async #missingOf(publication: Publication): Promise<string[]> {
    const { federation } = this
    const { origin, target, recordIds, amended, atMs } = publication
    const at = federation.context(origin)
    const label = `${recordIds.join(' ')} of ${origin} to ${target}`
    // Nobody had an answer: then it may have happened or not, everywhere alike.
    const found = await findByRecordId(at, recordIds.at(-1)!)
    if (found.length > 1) return [`!! ${label} was published ${found.length} times`]
    const batch = publication.batch ?? found[0]?.batch
    if (!batch) return []
    if (recordIds.length > 1 && found.length === 0)
      return [`!! ${label} was acknowledged and is not at its origin`]
    const faults: string[] = []
    for (const { id } of federation.places) {
      const context = federation.context(id)
      // Amendments go to everybody.
      if (
        amended?.batch &&
        amended.atMs >= (this.#admittedMs.get(id) ?? Infinity) &&
        !(await context.ledger().known(amended.batch.id))
      )
        faults.push(`the amendment of ${label} is not at ${id}`)
      if (id !== origin && !targetReaches(target, nameOf(id), at.ledger().federation)) continue
      if (atMs < (this.#admittedMs.get(id) ?? Infinity) && id !== origin) continue
      const known = await context.ledger().known(batch.id)
      if (!known) faults.push(`${label} is not at ${id}`)
      else if (known.refused) faults.push(`!! ${label} was refused at ${id}`)
      else
        faults.push(...(await this.#standingAt(context, { publication, index: known.indexes[0]! })))
    }
    faults.push(...(await this.#receiptsMissing(at, batch, target)))
    return amended && faults.length > 0
      ? faults.map(
          (fault) => `${fault} (${amended.action}${amended.acknowledged ? '' : ' perhaps'})`,
        )
      : faults
  }

  async #standingAt(
    context: Context,
    { publication, index }: { publication: Publication; index: bigint },
  ): Promise<string[]> {
    const { recordIds, amended } = publication
    const [bytes, body] = await context.store.getMany([entryKey(index), bodyKey(index)])
    const erased = amended?.action === 'erase' && recordIds.length === 1
    if (!bytes || !body || (isDropped(body) && !erased))
      return [`${recordIds.join(' ')}: the body is not at ${context.self}`]
    const faults: string[] = []
    for (const [i, id] of recordIds.entries()) {
      const found = await findByRecordId(context, id)
      const now =
        found.length > 1
          ? `${found.length} times`
          : found.length === 0
            ? 'gone'
            : `${found[0]!.standing}${found[0]!.disputed ? ', disputed' : ''}`
      const ended = {
        withdraw: 'withdrawn',
        repair: 'repaired',
        object: 'current, disputed',
        erase: 'gone',
      } as const
      const may =
        i > 0 || !amended
          ? ['current']
          : amended.acknowledged
            ? [ended[amended.action]]
            : ['current', ended[amended.action]]
      if (!may.includes(now))
        faults.push(`${id} is ${now} at ${context.self}, expected ${may.join(' or ')}`)
      else if (i === 0 && amended && !amended.acknowledged)
        faults.push(...(await this.#asAtOrigin(publication, now, context.self)))
    }
    return faults
  }

  /** Of what nobody had an answer to, everybody thinks as its origin does. */
  async #asAtOrigin(
    { origin, recordIds }: Publication,
    now: string,
    self: string,
  ): Promise<string[]> {
    const [there] = await findByRecordId(this.federation.context(origin), recordIds[0]!)
    const then = there ? `${there.standing}${there.disputed ? ', disputed' : ''}` : 'gone'
    return then === now ? [] : [`${recordIds[0]!} is ${now} at ${self} and ${then} at ${origin}`]
  }

  /** The origin holds a receipt of each node above it that the batch came to. */
  async #receiptsMissing(context: Context, batch: SealedHeader, target: string): Promise<string[]> {
    const { federation } = this
    const given = new Set((await receiptsOf(context, batch.id)).map(({ node }) => node))
    const wanted: string[] = []
    const to = target.replace('/**', '')
    for (
      let { id, parent } = federation.place(context.self.slice(context.self.indexOf('/') + 1));
      parent !== undefined && !federation.isWithin(to, id);
      { id, parent } = federation.place(parent)
    )
      wanted.push(nameOf(parent))
    return wanted
      .filter((node) => !given.has(node))
      .map(
        (node) =>
          `${batch.idText.slice(0, 16)} of ${context.self} to ${target} has no receipt of ${node}`,
      )
  }
}

/** Four nodes, and up to `more` less one beside them, of up to four tiers, parents first. */
function topology(random: SeededRandom, more: number): Place[] {
  const places: Place[] = []
  const count = 4 + random.below(more)
  if (random.below(2) === 0) places.push({ id: '000000', tier: 'nation', parent: undefined })
  places.push({ id: '330000', tier: 'province', parent: places[0]?.id })
  const cities = 1 + random.below(Math.min(3, count - 2))
  for (let i = 1; i <= cities; i++) places.push({ id: `330${i}00`, tier: 'city', parent: '330000' })
  for (let i = 1; places.length < count; i++) {
    const city = 1 + random.below(cities)
    // Some counties stand below the province itself.
    const parent = random.below(6) === 0 ? '330000' : `330${city}00`
    places.push({ id: `330${city}${String(i).padStart(2, '0')}`, tier: 'county', parent })
  }
  return places
}
