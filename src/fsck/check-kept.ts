/**
 * What neighbours gave and what is remembered of them: receipts, cosignatures, trees, cursors. None of it follows
 * from the log; all of it is signed, or carries a check value, or fits together with another row.
 */
import { equalBytes, fromBe64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf as saidOf } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { openHeader } from '../batch/seal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { appendLeaves, decodeFrontier, emptyFrontier, type Frontier, frontierRoot } from '../merkle/frontier.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import { verifyCosignatureLine } from '../note/cosignature.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { parseTlogProof } from '../note/tlog-proof.ts'
import { openChecked } from '../store/checked.ts'
import { bodyKey, entryKey, indexAtEnd, prefixRange, PRESENT, receiptKey, spineKey, tables, textKey } from '../store/keys.ts'
import type { Reader } from '../store/store.ts'
import type { FederationState } from '../topology/federation.ts'
import { parseReceiptNote } from '../topology/receipt.ts'
import { foreseen } from '../witness/ahead.ts'
import { readSpineTile } from '../witness/spine.ts'
import type { Find, SignedLog } from './finding.ts'
import { countRows } from './check-derived.ts'
import { decodeReceipt, receiptLog, verifyReceipt } from '../witness/receipts.ts'

const SPOILED_BYTES = 1 + 'spoiled/'.length + 8

interface Kept {
  readonly store: Reader
  readonly log: SignedLog
  readonly ledger: Ledger
  /** What the log says of the members, and the parent says of itself before its log brings it here. */
  readonly federation: FederationState
  readonly find: Find
}

/** Checks every row that a neighbour had a part in. */
export async function checkKept(store: Reader, log: SignedLog, { ledger, find }: { ledger: Ledger; find: Find }): Promise<void> {
  const kept: Kept = { store, log, ledger, federation: await foreseen(store, ledger.federation), find }
  const receipts = await each(kept, tables.receipt, (key, value) => checkReceipt(kept, key, value))
  const places = await each(kept, tables.receiptOrder, async (_, value) => {
    if (!await store.get(receiptKey(value.subarray(0, 32), textOf(value.subarray(32))))) throw new HuxinError('store_corrupt', text`it names a receipt that is not there`)
  })
  if (receipts !== places) find(tables.receiptOrder, text`${places} rows are stored for ${receipts} receipts`)
  await each(kept, tables.witness, async (key, value) => {
    const origin = textOf(key.subarray(1))
    const { size, root } = openCheckpoint(value.subarray(40), [logKey(kept.federation, origin)], origin)
    if (fromBe64(value) !== size || !equalBytes(value.subarray(8, 40), root)) throw new HuxinError('store_corrupt', text`size and root are not those of its checkpoint`)
    const spine = await store.get(textKey(tables.meta, `spine/${origin}`))
    if (spine && decodeFrontier(spine)?.size !== size) throw new HuxinError('store_corrupt', text`it is not as large as what is followed of this log`)
  })
  await each(kept, tables.spine, async (key) => {
    if (!await store.get(textKey(tables.meta, `spine/${textOf(key.subarray(1, -9))}`))) throw new HuxinError('store_corrupt', text`nothing is known of this log`)
  })
  await each(kept, tables.cosigned, (key, value) => checkCosigned(kept, textOf(key.subarray(1)), value))
  await each(kept, tables.childReceipt, (key, value) => {
    const child = textOf(key.subarray(1))
    const { from } = parseReceiptNote(value, keysOf(kept.federation, child))
    if (from !== child) throw new HuxinError('store_corrupt', text`it is a receipt of ${from}`)
  })
  await each(kept, tables.quarantine, (key, value) => {
    if (!openChecked(key, value)) throw new HuxinError('store_corrupt', text`it does not have its check value`)
  })
  await each(kept, tables.meta, (key, value) => checkMeta(kept, key, value))
}

async function each(kept: Kept, table: Uint8Array, check: (key: Uint8Array, value: Uint8Array) => void | Promise<void>): Promise<number> {
  return countRows(kept.store, prefixRange(table), async (key, value) => {
    try {
      await check(key, value)
    } catch (error) {
      kept.find(key, saidOf(error))
    }
    return true
  })
}

/** The receipt proves that the batch's entry is in the log of that node; of a batch that is not here, only who signed is seen. */
async function checkReceipt({ store, ledger, federation }: Kept, key: Uint8Array, value: Uint8Array): Promise<void> {
  const [id, node] = [key.subarray(1, 33), textOf(key.subarray(33))]
  const receipt = decodeReceipt(id, value)
  const log = receiptLog(receipt)
  if (!log || log.node !== node) throw new HuxinError('store_corrupt', text`it is no receipt of ${node}`)
  const known = await ledger.known(id)
  const entry = known && await store.get(entryKey(known.indexes[0]!))
  if (!entry) {
    openCheckpoint(parseTlogProof(receipt.proof).checkpointNote, [logKey(federation, log.origin)], log.origin)
    return
  }
  const batch = openHeader(parseEntry(entry).header)
  if (!equalBytes(batch.id, id)) throw new HuxinError('store_corrupt', text`it is of a batch that the log has under another id`)
  verifyReceipt({ federation, frozen: ledger.frozen }, batch, receipt)
}

function checkCosigned({ federation, log }: Kept, neighbour: string, value: Uint8Array): void {
  const tree = openCheckpoint(value, [log.verifier], log.origin)
  const note = parseNote(value)
  const epochs = federation.member(neighbour)?.epochs.filter(({ cosignVkey }) => cosignVkey !== '') ?? []
  const signed = epochs.some(({ cosignVkey }) => note.signatures.some((line) => verifyCosignatureLine(note.text, line, parseVkey(cosignVkey))))
  if (!signed) throw new HuxinError('store_corrupt', text`it has no valid cosignature of ${neighbour}`)
  if (tree.size === log.signed.size && !equalBytes(tree.root, log.signed.root)) throw new HuxinError('store_corrupt', text`it is of another tree`)
}

async function checkMeta(kept: Kept, key: Uint8Array, value: Uint8Array): Promise<void> {
  const name = textOf(key.subarray(1))
  const [kind = ''] = name.split('/')
  switch (kind) {
    case 'pull':
    case 'push':
    case 'held':
    case 'aside-rest':
    case 'receipts':
    case 'scrub':
    case 'erase-on':
    case 'witnessed':
    case 'contact':
    case 'confirmed':
      if (openChecked(key, value)?.length !== 8) throw new HuxinError('store_corrupt', text`it does not have its check value`)
      return
    case 'aside':
      if (openChecked(key, value)?.length !== 16) throw new HuxinError('store_corrupt', text`it does not have its check value`)
      return
    case 'quota':
      if (openChecked(key, value)?.length !== 64) throw new HuxinError('store_corrupt', text`it does not have its check value`)
      return
    case 'continues':
    case 'rotation':
    case 'ahead':
    case 'approval':
    case 'gaveback':
    case 'restorations':
    case 'subject-key':
    case 'alarm':
    case 'damage':
    case 'incomplete':
      if (!openChecked(key, value)) throw new HuxinError('store_corrupt', text`it does not have its check value`)
      return
    case 'spine': return checkSpine(kept, name.slice('spine/'.length), value)
    case 'request':
      if (!await kept.ledger.known(value)) throw new HuxinError('store_corrupt', text`it names a batch that is not in the log`)
      return
    case 'shown': {
      const id = key.subarray(-32)
      return checkReceipt(kept, receiptKey(id, receiptLog(decodeReceipt(id, value))?.node ?? ''), value)
    }
    case 'spoiled':
      // Those of former versions say no number.
      if ((openChecked(key, value) === undefined && !equalBytes(value, PRESENT)) || key.length !== SPOILED_BYTES || !await kept.store.get(bodyKey(indexAtEnd(key)))) throw new HuxinError('store_corrupt', text`it names no body`)
      return
    case 'frozen': {
      const log = name.slice('frozen/'.length)
      const { size } = openCheckpoint(value, [logKey(kept.federation, log)], log)
      if (size !== kept.ledger.frozen.get(log)) throw new HuxinError('store_corrupt', text`it is not of the size at which that log was frozen`)
      return
    }
    // Written every two seconds and read at once; what stands in it says nothing.
    case 'probe': return
    case 'rebuilding': throw new HuxinError('store_corrupt', text`a rebuild was cut off: run huxin node rebuild again`)
    default: throw new HuxinError('store_corrupt', text`it is no row that is known`)
  }
}

/** The leaf hashes of a followed log have the frontier that is kept, which has the root of the tree that was verified. */
async function checkSpine({ store, find }: Kept, log: string, value: Uint8Array): Promise<void> {
  const frontier = decodeFrontier(value)
  if (!frontier) throw new HuxinError('store_corrupt', text`it is no frontier`)
  const witness = await store.get(textKey(tables.witness, log))
  if (!witness || !equalBytes(frontierRoot(frontier), witness.subarray(8, 40))) throw new HuxinError('store_corrupt', text`it does not have the root of the tree that was verified`)
  let built: Frontier = emptyFrontier
  for (let tile = 0n; tile * 256n < frontier.size; tile++) {
    const want = frontier.size - tile * 256n < 256n ? Number(frontier.size - tile * 256n) : 256
    const leaves = await readSpineTile(store, log, tile)
    if (!leaves || leaves.length < want * 32) return find(spineKey(log, tile), text`it has not as many hashes as were verified`)
    built = appendLeaves(built, leaves.subarray(0, want * 32))
  }
  if (equalBytes(frontierRoot(built), frontierRoot(frontier))) return
  // The first perfect subtree that differs says in which tiles the damage is.
  let from = 0n
  for (const [i, hash] of frontier.hashes.entries()) {
    const size = subtreeSize(frontier.size, i)
    if (!equalBytes(built.hashes[i]!, hash)) return find(spineKey(log, from / 256n), text`the hashes ${from} to ${from + size - 1n} are not those that were verified`)
    from += size
  }
}

/** Leaves under the perfect subtree number `i` of a tree, counted from the left. */
function subtreeSize(size: bigint, i: number): bigint {
  const bits = [...size.toString(2)].flatMap((bit, at, all) => (bit === '1' ? [1n << BigInt(all.length - 1 - at)] : []))
  return bits[i]!
}

function logKey(federation: FederationState, origin: string): Verifier {
  const at = origin.lastIndexOf('/')
  const keys = federation.member(origin.slice(0, at))?.epochs.find(({ epoch }) => String(epoch) === origin.slice(at + 1))
  if (!keys) throw new HuxinError('store_corrupt', text`${origin} is the log of no member that is known here`)
  return parseVkey(keys.noteVkey)
}

function keysOf(federation: FederationState, node: string): Verifier[] {
  return federation.member(node)?.epochs.map(({ noteVkey }) => parseVkey(noteVkey)) ?? []
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

