/**
 * The first reading of a file, before anything is sent: whether it reads to its end, how many rows it has, who evaluated, and
 * which rows contradict each other. One of two rows with one record id would replace the other, and two grades of one
 * company for one field and period cannot both be meant: neither is sent.
 *
 * Memory does not grow with the file: a filter of fixed size tells which rows may repeat an earlier one, and only these are
 * compared, in a second reading.
 */
import { hash } from 'node:crypto'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, type Text, text } from '../../base/text.ts'
import type { Record as CreditRecord } from '../../gen/huxin/v1/record_pb.ts'
import { rowFault, type RowFault, type SourceRow } from '../../intake/table.ts'
import { Sieve } from '../../lookup/sieve.ts'
import { decodeRecord } from '../../record/record.ts'

/** For so many keys the filter is right but for one in hundreds. */
const SIEVE_KEYS = 4_000_000n
/** Keys that are compared exactly: two rows each in most files. */
const DOUBTFUL_MAX = 200_000
const EVALUATORS_MAX = 5

/** A good row. */
export interface GoodRow {
  readonly row: SourceRow
  readonly record: Uint8Array
}

export interface Survey {
  readonly rows: number
  readonly good: number
  /** Codes of evaluating bodies, the first few. */
  readonly evaluators: readonly string[]
  readonly conflicts: Conflicts
}

/** One thing that a row says, and of what. */
interface Claim {
  readonly key: string
  readonly kind: 'record id' | 'result'
  readonly content: string
  /** Of a result. */
  readonly recordId: string
}

/** Two rows that cannot both be meant. */
interface Pair {
  readonly kind: Claim['kind']
  readonly lines: readonly [number, number]
  readonly contents: readonly [string, string]
}

/** Rows of a file that contradict another one. */
export class Conflicts {
  readonly #pairs: ReadonlyMap<string, Pair>

  constructor(pairs: ReadonlyMap<string, Pair>) {
    this.#pairs = pairs
  }

  /** Why a row is not sent. */
  faultOf(record: Uint8Array): RowFault | undefined {
    if (this.#pairs.size === 0) return undefined
    for (const { key } of claimsOf(decodeRecord(record), record)) {
      const pair = this.#pairs.get(key)
      if (pair) return pair.kind === 'record id' ? rowFault('record_id_twice', twice(pair)) : rowFault('result_twice', contradicting(pair))
    }
    return undefined
  }
}

function twice({ lines: [first, second] }: Pair): Text {
  return text`rows ${first} and ${second} have one record id and say different things, one would replace the other: leave one, or give each an id of its own`
}

function contradicting({ lines: [first, second], contents: [one, other] }: Pair): Text {
  return text`rows ${first} and ${second} give one subject for one field and period two results (${one}, ${other}): leave the right one`
}

/**
 * Reads the rows that `read` gives, once, and once more when some may contradict each other. Bad rows are counted.
 * @throws HuxinError argument_invalid
 */
export async function survey(read: () => AsyncIterable<SourceRow | GoodRow>): Promise<Survey> {
  const sieve = new Sieve(SIEVE_KEYS)
  const doubtful = new Set<string>()
  const evaluators = new Set<string>()
  let [rows, good] = [0, 0]
  for await (const one of read()) {
    rows++
    if (!('record' in one)) continue
    good++
    const record = decodeRecord(one.record)
    if (record.content.case === 'evaluationResult' && evaluators.size < EVALUATORS_MAX) evaluators.add(record.content.value.evaluator)
    for (const { key } of claimsOf(record, one.record)) {
      const identity = identityOf(key)
      if (sieve.mayHave(identity)) doubtful.add(key)
      else sieve.add(identity.high, identity.word)
    }
    if (doubtful.size > DOUBTFUL_MAX) throw new HuxinError('argument_invalid', text`more than ${DOUBTFUL_MAX} rows repeat the record id, or the subject, field and period, of another: is the file there twice? Nothing was sent`)
  }
  return { rows, good, evaluators: [...evaluators], conflicts: new Conflicts(doubtful.size === 0 ? new Map() : await compareRows(read, doubtful)) }
}

/** The pairs among rows that may repeat another one. */
async function compareRows(read: () => AsyncIterable<SourceRow | GoodRow>, doubtful: ReadonlySet<string>): Promise<Map<string, Pair>> {
  const first = new Map<string, { line: number; claim: Claim }>()
  const pairs = new Map<string, Pair>()
  for await (const one of read()) {
    if (!('record' in one)) continue
    for (const claim of claimsOf(decodeRecord(one.record), one.record)) {
      if (!doubtful.has(claim.key) || pairs.has(claim.key)) continue
      const before = first.get(claim.key)
      if (!before) first.set(claim.key, { line: one.row.line, claim })
      else if (before.claim.content !== claim.content && (claim.kind === 'record id' || before.claim.recordId !== claim.recordId)) {
        pairs.set(claim.key, { kind: claim.kind, lines: [before.line, one.row.line], contents: [before.claim.content, claim.content] })
      }
    }
  }
  return pairs
}

function claimsOf(record: CreditRecord, bytes: Uint8Array): Claim[] {
  const { recordId, subject, content } = record
  const claims: Claim[] = [{ key: keyOf(['id', recordId]), kind: 'record id', content: hash('sha256', bytes, 'base64'), recordId }]
  if (content.case === 'evaluationResult') {
    const { kind, domain, scale, evaluator, validFrom, validTo, grade, score } = content.value
    claims.push({ key: keyOf(['result', subject?.type ?? 0, subject?.id ?? '', kind, domain, scale, evaluator, validFrom, validTo]), kind: 'result', content: [grade, score].filter((part) => part !== '').join(' '), recordId })
  }
  return claims
}

/** 96 bits. */
function keyOf(parts: readonly (string | number)[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64').slice(0, 16)
}

function identityOf(key: string): { high: number; word: number } {
  const bytes = Buffer.from(key, 'base64')
  return { high: bytes[0]! >>> 2, word: bytes.readUInt32BE(1) }
}

/** What a node answers of a record, as the fault of its row. */
export function nodeFault(column: string, { code, message, messageZh }: { code: string; message: string; messageZh: string }): RowFault {
  return rowFault(code, bilingual(message, messageZh), column)
}
