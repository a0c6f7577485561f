/**
 * fsck. `checkStore` derives everything again from entries and bodies and compares it with every row of
 * every table; it changes nothing. It reads one snapshot, so a node may run beside it. Three parts: the walk over
 * the log (this file), the derived tables (`check-derived.ts`), what neighbours gave (`check-kept.ts`).
 *
 * Each finding begins with the table and the key of the row that is wrong.
 */
import { createHash } from 'node:crypto'
import { equalBytes, fromBe64 } from '../base/bytes.ts'
import { type Text, text, textOf } from '../base/text.ts'
import { type Body, recordAt } from '../batch/body.ts'
import { type Entry, isBornHere, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader, verifyHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { Ledger, type PassingLane } from '../ledger/ledger.ts'
import { sizeKey } from '../log/log.ts'
import { appendLeaves, emptyFrontier, type Frontier, frontierRoot } from '../merkle/frontier.ts'
import { leafHash } from '../merkle/hash.ts'
import { parseVkey } from '../note/key.ts'
import { bodyKey, entryKey, laneIndexKey, prefixRange, tables } from '../store/keys.ts'
import type { RowRegister } from '../store/rows.ts'
import type { Reader, Snapshot } from '../store/store.ts'
import type { RowView } from '../commit/row-view.ts'
import { parseFreeze } from '../topology/freeze.ts'
import { bodyOf, DerivedCheck } from './check-derived.ts'
import { checkKept } from './check-kept.ts'
import { checkPieces } from './check-pieces.ts'
import { TileCheck } from './check-tiles.ts'
import { introducedKeys } from '../ledger/epochs.ts'
import type { CheckReport, Find, SignedLog } from './finding.ts'
import type { Genesis } from './genesis.ts'

const FINDINGS_MAX = 1_000
const PIECE = 256n
const REBUILD = text`run huxin node rebuild`

/**
 * Checks every row of the store.
 * A record that is gone is lawful when an amendment erased it or the body was in transit only.
 */
export async function checkStore(
  store: { snapshot(): Snapshot },
  log: SignedLog,
  genesis: Genesis,
): Promise<CheckReport> {
  // The signed tree first: what is stored may only be ahead of it.
  const { signed } = log
  const snapshot = store.snapshot()
  try {
    return await new Check(
      snapshot,
      { signed, origin: log.origin, verifier: log.verifier },
      genesis,
    ).run()
  } finally {
    await snapshot.close()
  }
}

class Check {
  readonly #store: Reader
  readonly #log: SignedLog
  readonly #rows: RowRegister<RowView>
  readonly #ledger: Ledger
  readonly #derived: DerivedCheck
  readonly #tiles: TileCheck
  readonly #findings: Text[] = []
  readonly #damaged: bigint[] = []
  #frontier: Frontier = emptyFrontier
  #records = 0n
  #erased = 0n
  #dropped = 0n

  constructor(store: Reader, log: SignedLog, genesis: Genesis) {
    this.#store = store
    this.#log = log
    this.#rows = genesis.rows
    this.#ledger = new Ledger({
      store,
      self: genesis.self,
      federation: genesis.federation(),
      genesisLanes: genesis.lanes,
      kinds: genesis.kinds,
      wholeLanes: true,
    })
    this.#derived = new DerivedCheck({ store, ledger: this.#ledger, genesis, find: this.#find })
    this.#tiles = new TileCheck(store, this.#find)
  }

  readonly #find: Find = (key, what) => {
    if (this.#findings.length < FINDINGS_MAX)
      this.#findings.push(text`${this.#rows.text(key)}: ${what}`)
  }

  async run(): Promise<CheckReport> {
    await this.#ledger.loadAmended()
    const size = await this.#size()
    const walked = await this.#walk(size)
    await this.#strays(size)
    if (walked === size) await checkPieces(this.#store, this.#find)
    if (walked === size)
      await this.#derived.finish(size, this.#damaged.length === 0 && this.#findings.length === 0)
    await checkKept(this.#rows, {
      store: this.#store,
      log: this.#log,
      ledger: this.#ledger,
      find: this.#find,
    })
    return {
      findings: this.#findings.map(({ en }) => en),
      findingsZh: this.#findings.map(({ zh }) => zh),
      damaged: this.#damaged,
      entries: walked,
      records: this.#records,
      erased: this.#erased,
      dropped: this.#dropped,
    }
  }

  /** The size that the store states, unless it cannot be. */
  async #size(): Promise<bigint> {
    const { size } = this.#log.signed
    const row = await this.#store.get(sizeKey)
    const stated = row === undefined ? 0n : row.length === 8 ? fromBe64(row) : -1n
    const { gte, lt } = prefixRange(tables.entry)
    const [last] = await this.#store.range({ gte, lt, limit: 1, reverse: true })
    const there = last?.[0].length === 9 ? fromBe64(last[0], 1) + 1n : 0n
    if (stated === there && stated >= size) return stated
    this.#find(
      sizeKey,
      text`says that the log has ${stated} entries, the newest there is number ${there - 1n} and ${size} are signed: ${REBUILD}`,
    )
    return size
  }

  /** @returns how many entries were there, one after the other */
  async #walk(size: bigint): Promise<bigint> {
    const { signed } = this.#log
    let rootIsSigned = signed.size <= 0n
    let index = 0n
    while (index < size) {
      const end = index + PIECE < size ? index + PIECE : size
      const rows = await this.#store.range({ gte: entryKey(index), lt: entryKey(end) })
      const leaves: Uint8Array[] = []
      for (const [key, bytes] of rows) {
        if (!equalBytes(key, entryKey(index))) break
        const leaf = leafHash(bytes)
        leaves.push(leaf)
        this.#frontier = appendLeaves(this.#frontier, leaf)
        await this.#entry(index, bytes)
        index++
        if (index === signed.size)
          rootIsSigned = equalBytes(frontierRoot(this.#frontier), signed.root)
      }
      await this.#tiles.add(leaves, { last: index === size })
      if (index < end) {
        this.#find(entryKey(index), text`it is missing`)
        return index
      }
    }
    if (!rootIsSigned)
      this.#find(
        entryKey(0n),
        text`the ${signed.size} entries from here on do not have the root that was signed`,
      )
    this.#tiles.finish(rootIsSigned)
    await this.#tiles.strays()
    return index
  }

  async #entry(index: bigint, bytes: Uint8Array): Promise<void> {
    try {
      const entry = parseEntry(bytes)
      const batch = parseHeaderNote(entry.header)
      const body = await this.#body(index, entry, batch)
      this.#authentic(index, batch, body)
      this.#checkFinal(index, entry, { batch, body })
      await this.#derived.entry(index, entry, {
        batch,
        body,
        checkLanes: () => this.#lanes(index, entry, batch),
      })
    } catch (error) {
      this.#find(entryKey(index), textOf(error))
    }
  }

  #authentic(index: bigint, batch: SealedHeader, body: Body | undefined): void {
    const { origin, epoch } = batch.header
    const { federation } = this.#ledger
    const key =
      federation.member(origin)?.epochs.find((row) => row.epoch === epoch) ??
      introducedKeys(federation, batch.header, body?.bytes ?? new Uint8Array())
    if (key) verifyHeader(batch, parseVkey(key.noteVkey))
    else
      this.#find(
        entryKey(index),
        text`origin ${origin} epoch ${epoch} is not a member known by then`,
      )
  }

  /** Of its own batches of an epoch the one of kind freeze is the last, and states where it stands. */
  #checkFinal(
    index: bigint,
    { source }: Entry,
    {
      batch: {
        header: { origin, epoch, kind },
      },
      body,
    }: { batch: SealedHeader; body: Body | undefined },
  ): void {
    if (origin !== this.#ledger.self || !isBornHere(source)) return
    const size = this.#ledger.frozen.get(`${origin}/${epoch}`)
    if (size !== undefined && index >= size)
      this.#find(
        entryKey(index),
        text`it stands after the final entry of ${origin}/${epoch}, which is number ${size - 1n}`,
      )
    const record = this.#ledger.kinds.get(kind)?.endsLog && body ? recordAt(body, 0) : undefined
    const stated = record && parseFreeze(record).size
    if (stated !== undefined && stated !== index + 1n)
      this.#find(entryKey(index), text`as final entry it states a log of ${stated} entries`)
  }

  /** The body, when it is the one that was accepted. */
  async #body(index: bigint, entry: Entry, batch: SealedHeader): Promise<Body | undefined> {
    const damaged = (what: Text): undefined => {
      this.#find(bodyKey(index), what)
      this.#damaged.push(index)
    }
    const stored = await this.#store.get(bodyKey(index))
    if (!stored)
      return damaged(text`the body of ${batch.idText} is missing: run huxin fsck --repair`)
    if (!entry.verdict.accepted) {
      const same = equalBytes(createHash('sha256').update(stored).digest(), entry.verdict.reasons)
      return same
        ? undefined
        : damaged(
            text`the reasons of its refusal are not those that were logged: run huxin fsck --repair`,
          )
    }
    const body = bodyOf(stored, batch)
    if (!body)
      return damaged(
        text`the body of ${batch.idText} does not have the root of its header: run huxin fsck --repair`,
      )
    if (this.#ledger.kinds.of(batch.header)) this.#records += BigInt(body.count)
    if (body.erased > 0 && (await this.#missingRecords(index, entry, { batch, body })))
      this.#damaged.push(index)
    return body
  }

  /** Counts the records that are hashes alone. @returns true when some of them are lost */
  async #missingRecords(
    index: bigint,
    entry: Entry,
    { batch, body }: { batch: SealedHeader; body: Body },
  ): Promise<boolean> {
    const { kept } = this.#ledger.routes(batch.header, entry.source)
    const rows = await this.#ledger.amendments(batch.id, batch.header.origin)
    const lawful = new Set(
      rows.filter(({ action }) => action === AmendmentAction.ERASE).map(({ position }) => position),
    )
    let lost = false
    for (let i = 0; i < body.count; i++) {
      if (recordAt(body, i) !== undefined) continue
      if (lawful.has(i)) this.#erased++
      else if (!kept) this.#dropped++
      else {
        lost = true
        this.#find(
          bodyKey(index),
          text`record ${i} of ${batch.idText} is lost: no amendment erased it`,
        )
      }
    }
    return lost
  }

  async #lanes(index: bigint, entry: Entry, batch: SealedHeader): Promise<void> {
    for (const lane of this.#ledger.passingLanes(batch.header, entry.source)) {
      const { key, number, previous } = lane
      const head = this.#ledger.lanes.get(key)
      const next = head ? head.number + 1n : 0n
      if (number > next ? lane.takenBack : number < next && lane.ownBranch) {
        if (!(await this.#standsInLane(index, lane)))
          this.#find(
            entryKey(index),
            text`lane ${key} number ${number} does not lie between its neighbours`,
          )
      } else if (number !== next)
        this.#find(entryKey(index), text`lane ${key} goes from ${next - 1n} to ${number}`)
      else if (head && (!previous || !equalBytes(previous, head.id)))
        this.#find(
          entryKey(index),
          text`lane ${key} number ${number} does not name the batch before it`,
        )
    }
  }

  /** A number that came out of turn: it follows the one before it, which only what was taken back may lack. */
  async #standsInLane(
    index: bigint,
    { key, number, previous, takenBack }: PassingLane,
  ): Promise<boolean> {
    const [own, before] = await this.#store.getMany([
      laneIndexKey(key, number),
      laneIndexKey(key, number - (number > 0n ? 1n : 0n)),
    ])
    if (!own || fromBe64(own) !== index) return false
    if (number === 0n) return previous === undefined
    const entry = before && (await this.#store.get(entryKey(fromBe64(before))))
    return entry
      ? previous !== undefined && equalBytes(parseHeaderNote(parseEntry(entry).header).id, previous)
      : takenBack
  }

  /** Rows that no entry has: past the end, of another form, of no table. */
  async #strays(size: bigint): Promise<void> {
    for (const name of [tables.entry, tables.body]) {
      const { lt } = prefixRange(name)
      const key = name === tables.entry ? entryKey(size) : bodyKey(size)
      for (const [stray] of await this.#store.range({ gte: key, lt, limit: 10 }))
        this.#find(stray, text`there is no such entry, the log has ${size}`)
    }
    const known = new Set<number>(Object.values(tables).map(([byte]) => byte!))
    for (let first = 0; first < 0xff; first++) {
      if (known.has(first)) continue
      for (const [stray] of await this.#store.range({
        gte: Uint8Array.of(first),
        lt: Uint8Array.of(first + 1),
        limit: 10,
      }))
        this.#find(stray, text`it is a row of no table`)
    }
  }
}
