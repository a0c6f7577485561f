/** Asking a node as a department does, and records that say what a test wants of one enterprise. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  EvaluationKind,
  EvaluationResultSchema,
  RecordSchema,
  SubjectSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import {
  GetRecordsRequestSchema,
  type StoredRecord,
} from '../../src/gen/huxin/v1/record_service_pb.ts'
import type { Context } from '../../src/commit/context.ts'
import { getRecords } from '../../src/service/get-records.ts'
import { uscc } from './records.ts'

export interface Evaluation {
  readonly id: string
  /** Number of the enterprise. */
  readonly of: number
  readonly grade: string
  /** Date of the evaluation. */
  readonly on?: string
}

/** An industry evaluation of an enterprise. */
export function evaluation({ id, of, grade, on = '2026-06-30' }: Evaluation): Uint8Array {
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      recordId: id,
      subject: create(SubjectSchema, {
        type: SubjectType.ENTERPRISE,
        id: uscc(of),
        name: `浙江测试企业${of}有限公司`,
      }),
      content: {
        case: 'evaluationResult',
        value: create(EvaluationResultSchema, {
          kind: EvaluationKind.INDUSTRY,
          domain: 'transport',
          scale: 'zj/five-grade@2020',
          grade,
          model: 'zj/industry-transport@3',
          evaluatedOn: on,
          validFrom: on,
          validTo: '2030-12-31',
          evaluator: '11330825TT00000903',
        }),
      },
    }),
  )
}

/** What GetRecords answers. */
export function ask(
  context: Context,
  request: MessageInitShape<typeof GetRecordsRequestSchema>,
  given = new AbortController(),
): Promise<{
  records: Pick<StoredRecord, 'origin' | 'item' | 'standing' | 'record' | 'leafHash' | 'index'>[]
  nextPageToken: string
}> {
  return getRecords(context, create(GetRecordsRequestSchema, request), { signal: given.signal })
}

/** `<node id> <grade> <standing>` of each record, newest first; the grade is `-` where no content is given. */
export async function standings(
  context: Context,
  request: MessageInitShape<typeof GetRecordsRequestSchema>,
): Promise<string[]> {
  return (await ask(context, request)).records.map(({ origin, record, standing }) => {
    const { content } = fromBinary(RecordSchema, record)
    return `${origin.split(/[/ ]/)[1]} ${content.case === 'evaluationResult' ? content.value.grade : '-'} ${standing}`
  })
}

/** The subject that is an enterprise. */
export function enterprise(of: number): { subject: { type: SubjectType; id: string } } {
  return { subject: { type: SubjectType.ENTERPRISE, id: uscc(of) } }
}
