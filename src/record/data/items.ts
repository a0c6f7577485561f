/** Starter catalog items, with which a fresh federation can exchange evaluations and recognitions. */
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type CatalogItem,
  CatalogItemSchema,
  type ColumnSchema,
} from '../../gen/huxin/v1/catalog_pb.ts'
import { SubjectType } from '../../gen/huxin/v1/record_pb.ts'

const everyTier = ['tier:nation', 'tier:province', 'tier:city', 'tier:county']
const organizations = [
  SubjectType.ENTERPRISE,
  SubjectType.SOCIAL_ORGANIZATION,
  SubjectType.PUBLIC_INSTITUTION,
  SubjectType.GOVERNMENT_BODY,
]
const purposes = [
  'graded-supervision',
  'random-inspection',
  'administrative-approval',
  'mutual-recognition',
  'judicial',
]

const noAttributes = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {},
})

const industryAttributes = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    industry_code: {
      type: 'string',
      title: '国民经济行业分类代码 (GB/T 4754)',
      pattern: '^[A-T][0-9]{0,4}$',
      'x-personal-data': 'none',
    },
    inspected_count: {
      type: 'integer',
      title: '检查次数',
      minimum: 0,
      maximum: 100000,
      'x-personal-data': 'none',
    },
  },
})

const subjectTypeCells = {
  企业: 'ENTERPRISE',
  社会组织: 'SOCIAL_ORGANIZATION',
  事业单位: 'PUBLIC_INSTITUTION',
  政府机构: 'GOVERNMENT_BODY',
  enterprise: 'ENTERPRISE',
  'social organization': 'SOCIAL_ORGANIZATION',
  'public institution': 'PUBLIC_INSTITUTION',
  'government body': 'GOVERNMENT_BODY',
}

type Column = MessageInitShape<typeof ColumnSchema>

const subjectColumns: readonly Column[] = [
  { field: 'record_id', headerZh: '记录编号', headerEn: 'Record ID', type: 'text' },
  {
    field: 'subject.type',
    headerZh: '主体类型',
    headerEn: 'Subject type',
    type: 'enum',
    defaultValue: 'ENTERPRISE',
    values: subjectTypeCells,
  },
  {
    field: 'subject.id',
    headerZh: '统一社会信用代码',
    headerEn: 'Unified social credit code',
    type: 'uscc',
    required: true,
  },
  {
    field: 'subject.name',
    headerZh: '主体名称',
    headerEn: 'Subject name',
    type: 'text',
    required: true,
  },
]

const resultColumns: readonly Column[] = [
  {
    field: 'evaluation_result.grade',
    headerZh: '评价等级',
    headerEn: 'Grade',
    type: 'text',
    required: true,
  },
  { field: 'evaluation_result.score', headerZh: '评价分数', headerEn: 'Score', type: 'decimal' },
  {
    field: 'evaluation_result.evaluated_on',
    headerZh: '评价日期',
    headerEn: 'Evaluated on',
    type: 'date',
    required: true,
  },
  {
    field: 'evaluation_result.valid_from',
    headerZh: '有效期起',
    headerEn: 'Valid from',
    type: 'date',
    required: true,
  },
  {
    field: 'evaluation_result.valid_to',
    headerZh: '有效期止',
    headerEn: 'Valid to',
    type: 'date',
    required: true,
  },
  {
    field: 'evaluation_result.evaluator',
    headerZh: '评价单位代码',
    headerEn: 'Evaluator',
    type: 'uscc',
    required: true,
  },
]

function kindColumn(defaultValue: string): Column {
  const values = {
    综合: 'COMPREHENSIVE',
    行业: 'INDUSTRY',
    comprehensive: 'COMPREHENSIVE',
    industry: 'INDUSTRY',
  }
  return {
    field: 'evaluation_result.kind',
    headerZh: '评价类别',
    headerEn: 'Evaluation kind',
    type: 'enum',
    defaultValue,
    values,
  }
}

function fixedColumns(scale: string, model: string): readonly Column[] {
  return [
    {
      field: 'evaluation_result.scale',
      headerZh: '等级体系',
      headerEn: 'Scale',
      type: 'text',
      defaultValue: scale,
    },
    {
      field: 'evaluation_result.model',
      headerZh: '评价模型',
      headerEn: 'Model',
      type: 'text',
      defaultValue: model,
    },
  ]
}

export const starterItems: readonly CatalogItem[] = [
  create(CatalogItemSchema, {
    id: 'zj/industry-evaluation',
    edition: '2026.1',
    nameZh: '行业信用评价结果',
    nameEn: 'Industry credit evaluation results',
    kind: 'evaluation',
    originators: ['tier:county', 'tier:city', 'tier:province'],
    recipients: ['**'],
    subjectTypes: organizations,
    legalBasis: '浙江省公共信用信息管理条例',
    attributesSchema: industryAttributes,
    effectiveFrom: '2026-01-01',
    scales: ['zj/five-grade@2020'],
    purposes,
    retentionYears: 5,
    columns: [
      ...subjectColumns,
      kindColumn('INDUSTRY'),
      {
        field: 'evaluation_result.domain',
        headerZh: '行业领域',
        headerEn: 'Industry',
        type: 'text',
        required: true,
      },
      ...fixedColumns('zj/five-grade@2020', 'zj/industry@1'),
      ...resultColumns,
      {
        field: 'attributes.industry_code',
        headerZh: '行业代码',
        headerEn: 'Industry code',
        type: 'text',
      },
      {
        field: 'attributes.inspected_count',
        headerZh: '检查次数',
        headerEn: 'Inspected count',
        type: 'integer',
      },
    ],
  }),
  create(CatalogItemSchema, {
    id: 'cn/comprehensive-evaluation',
    edition: '2026.1',
    nameZh: '企业公共信用综合评价结果',
    nameEn: 'Comprehensive public credit evaluation results of enterprises',
    kind: 'evaluation',
    originators: ['tier:nation'],
    recipients: ['**'],
    subjectTypes: [SubjectType.ENTERPRISE],
    legalBasis: '国办发〔2026〕8号',
    attributesSchema: noAttributes,
    effectiveFrom: '2026-01-01',
    scales: ['cn/comprehensive@2025'],
    purposes,
    retentionYears: 5,
    columns: [
      ...subjectColumns,
      kindColumn('COMPREHENSIVE'),
      ...fixedColumns('cn/comprehensive@2025', 'cn/comprehensive@2025'),
      ...resultColumns,
    ],
  }),
  create(CatalogItemSchema, {
    id: 'cn/recognition',
    edition: '2026.1',
    nameZh: '评价结果互认',
    nameEn: 'Mutual recognition of evaluation results',
    kind: 'recognition',
    originators: everyTier,
    recipients: ['**'],
    subjectTypes: [...organizations, SubjectType.NATURAL_PERSON],
    legalBasis: '政务数据共享条例（国务院令第809号）',
    attributesSchema: noAttributes,
    effectiveFrom: '2026-01-01',
    purposes: ['mutual-recognition', 'judicial'],
    retentionYears: 10,
  }),
]
