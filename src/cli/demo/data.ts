/**
 * Synthetic data of the demo, from a seed: valid codes, the grade distribution of the Zhejiang 2018
 * evaluation of enterprises (2.3 % / 76.4 % / 20.0 % / 1.3 %), names that no real enterprise bears.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { civilDate } from '../../base/clock.ts'
import { SeededRandom } from '../../base/random.ts'
import {
  EvaluationKind,
  EvaluationResultSchema,
  RecordSchema,
  SubjectSchema,
  SubjectType,
} from '../../gen/huxin/v1/record_pb.ts'
import { syntheticUscc } from '../../record/uscc.ts'

export const BODY = '11330825TT00000903'
export const INDUSTRY_ITEM = 'zj/industry-evaluation@2026.1'
export const NATIONAL_ITEM = 'cn/comprehensive-evaluation@2026.1'

const places = ['杭州', '西湖', '余杭', '义乌', '金华', '之江']
const words = ['恒信', '诚达', '远成', '安泰', '汇丰源', '明德', '宏业', '瑞和', '正和', '同济']
const fields = ['运输', '建设', '商贸', '科技', '食品', '环保']
const industries = ['G5430', 'E4700', 'F5100', 'I6510', 'C1400', 'N7720']

/** An enterprise that does not exist. */
export interface Enterprise {
  readonly uscc: string
  readonly name: string
  readonly industry: number
}

export class DemoData {
  readonly #random: SeededRandom
  readonly #nowMs: number

  constructor(seed: string, nowMs: number) {
    this.#random = new SeededRandom(seed)
    this.#nowMs = nowMs
  }

  enterprise(division: string, number: number): Enterprise {
    const industry = this.#random.below(fields.length)
    return {
      uscc: syntheticUscc(`91${division}`, `TT${number.toString().padStart(6, '0')}`),
      name: `${this.#random.pick(places)}${this.#random.pick(words)}${fields[industry]!}${number}有限公司`,
      industry,
    }
  }

  /** One of four grades, best first, by the distribution above. */
  gradeRank(): number {
    const roll = this.#random.below(1_000)
    return roll < 23 ? 0 : roll < 787 ? 1 : roll < 987 ? 2 : 3
  }

  /** Days before (negative) or after today, `YYYY-MM-DD`. */
  day(offset: number): string {
    return civilDate(this.#nowMs + offset * 86_400_000)
  }

  /** A department's file: `rows` industry evaluations of which twelve are bad for three reasons. */
  industryCsv(division: string, rows: number): string {
    const bad = new Map<number, 'scientific' | 'check' | 'date'>()
    for (const [i, kind] of (['scientific', 'check', 'date'] as const)
      .flatMap((kind, k) => ([5, 4, 3][k]! > 0 ? Array<typeof kind>([5, 4, 3][k]!).fill(kind) : []))
      .entries()) {
      bad.set(Math.floor((rows * (i + 1)) / 13), kind)
    }
    const lines = [
      '记录编号,统一社会信用代码,主体名称,行业领域,评价等级,评价日期,有效期起,有效期止,评价单位代码,行业代码,检查次数',
    ]
    for (let i = 0; i < rows; i++) {
      const { uscc, name, industry } = this.enterprise(division, i)
      const grade = 'ABCDE'[this.gradeRank() + (this.#random.below(50) === 0 ? 1 : 0)]!
      const kind = bad.get(i)
      const code =
        kind === 'scientific'
          ? '9.13301E+17'
          : kind === 'check'
            ? uscc.slice(0, 17) + (uscc.endsWith('0') ? '1' : '0')
            : uscc
      const date = kind === 'date' ? '2026年第三季度' : this.day(-40).replaceAll('-', '/')
      lines.push(
        [
          `ZJ-${division}-${i}`,
          code,
          name,
          fields[industry]!,
          grade,
          date,
          this.day(-30).replaceAll('-', '/'),
          '2099/12/31',
          BODY,
          industries[industry]!,
          String(this.#random.below(5)),
        ].join(','),
      )
    }
    return `\ufeff${lines.join('\r\n')}\r\n`
  }

  /** A national comprehensive result A–D. */
  national(division: string, number: number): Uint8Array {
    const { uscc, name } = this.enterprise(division, number)
    return toBinary(
      RecordSchema,
      create(RecordSchema, {
        recordId: `CN-${division}-${number}`,
        subject: create(SubjectSchema, { type: SubjectType.ENTERPRISE, id: uscc, name }),
        content: {
          case: 'evaluationResult',
          value: create(EvaluationResultSchema, {
            kind: EvaluationKind.COMPREHENSIVE,
            scale: 'cn/comprehensive@2025',
            grade: 'ABCD'[this.gradeRank()]!,
            model: 'cn/comprehensive@2026',
            evaluatedOn: this.day(-60),
            validFrom: this.day(-50),
            validTo: this.day(315),
            evaluator: BODY,
          }),
        },
      }),
    )
  }

  /** An industry result, for the scenes with single batches. */
  industry(enterprise: Enterprise, recordId: string, grade = 'A'): Uint8Array {
    return toBinary(
      RecordSchema,
      create(RecordSchema, {
        recordId,
        subject: create(SubjectSchema, {
          type: SubjectType.ENTERPRISE,
          id: enterprise.uscc,
          name: enterprise.name,
        }),
        content: {
          case: 'evaluationResult',
          value: create(EvaluationResultSchema, {
            kind: EvaluationKind.INDUSTRY,
            domain: fields[enterprise.industry]!,
            scale: 'zj/five-grade@2020',
            grade,
            model: 'zj/industry@1',
            evaluatedOn: this.day(-20),
            validFrom: this.day(-10),
            validTo: this.day(355),
            evaluator: BODY,
          }),
        },
      }),
    )
  }
}
