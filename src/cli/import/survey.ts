/**
 * The first reading of a file, before anything is sent: whether it reads to its end, how many rows it has, who evaluated, and
 * which rows contradict each other. One of two rows with one record id would replace the other, and two grades of one
 * company for one field and period cannot both be meant: neither is sent.
 *
 * Memory does not grow with the file: filters of fixed size tell which rows may repeat an earlier one, and only these are
 * compared, in a second reading, up to three million claims (claims.ts).
 */
import { hash } from 'node:crypto'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, type Text, text } from '../../base/text.ts'
import type { Record as CreditRecord } from '../../gen/huxin/v1/record_pb.ts'
import { rowFault, type RowFault, type SourceRow } from '../../intake/table.ts'
import { Sieve } from '../../lookup/sieve.ts'
import { decodeRecord } from '../../record/record.ts'
import { type Claim, Claims, type Pair } from './claims.ts'

/** For so many keys each of two filters is right but for one in thousands: a wrong doubt costs a reading of the file. */
const SIEVE_KEYS = 4_000_000n
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

/** Rows of a file that contradict another one. */
export class Conflicts {
  readonly #claims: Claims

  constructor(claims: Claims) {
    this.#claims = claims
  }

  /** Why a row is not sent. */
  faultOf(bytes: Uint8Array): RowFault | undefined {
    if (this.#claims.pairs === 0) return undefined
    const record = decodeRecord(bytes)
    const twice = this.#claims.pairOf(idKey(record))
    if (twice) return rowFault('record_id_twice', twiceText(twice))
    const key = resultKey(record)
    const other = key && this.#claims.pairOf(key)
    return other && rowFault('result_twice', contradictingText(other))
  }
}

function twiceText({ lines: [first, second] }: Pair): Text {
  return text`rows ${first} and ${second} have one record id and say different things, one would replace the other: leave one, or give each an id of its own`
}

function contradictingText({ lines: [first, second], said: [one, other] }: Pair): Text {
  return text`rows ${first} and ${second} give one subject for one field and period two results (${one}, ${other}): leave the right one`
}

/**
 * Reads the rows that `read` gives, once, and once more when some may contradict each other. Bad rows are counted.
 * @throws HuxinError argument_invalid
 */
export async function survey(
  read: () => AsyncIterable<SourceRow | GoodRow>,
  claims = new Claims(),
): Promise<Survey> {
  const sieves = [new Sieve(SIEVE_KEYS), new Sieve(SIEVE_KEYS)]
  const evaluators = new Set<string>()
  let [rows, good] = [0, 0]
  for await (const one of read()) {
    rows++
    if (!('record' in one)) continue
    good++
    const record = decodeRecord(one.record)
    if (record.content.case === 'evaluationResult' && evaluators.size < EVALUATORS_MAX)
      evaluators.add(record.content.value.evaluator)
    for (const key of [idKey(record), resultKey(record)]) {
      if (key && mayRepeat(sieves, key) && !claims.add(key)) throw tooMany(one.row.line)
    }
  }
  if (claims.size > 0) await compareRows(read, claims)
  return { rows, good, evaluators: [...evaluators], conflicts: new Conflicts(claims) }
}

function tooMany(line: number): HuxinError {
  return new HuxinError(
    'argument_invalid',
    text`up to row ${line} more than a million rows repeat the record id, or the subject, field and period, of another, more than can be compared: divide the file before that row, and import the parts one after the other. Nothing was sent`,
  )
}

/** Whether a key may have been there before; it is from now on. The filters look at other bits of it. */
function mayRepeat(sieves: readonly Sieve[], key: Buffer): boolean {
  let known = true
  for (const [i, sieve] of sieves.entries()) {
    const identity = { high: key[16 + i]! >>> 2, word: key.readUInt32BE(8 + 4 * i) }
    if (sieve.mayHave(identity)) continue
    known = false
    sieve.add(identity.high, identity.word)
  }
  return known
}

async function compareRows(
  read: () => AsyncIterable<SourceRow | GoodRow>,
  claims: Claims,
): Promise<void> {
  for await (const one of read()) {
    if (!('record' in one)) continue
    for (const claim of claimsOf(decodeRecord(one.record), one.record))
      claims.compare(one.row.line, claim)
  }
}

function claimsOf(record: CreditRecord, bytes: Uint8Array): Claim[] {
  const [id, result] = [idKey(record), resultKey(record)]
  const claims: Claim[] = [
    { key: id, kind: 'record id', content: digest(bytes), recordId: id, said: '' },
  ]
  if (result && record.content.case === 'evaluationResult') {
    const said = [record.content.value.grade, record.content.value.score]
      .filter((part) => part !== '')
      .join(' ')
    claims.push({ key: result, kind: 'result', content: digest(said), recordId: id, said })
  }
  return claims
}

function idKey({ recordId }: CreditRecord): Buffer {
  return digest(`id\n${recordId}`)
}

/** Of what a result is; undefined for another record. */
function resultKey({ subject, content }: CreditRecord): Buffer | undefined {
  if (content.case !== 'evaluationResult') return undefined
  const { kind, domain, scale, evaluator, validFrom, validTo } = content.value
  return digest(
    JSON.stringify([
      subject?.type ?? 0,
      subject?.id ?? '',
      kind,
      domain,
      scale,
      evaluator,
      validFrom,
      validTo,
    ]),
  )
}

function digest(said: string | Uint8Array): Buffer {
  return hash('sha256', said, 'buffer')
}

/** What a node answers of a record, as the fault of its row. */
export function nodeFault(
  column: string,
  { code, message, messageZh }: { code: string; message: string; messageZh: string },
): RowFault {
  return rowFault(code, bilingual(message, messageZh), column)
}
