/** Synthetic records that pass the starter catalog. */
import { create, toBinary } from '@bufbuild/protobuf'
import {
  EvaluationKind,
  EvaluationResultSchema,
  RecordSchema,
  SubjectSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import { syntheticUscc } from '../../src/record/uscc.ts'

export const INDUSTRY_ITEM = 'zj/industry-evaluation@2026.1'
export const NATIONAL_ITEM = 'cn/comprehensive-evaluation@2026.1'

export function uscc(i: number): string {
  return syntheticUscc('91330106', `TT${String(i).padStart(6, '0')}`)
}

/** An industry evaluation of enterprise i. */
export function industryRecord(
  i: number,
  {
    prefix = 'e',
    grade = 'A',
    validTo = '2027-06-30',
  }: { prefix?: string; grade?: string; validTo?: string } = {},
): Uint8Array {
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      recordId: `${prefix}-${i}`,
      subject: create(SubjectSchema, {
        type: SubjectType.ENTERPRISE,
        id: uscc(i % 1_000_000),
        name: `浙江测试企业${i}有限公司`,
      }),
      content: {
        case: 'evaluationResult',
        value: create(EvaluationResultSchema, {
          kind: EvaluationKind.INDUSTRY,
          domain: 'transport',
          scale: 'zj/five-grade@2020',
          grade,
          model: 'zj/industry-transport@3',
          evaluatedOn: '2026-06-30',
          validFrom: '2026-07-01',
          validTo,
          evaluator: '11330825TT00000903',
        }),
      },
      attributes: Buffer.from('{"industry_code":"G5430","inspected_count":2}'),
    }),
  )
}

/** A national comprehensive evaluation of enterprise i. */
export function nationalRecord(i: number): Uint8Array {
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      recordId: `n-${i}`,
      subject: create(SubjectSchema, {
        type: SubjectType.ENTERPRISE,
        id: uscc(i % 1_000_000),
        name: `浙江测试企业${i}有限公司`,
      }),
      content: {
        case: 'evaluationResult',
        value: create(EvaluationResultSchema, {
          kind: EvaluationKind.COMPREHENSIVE,
          scale: 'cn/comprehensive@2025',
          grade: ['A', 'B', 'C', 'D'][i % 4]!,
          model: 'cn/comprehensive@2026',
          evaluatedOn: '2026-05-31',
          validFrom: '2026-06-01',
          validTo: '2027-05-31',
          evaluator: '11330825TT00000903',
        }),
      },
    }),
  )
}

export function many(count: number, make: (i: number) => Uint8Array, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => make(from + i))
}
