/** Words of departments for grades and types of subjects, read by what the catalog and the code of the subject say. */
import { bilingual } from '../base/text.ts'
import type { CatalogItem, GradeScale } from '../gen/huxin/v1/catalog_pb.ts'
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { scaleId } from '../record/scales.ts'
import { codeCell, matchingForm } from '../record/text.ts'
import type { Said } from './codes.ts'

export interface WordReading {
  readonly fault?: Said
  readonly notice?: Said
  /** Fields that the word stands for. */
  readonly fields?: Readonly<Record<string, string>>
}

/**
 * Reads a grade on its scale: as it is written, in another width or case, with 级 or 等 behind it, or by a label that the scale
 * itself gives it. A grade that is none of these is left to the rules.
 */
export function readGrade(scale: GradeScale | undefined, cell: string): WordReading {
  if (!scale || cell === '' || scale.grades.includes(cell)) return {}
  const { grades, labels } = scale
  const set = (grade: string, notice?: Said): WordReading => ({
    fields: { 'evaluation_result.grade': grade },
    ...(notice ? { notice } : {}),
  })
  const plain = codeCell(cell)
  if (grades.includes(plain)) return set(plain)
  const form = matchingForm(cell)
  const label = Object.entries(labels).find(([word]) => matchingForm(word) === form)
  if (label)
    return set(label[1], {
      code: 'grade_label',
      text: bilingual(
        `grades were read by the labels of ${scaleId(scale)}`,
        `已按等级体系 ${scaleId(scale)} 的等级名称转换`,
      ),
    })
  const bare = /^(.+?)\s*(?:级|等|等级|级别)$/.exec(plain)?.[1]
  if (bare !== undefined && grades.includes(bare))
    return set(bare, {
      code: 'grade_suffix',
      text: bilingual('级 behind the grade was taken away', '已去除等级后的“级”字'),
    })
  const known = [...grades, ...Object.keys(labels)]
  return {
    fault: {
      code: 'grade_unknown',
      text: bilingual(
        `not a grade of ${scaleId(scale)}: ${known.join(' ')}; what a department's own words mean is said by values in a profile`,
        `等级不在等级体系 ${scaleId(scale)} 内：${known.join('、')}；本部门自用的等级名称请在部门配置的 values 中对应`,
      ),
    },
  }
}

function nameOfType(type: SubjectType): string {
  return Object.entries(SubjectType).find(([, value]) => value === type)![0]
}

interface SubjectWord {
  readonly type: SubjectType
  /** Registering department and class, GB 32100 table 1: the first characters of the code. */
  readonly code: RegExp
}

/** What the class in the code says of a body; a word stands for its type only where the code agrees. */
const SUBJECT_WORDS: Readonly<Record<string, SubjectWord>> = {
  个体工商户: { type: SubjectType.ENTERPRISE, code: /^92/ },
  个体户: { type: SubjectType.ENTERPRISE, code: /^92/ },
  农民专业合作社: { type: SubjectType.ENTERPRISE, code: /^93/ },
  合作社: { type: SubjectType.ENTERPRISE, code: /^93/ },
  企业: { type: SubjectType.ENTERPRISE, code: /^9[1-3]/ },
  企业法人: { type: SubjectType.ENTERPRISE, code: /^91/ },
  社会组织: { type: SubjectType.SOCIAL_ORGANIZATION, code: /^(?:5[1-3]|71|72|81)/ },
  社会团体: { type: SubjectType.SOCIAL_ORGANIZATION, code: /^51/ },
  民办非企业单位: { type: SubjectType.SOCIAL_ORGANIZATION, code: /^52/ },
  社会服务机构: { type: SubjectType.SOCIAL_ORGANIZATION, code: /^52/ },
  基金会: { type: SubjectType.SOCIAL_ORGANIZATION, code: /^53/ },
  事业单位: { type: SubjectType.PUBLIC_INSTITUTION, code: /^12/ },
  机关: { type: SubjectType.GOVERNMENT_BODY, code: /^11/ },
  政府机构: { type: SubjectType.GOVERNMENT_BODY, code: /^11/ },
}
const PERSON_WORDS = /^(?:自然人|个人|公民)$/

/** Reads the word for the type of a subject beside its code; a word that the item itself has is read by the item. */
export function readSubjectType(item: CatalogItem, word: string, code: string): WordReading {
  if (word === '' || word in SubjectType || word.toUpperCase() in SubjectType) return {}
  if (PERSON_WORDS.test(word)) {
    return {
      fault: {
        code: 'subject_type',
        text: bilingual(
          `${item.id}@${item.edition} is not for natural persons`,
          `目录项 ${item.id}@${item.edition} 不适用于自然人`,
        ),
      },
    }
  }
  const known = SUBJECT_WORDS[word]
  const column = item.columns.find(({ field }) => field === 'subject.type')
  if (!known || !item.subjectTypes.includes(known.type)) {
    const words = [
      ...new Set([
        ...Object.keys(column?.values ?? {}),
        ...Object.entries(SUBJECT_WORDS)
          .filter(([, { type }]) => item.subjectTypes.includes(type))
          .map(([one]) => one),
      ]),
    ]
    return {
      fault: {
        code: 'enum_value',
        text: bilingual(`not one of ${words.join(', ')}`, `不在取值范围内：${words.join('、')}`),
      },
    }
  }
  if (code !== '' && !known.code.test(code)) {
    return {
      fault: {
        code: 'subject_type_class',
        text: bilingual(
          `the code begins with ${code.slice(0, 2)}, and that of a body of this type does not: one of the two is wrong`,
          `代码以 ${code.slice(0, 2)} 开头，与主体类型不符，二者有一处有误`,
        ),
      },
    }
  }
  return {
    fields: {
      'subject.type': nameOfType(known.type),
      ...(known.code.test('92') && word.startsWith('个体')
        ? { 'subject.individual_business': 'true' }
        : {}),
    },
    notice: {
      code: 'subject_word',
      text: bilingual(
        'types of subjects were read by their words and the classes of their codes',
        '已按主体类型名称与代码类别对应',
      ),
    },
  }
}
