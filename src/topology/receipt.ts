/** Delivery receipts (`huxin/receipt/v1`): what a child holds of its parent's log, signed. */
import { fromHex, hex } from '../base/bytes.ts'
import { formatTime, parseTime } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Signer, Verifier } from '../note/key.ts'
import { parseNote, signNote, verifyNote } from '../note/note.ts'
import { type BatchClass, batchClasses } from './lane.ts'
import { readLines } from './member.ts'
import { NODE_NAME } from './tier.ts'

export interface ReceiptNote {
  /** Full name of the child. */
  readonly from: string
  /** Origin line of the parent's log. */
  readonly log: string
  /** Size of the parent's log that the child verified. */
  readonly size: bigint
  /** For each class: everything below this index that the child is entitled to has passed its door. */
  readonly classes: Readonly<Record<BatchClass, bigint>>
  /** The tree of the child's own log that contains it. */
  readonly own: { readonly log: string; readonly size: bigint; readonly root: Uint8Array }
  readonly timeMs: number
}

export function formatReceiptNote(receipt: ReceiptNote, signers: readonly Signer[]): Uint8Array {
  const text =
    'huxin/receipt/v1\n' +
    `from ${receipt.from}\n` +
    `log ${receipt.log}\n` +
    `size ${receipt.size}\n` +
    batchClasses.map((name) => `${name} ${receipt.classes[name]}\n`).join('') +
    `own ${receipt.own.log} ${receipt.own.size} sha256:${hex(receipt.own.root)}\n` +
    `time ${formatTime(receipt.timeMs)}\n`
  return signNote(text, signers)
}

/** @throws HuxinError note_malformed | signature_invalid | statement_malformed */
export function parseReceiptNote(bytes: Uint8Array, verifiers: readonly Verifier[]): ReceiptNote {
  const { text: content } = verifyNote(parseNote(bytes), verifiers)
  const lines = readLines(content, 'huxin/receipt/v1', [
    'from',
    'log',
    'size',
    ...batchClasses,
    'own',
    'time',
  ])
  const [ownLog = '', ownSize = '', ownRoot = '', ...rest] = lines['own']!.split(' ')
  const root = /^sha256:[0-9a-f]{64}$/.test(ownRoot) ? fromHex(ownRoot.slice(7)) : undefined
  const timeMs = parseTime(lines['time']!)
  if (
    !NODE_NAME.test(lines['from']!) ||
    !isLogOf(ownLog, lines['from']!) ||
    !LOG_ORIGIN.test(lines['log']!) ||
    !root ||
    timeMs === undefined ||
    rest.length > 0
  )
    throw new HuxinError('statement_malformed', text`the receipt has a line that is not valid`)
  return {
    from: lines['from']!,
    log: lines['log']!,
    size: count(lines['size']!),
    classes: {
      control: count(lines['control']!),
      amendment: count(lines['amendment']!),
      normal: count(lines['normal']!),
      bulk: count(lines['bulk']!),
    },
    own: { log: ownLog, size: count(ownSize), root },
    timeMs,
  }
}

/** `<trust domain>/<node id>/<epoch>` */
const LOG_ORIGIN = /^[a-z0-9.-]{1,128}\/[a-z0-9-]{1,32}\/[1-9][0-9]{0,8}$/

function isLogOf(origin: string, node: string): boolean {
  return LOG_ORIGIN.test(origin) && origin.slice(0, origin.lastIndexOf('/')) === node
}

function count(content: string): bigint {
  if (!/^(?:0|[1-9][0-9]{0,17})$/.test(content))
    throw new HuxinError(
      'statement_malformed',
      text`the receipt has a number that is not canonical`,
    )
  return BigInt(content)
}
