/**
 * Starter scales and mappings. Where only the year of a document is known, a period begins on 1 January of
 * that year. The mappings are proposals to be agreed by both parties, not official tables.
 */
import { create } from '@bufbuild/protobuf'
import {
  type GradeMapping,
  GradeMappingSchema,
  type GradeScale,
  GradeScaleSchema,
} from '../../gen/huxin/v1/catalog_pb.ts'
import { SubjectType } from '../../gen/huxin/v1/record_pb.ts'

const organizations = [
  SubjectType.ENTERPRISE,
  SubjectType.SOCIAL_ORGANIZATION,
  SubjectType.PUBLIC_INSTITUTION,
  SubjectType.GOVERNMENT_BODY,
]

export const starterScales: readonly GradeScale[] = [
  create(GradeScaleSchema, {
    id: 'cn/comprehensive',
    version: '2025',
    nameZh: '全国企业公共信用综合评价（四级）',
    nameEn: 'National comprehensive evaluation of enterprises, four grades',
    subjectTypes: [SubjectType.ENTERPRISE],
    grades: ['A', 'B', 'C', 'D'],
    legalDocument: 'GB/T 45255-2025；国办发〔2026〕8号',
    effectiveFrom: '2025-06-01',
  }),
  create(GradeScaleSchema, {
    id: 'cn/comprehensive',
    version: '2019',
    nameZh: '全国企业公共信用综合评价（优良中差）',
    nameEn: 'National comprehensive evaluation of enterprises, former grades',
    subjectTypes: [SubjectType.ENTERPRISE],
    grades: ['优', '良', '中', '差'],
    legalDocument: '发改办财金〔2019〕885号',
    effectiveFrom: '2019-01-01',
    effectiveTo: '2025-05-31',
  }),
  create(GradeScaleSchema, {
    id: 'zj/five-type',
    version: '2018',
    nameZh: '浙江省四类组织公共信用评价（2018）',
    nameEn: 'Zhejiang evaluation of organizations, 2018',
    subjectTypes: organizations,
    grades: ['优秀', '良好', '中等', '较差'],
    scoreFrom: '0',
    scoreTo: '1000',
    legalDocument: '浙江省五类主体公共信用评价指引（2018）',
    effectiveFrom: '2018-01-01',
  }),
  create(GradeScaleSchema, {
    id: 'zj/five-grade',
    version: '2020',
    nameZh: '浙江省五级信用评价',
    nameEn: 'Zhejiang evaluation in five grades',
    subjectTypes: organizations,
    grades: ['A', 'B', 'C', 'D', 'E'],
    scoreFrom: '0',
    scoreTo: '1000',
    legalDocument: '浙江省公共信用评价指引（2020）',
    effectiveFrom: '2020-01-01',
  }),
  create(GradeScaleSchema, {
    id: 'zj/person-score',
    version: '2018',
    nameZh: '浙江省自然人公共信用分',
    nameEn: 'Zhejiang score of natural persons',
    subjectTypes: [SubjectType.NATURAL_PERSON],
    scoreFrom: '0',
    scoreTo: '1000',
    scoreOnly: true,
    legalDocument: '浙江省五类主体公共信用评价指引（2018）',
    effectiveFrom: '2018-01-01',
  }),
  create(GradeScaleSchema, {
    id: 'cn/tax',
    version: '2014',
    nameZh: '纳税信用级别',
    nameEn: 'Tax credit grades',
    subjectTypes: [SubjectType.ENTERPRISE],
    grades: ['A', 'B', 'M', 'C', 'D'],
    legalDocument: '纳税信用管理办法（试行）（2014）',
    effectiveFrom: '2014-01-01',
  }),
]

const proposal = '示例对照，须经双方签署，非官方'

export const starterMappings: readonly GradeMapping[] = [
  create(GradeMappingSchema, {
    id: 'zj-2018-to-cn',
    version: '1',
    fromScale: 'zj/five-type@2018',
    toScale: 'cn/comprehensive@2025',
    pairs: { 优秀: 'A', 良好: 'B', 中等: 'C', 较差: 'D' },
    legalDocument: proposal,
    effectiveFrom: '2025-06-01',
  }),
  create(GradeMappingSchema, {
    id: 'zj-5-to-cn',
    version: '1',
    fromScale: 'zj/five-grade@2020',
    toScale: 'cn/comprehensive@2025',
    pairs: { A: 'A', B: 'B', C: 'C', D: 'D', E: 'D' },
    legalDocument: proposal,
    effectiveFrom: '2025-06-01',
  }),
  create(GradeMappingSchema, {
    id: 'cn-2019-to-cn',
    version: '1',
    fromScale: 'cn/comprehensive@2019',
    toScale: 'cn/comprehensive@2025',
    pairs: { 优: 'A', 良: 'B', 中: 'C', 差: 'D' },
    legalDocument: proposal,
    effectiveFrom: '2025-06-01',
  }),
]
