/**
 * What a node asks of its own records beyond the rules by which every node judges. It is asked once, before they are
 * sealed, so that no verdict rests on it: batches of before, and of programs that ask less, are taken as they are.
 *
 * Refused: the number of a person in place of a body's code; characters and values that no right text has; numbers that
 * readers would change. Warned of: codes that are irregular and were issued.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { utf8Text } from '../base/bytes.ts'
import { type TurnClock, Turns } from '../base/clock.ts'
import { limits } from '../base/limits.ts'
import { type Body, recordAt } from '../batch/body.ts'
import { type Record, RecordSchema, SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { type IdPlaces, isPlaced } from '../lookup/record-rows.ts'
import { isCitizenId } from '../record/citizen-id.ts'
import { certainDamage, damageSigns } from '../record/damage.ts'
import { fault, type FaultCode, type RecordFault } from '../record/fault.ts'
import { type CompiledItem, recordWarnings } from '../record/item.ts'
import { ends, EVALUATOR, scan, starts } from '../record/scan.ts'
import { inexactNumber } from '../record/schema.ts'
import { usccFindingAt } from '../record/uscc.ts'

/** Warnings that an answer names; of the rest only the number is told. */
const WARNINGS_MAX = 16

/** What was found in a batch that is good by the rules. */
export interface OwnFindings {
  readonly faults: readonly RecordFault[]
  readonly warnings: readonly RecordFault[]
  /** Warnings in all. */
  readonly warningCount: number
}

export const nothingFound: OwnFindings = { faults: [], warnings: [], warningCount: 0 }

/**
 * Looks through the records of a batch.
 * `idPlaces` is filled for records that passed the fast check; they have nothing irregular but damaged texts
 */
export async function ownFindings(
  { largeNumbers: large }: Pick<CompiledItem, 'largeNumbers'>,
  body: Body,
  { idPlaces, clock }: { readonly idPlaces: IdPlaces; readonly clock: TurnClock },
): Promise<OwnFindings> {
  const suspects = recordsWithSigns(body)
  const faults: RecordFault[] = []
  const warnings: RecordFault[] = []
  let warningCount = 0
  const turns = new Turns(clock)
  for (let i = 0; i < body.count; i++) {
    // The evaluator of a batch is mostly one: the first record tells of it.
    const doubtful = !isPlaced(idPlaces, i) || (i === 0 && hasDoubtfulEvaluator(body))
    if (!doubtful && !large && !suspects.has(i)) continue
    const bytes = recordAt(body, i)
    if (!bytes) continue
    if (turns.over) await turns.next()
    const record = fromBinary(RecordSchema, bytes)
    const found = findings(i, record, { texts: suspects.has(i), large })
    if (faults.length < limits.faultsMax) faults.push(...found)
    if (!doubtful) continue
    const doubts = recordWarnings(bytes, i).filter(({ code }) => CODES.has(code))
    warningCount += doubts.length
    warnings.push(...doubts.slice(0, WARNINGS_MAX - warnings.length))
  }
  return { faults, warnings, warningCount }
}

/** Of a first record that passed the fast check. */
function hasDoubtfulEvaluator({ bytes, spans }: Body): boolean {
  return (
    !scan(bytes, spans[0]!, spans[1]!) ||
    usccFindingAt(bytes, starts[EVALUATOR]!, ends[EVALUATOR]!) !== undefined
  )
}

/** Warnings about what a registry issued; what is unusual about the type is for imports, which have the words of the file. */
const CODES: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'uscc_outer_check',
  'uscc_inner_check',
  'uscc_class_unknown',
])

/** Records in whose bytes something stands that damaged texts have. */
function recordsWithSigns({ bytes, spans, count }: Body): ReadonlySet<number> {
  const found = new Set<number>()
  for (const at of damageSigns(bytes)) {
    const i = recordAround(spans, count, at)
    if (i >= 0) found.add(i)
  }
  return found
}

/** The record that has the byte at a place, or -1: between records stand lengths and salts. */
function recordAround(
  spans: Uint32Array | Int32Array | readonly number[],
  count: number,
  at: number,
): number {
  let low = 0
  let high = count - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    if (spans[2 * middle + 1]! <= at) low = middle + 1
    else if (spans[2 * middle]! > at) high = middle - 1
    else return middle
  }
  return -1
}

function findings(
  index: number,
  record: Record,
  look: { texts: boolean; large: boolean },
): RecordFault[] {
  const { subject, content, attributes } = record
  const faults: RecordFault[] = []
  const personal = (path: string, code: string): void => {
    if (isCitizenId(code)) faults.push(fault(index, path, 'code_personal'))
  }
  if (subject && subject.type !== SubjectType.NATURAL_PERSON) personal('subject.id', subject.id)
  if (content.case === 'evaluationResult')
    personal('evaluation_result.evaluator', content.value.evaluator)
  const json =
    attributes.length > 0 && (look.large || look.texts) ? utf8Text(attributes) : undefined
  if (look.large && json !== undefined && inexactNumber(json) !== undefined)
    faults.push(fault(index, 'attributes', 'number_inexact'))
  if (!look.texts) return faults
  const text = (path: string, value: string, marked = false): void => {
    const damage = certainDamage(value)
    // A long text may be in two directions; a name is not.
    if (damage && !(marked && damage.kind === 'bidi'))
      faults.push(fault(index, path, 'text_damaged', `${damage.what} (${damage.at + 1})`))
  }
  text('subject.name', subject?.name ?? '')
  if (content.case === 'evaluationResult') text('evaluation_result.domain', content.value.domain)
  if (content.case === 'catalogedRecord') text('cataloged_record.document', content.value.document)
  if (json !== undefined)
    for (const [path, value] of textsOf(JSON.parse(json), 'attributes')) text(path, value, true)
  return faults
}

/** Every text of a JSON value with its path; lines may end in it. */
function* textsOf(value: unknown, path: string): Generator<readonly [string, string]> {
  if (typeof value === 'string') yield [path, value.replace(/[\t\n\r]/g, ' ')]
  else if (Array.isArray(value))
    for (const [i, one] of value.entries()) yield* textsOf(one, `${path}[${i}]`)
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value)) yield* textsOf(one, `${path}.${name}`)
}
