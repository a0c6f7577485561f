/** What a keyword of JSON Schema says of a bad value: ajv's words in English, a short sentence in Chinese. */
import { bilingual, type Text } from '../base/text.ts'

/** An error of ajv, as far as its words need it. */
interface KeywordError {
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

const types: Readonly<Record<string, string>> = {
  string: '文本',
  integer: '整数',
  number: '数字',
  boolean: 'true 或 false',
  object: '对象',
  array: '列表',
  null: '空值',
}

const chinese: Readonly<Record<string, (params: Readonly<Record<string, unknown>>) => string>> = {
  type: ({ type }) =>
    `应为${[type]
      .flat()
      .map((one) => types[String(one)] ?? String(one))
      .join('或')}`,
  enum: () => '不是可用的取值',
  const: () => '不是唯一可用的取值',
  pattern: ({ pattern }) => `形式不符，应符合 ${String(pattern)}`,
  format: ({ format }) =>
    format === 'date' ? '不是日期（YYYY-MM-DD）' : `不是 ${String(format)} 形式`,
  minimum: ({ limit }) => `不得小于 ${String(limit)}`,
  maximum: ({ limit }) => `不得大于 ${String(limit)}`,
  exclusiveMinimum: ({ limit }) => `须大于 ${String(limit)}`,
  exclusiveMaximum: ({ limit }) => `须小于 ${String(limit)}`,
  multipleOf: ({ multipleOf }) => `须为 ${String(multipleOf)} 的倍数`,
  minLength: ({ limit }) => `至少 ${String(limit)} 个字符`,
  maxLength: ({ limit }) => `至多 ${String(limit)} 个字符`,
  minItems: ({ limit }) => `至少 ${String(limit)} 项`,
  maxItems: ({ limit }) => `至多 ${String(limit)} 项`,
  uniqueItems: () => '各项不得重复',
  required: ({ missingProperty }) => `缺少 ${String(missingProperty)}`,
  additionalProperties: () => '多出未定义的成员',
}

/** The words of one error: of the schema alone, nothing of the value and no name that it brought. */
export function keywordText({ keyword, params, message = 'is not valid' }: KeywordError): Text {
  return bilingual(
    message,
    Object.hasOwn(chinese, keyword) ? chinese[keyword]!(params) : '不符合要求',
  )
}
