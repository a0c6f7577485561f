/**
 * One record out of the store, checked: the entry is in the signed tree, the piece of the body that has the record leads to
 * the root in the entry's header, and the record has the leaf hash of that piece. What was checked stays in memory,
 * entries parsed and leaf hashes, so that a record of a batch that is asked for often costs one hash of its own bytes; those
 * are read from the store each time. A body of more than one piece is divided when a record of it is first
 * looked up, and how is stored beside it (`batch/pieces.ts`).
 *
 * A false byte anywhere is store_corrupt for the records that it can concern, and an alarm until they read well again.
 */
import { equalBytes } from '../base/bytes.ts'
import { type TurnClock, Turns } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import { recordLeafHash, SALT_BYTES, saltDistance } from '../batch/body.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import {
  type BodyPieces,
  decodePieces,
  divideBody,
  encodePieces,
  leavesOf,
  openPiece,
  PIECE_LEAVES,
} from '../batch/pieces.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import type { Log } from '../log/log.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { bodyKey, entryKey, keyText, piecesKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import type { Alarms } from '../alarm/alarms.ts'

/** Bytes of what was checked that stay in memory: the leaf hashes of 400,000 records. */
const BYTES_MAX = 16 << 20
/** What an entry takes besides its bytes, and a piece besides its hashes. */
const ENTRY_BYTES = 2_000
const PIECE_BYTES = 300
const HASH_BYTES = 32
/** Places that are read again at a time. */
const LOOKS = 8
/** Places that did not read well. */
export const damageRows = defineRows({
  table: 'meta',
  name: 'damage',
  keys: textKeys,
  check: hasCheckValue(),
})
/** How bodies are divided. */
export const piecesRows = defineRows({ table: 'pieces', derived: 'own' })

export interface RecordReaderOptions {
  readonly store: Store
  readonly log: () => Log
  readonly alarms: Alarms
  readonly clock: TurnClock
}

/** An entry that is in the log. */
export interface CheckedEntry {
  readonly entry: Entry
  readonly batch: SealedHeader
}

/** A record that is in its batch. */
export interface CheckedRecord {
  /** As encoded at its origin; undefined once erased. */
  readonly bytes: Uint8Array | undefined
  readonly leafHash: Uint8Array
}

interface Opened extends CheckedEntry {
  pieces: BodyPieces | undefined
  readonly checked: Map<number, CheckedPiece>
  bytes: number
}

/** Leaf hashes of a piece, and where each record of it begins and ends in the body; both 0 when erased. */
interface CheckedPiece {
  readonly hashes: Uint8Array
  readonly spans: Uint32Array
}

export class RecordReader {
  readonly #options: RecordReaderOptions
  /** By log index, what was used last at the end. */
  readonly #opened = new Map<bigint, Opened>()
  /** Entries and pieces that did not read well, by the name of their row and the number of the piece. */
  readonly #damaged = new Set<string>()
  /** Those of them that the store names; undefined before it was read. */
  #kept: Set<string> | undefined
  #bytes = 0

  constructor(options: RecordReaderOptions) {
    this.#options = options
  }

  /** The entry at an index; undefined past the end of the log. @throws HuxinError store_corrupt */
  entry(index: bigint): Promise<CheckedEntry | undefined> {
    return this.#open(index)
  }

  /**
   * The record at a place; undefined when there is none, or its batch was refused.
   * @throws HuxinError store_corrupt | cancelled
   */
  async read(
    index: bigint,
    position: number,
    turns = new Turns(this.#options.clock),
  ): Promise<CheckedRecord | undefined> {
    const opened = await this.#open(index)
    if (!opened?.entry.verdict.accepted || position >= opened.batch.header.records) return undefined
    return (
      (await this.#readAgain(index, opened, position)) ??
      this.#readPiece(index, opened, { position, turns })
    )
  }

  /** Reads some places that did not read well again, also those of before a start: who asks for them may never come again. */
  async review(): Promise<void> {
    const { store } = this.#options
    if (!this.#kept) {
      this.#kept = new Set(
        (await store.range(damageRows.range)).map(([key]) => damageRows.restOf(key).toString()),
      )
      for (const name of this.#kept) await this.#look(name)
    }
    for (const name of [...this.#damaged].slice(0, LOOKS)) await this.#look(name)
    const changed = [...new Set([...this.#damaged, ...this.#kept])].filter(
      (name) => this.#damaged.has(name) !== this.#kept!.has(name),
    )
    if (changed.length === 0) return
    await store.write(
      changed.map((name) => ({
        key: keyOf(name),
        value: this.#damaged.has(name) ? checkedValue(keyOf(name), new Uint8Array()) : undefined,
      })),
    )
    this.#kept = new Set(this.#damaged)
  }

  /** Whether a place reads well is said by the reading. */
  async #look(name: string): Promise<void> {
    const [what, index = '0', piece = '0'] = name.split(' ')
    // The next one is looked at first the next time.
    if (this.#damaged.delete(name)) this.#damaged.add(name)
    const read =
      what === 'entry'
        ? this.entry(BigInt(index)).then((found) => found && this.#isWell(name))
        : this.read(BigInt(index), Number(piece) * PIECE_LEAVES)
    await read.catch((error: unknown) => {
      if (!isHuxinError(error, 'store_corrupt')) throw error
    })
  }

  async #open(index: bigint): Promise<Opened | undefined> {
    const held = this.#opened.get(index)
    if (held) {
      this.#opened.delete(index)
      this.#opened.set(index, held)
      return held
    }
    const log = this.#options.log()
    const bytes = await this.#options.store.get(entryKey(index))
    // Durable already, and its round is not through: nobody is told of it yet.
    if (index >= log.size) return undefined
    if (!bytes || !(await log.holds(index, bytes)))
      throw this.#damage(
        entryName(index),
        text`${keyText(entryKey(index))}: it is not what was logged`,
      )
    const entry = parseEntry(bytes)
    const opened: Opened = {
      entry,
      batch: parseHeaderNote(entry.header),
      pieces: undefined,
      checked: new Map(),
      bytes: 0,
    }
    this.#opened.set(index, opened)
    this.#grow(index, opened, bytes.length + ENTRY_BYTES)
    return opened
  }

  /** A record whose piece was checked before: its own hash is enough. Undefined when it is not there as it was. */
  async #readAgain(
    index: bigint,
    { checked }: Opened,
    position: number,
  ): Promise<CheckedRecord | undefined> {
    const piece = checked.get(Math.floor(position / PIECE_LEAVES))
    if (!piece) return undefined
    const at = position % PIECE_LEAVES
    const start = piece.spans[2 * at]!
    const end = piece.spans[2 * at + 1]!
    if (start === 0) return undefined
    const before = saltDistance(end - start)
    const part = await this.#options.store.part(bodyKey(index), start - before, end)
    if (!part || part.length !== before + end - start) return undefined
    const bytes = copyOf(part.subarray(before))
    const leafHash = piece.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
    return equalBytes(recordLeafHash(part.subarray(0, SALT_BYTES), bytes), leafHash)
      ? { bytes, leafHash }
      : undefined
  }

  async #readPiece(
    index: bigint,
    opened: Opened,
    { position, turns }: { position: number; turns: Turns },
  ): Promise<CheckedRecord> {
    const piece = Math.floor(position / PIECE_LEAVES)
    // An erasure moves what follows: then the body is divided anew.
    for (const anew of [false, true]) {
      const pieces = await this.#piecesOf(index, opened, { anew, turns })
      const checked = pieces && (await this.#check(index, opened, { piece, pieces }))
      if (checked) {
        this.#isWell(entryName(index), bodyName(index, piece))
        const at = position % PIECE_LEAVES
        return {
          bytes: checked.records(at),
          leafHash: checked.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
        }
      }
    }
    throw this.#damage(
      bodyName(index, piece),
      text`${keyText(bodyKey(index))}: record ${position} is not what was logged`,
    )
  }

  async #check(
    index: bigint,
    opened: Opened,
    { piece, pieces: { roots, starts } }: { piece: number; pieces: BodyPieces },
  ): Promise<(CheckedPiece & { records(at: number): Uint8Array | undefined }) | undefined> {
    const start = starts[piece]!
    const stored = await this.#options.store.part(bodyKey(index), start, starts[piece + 1]!)
    const body =
      stored &&
      openPiece(
        stored,
        roots.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES),
        leavesOf(piece, opened.batch.header),
      )
    if (!body) return undefined
    const spans = body.spans.map((offset) => (offset === 0 ? 0 : start + offset))
    const checked = { hashes: Buffer.from(body.leafHashes), spans }
    if (!opened.checked.has(piece))
      this.#grow(index, opened, PIECE_BYTES + checked.hashes.length + spans.byteLength)
    opened.checked.set(piece, checked)
    return {
      ...checked,
      records: (at) =>
        spans[2 * at] === 0
          ? undefined
          : copyOf(stored.subarray(spans[2 * at]! - start, spans[2 * at + 1]! - start)),
    }
  }

  /** How a body is divided: by its row, or anew from the whole body, which is then checked. */
  async #piecesOf(
    index: bigint,
    opened: Opened,
    { anew, turns }: { anew: boolean; turns: Turns },
  ): Promise<BodyPieces | undefined> {
    const { header } = opened.batch
    if (header.records <= PIECE_LEAVES)
      return anew ? undefined : { roots: header.root, starts: Uint32Array.of(0, 0xffff_ffff) }
    if (!anew && opened.pieces) return opened.pieces
    const { store } = this.#options
    const key = piecesKey(index)
    const row = anew ? undefined : openChecked(key, await store.get(key))
    const pieces = (row && decodePieces(row, header)) ?? (await this.#divide(index, opened, turns))
    if (!pieces) return undefined
    if (!opened.pieces) this.#grow(index, opened, pieces.roots.length + pieces.starts.byteLength)
    opened.pieces = pieces
    // Made again when it is lost: a full disk does not hinder reading.
    if (!row)
      await store
        .write([{ key, value: checkedValue(key, encodePieces(pieces)) }])
        .catch(() => undefined)
    return pieces
  }

  async #divide(index: bigint, { batch }: Opened, turns: Turns): Promise<BodyPieces | undefined> {
    const stored = await this.#options.store.get(bodyKey(index))
    try {
      return stored && (await divideBody(stored, batch.header, turns))
    } catch (error) {
      if (isHuxinError(error, 'body_malformed') || isHuxinError(error, 'message_too_large'))
        return undefined
      throw error
    }
  }

  #grow(index: bigint, opened: Opened, bytes: number): void {
    // What was put out meanwhile does not count.
    if (this.#opened.get(index) !== opened) return
    opened.bytes += bytes
    this.#bytes += bytes
    for (const [first, oldest] of this.#opened) {
      if (this.#bytes <= BYTES_MAX) return
      this.#opened.delete(first)
      this.#bytes -= oldest.bytes
      oldest.bytes = 0
    }
  }

  #damage(name: string, what: Text): HuxinError {
    this.#damaged.add(name)
    const more = this.#damaged.size - 1
    this.#options.alarms.raise(
      'damage',
      '',
      more > 0 ? text`${what}, and ${more} more places` : what,
    )
    return new HuxinError('store_corrupt', text`${what}: run huxin fsck --repair`)
  }

  #isWell(...names: readonly string[]): void {
    if (this.#damaged.size === 0) return
    for (const name of names) this.#damaged.delete(name)
    if (this.#damaged.size === 0) this.#options.alarms.clear('damage')
  }
}

function keyOf(name: string): Uint8Array {
  return damageRows.key(name)
}

function entryName(index: bigint): string {
  return `entry ${index}`
}

function bodyName(index: bigint, piece: number): string {
  return `body ${index} ${piece}`
}

/** A record without what stands around it in memory: a thousand of an answer would hold a thousand pieces. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}
