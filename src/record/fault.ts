/**
 * Faults of records, catalog items and scales: one table of codes. A message is the table's meaning and,
 * after a colon, a detail that the rule gives. Details are lengths, limits, codes of the catalog and
 * names of fields; never an identifier (unless masked), a name, or a value from a record's attributes.
 */

import { rendered, type Said } from '../base/text.ts'

/** One bad field of one record; shaped like huxin.v1.RecordFault. */
export interface RecordFault {
  /** Position in the batch, from 0. */
  readonly index: number
  /** Field path, for example `subject.id`. */
  readonly path: string
  readonly code: FaultCode
  readonly message: string
  readonly messageZh: string
}

/** code → English, Chinese. */
export const faultTable = {
  // the record
  record_malformed: ['the record is not a well-formed huxin.v1.Record', '记录编码格式错误'],
  record_too_large: ['the record is too large', '记录超过大小上限'],
  record_id_form: [
    'record_id must be 1 to 64 printable ASCII characters without a space at either end',
    '记录编号须为1至64个可见ASCII字符，首尾无空格',
  ],
  record_id_personal: ['record_id contains a citizen identity number', '记录编号含有公民身份号码'],
  record_id_taken: [
    'this record_id belongs to a record of another subject that was published before: give each record an id of its own',
    '该记录编号已用于另一主体的记录，须另行编号',
  ],
  version_targets: [
    'an earlier version of this record went to more targets, where it would go on being taken for current: give these too',
    '该记录的先前版本送达范围更广，未送达处仍会将旧版本视为有效：请一并给出这些送达范围',
  ],
  version_older: [
    'a version with a later date holds, so this one would not: correct the date, or give a record of its own another id; the later date',
    '已有日期更晚的版本，本条不会生效：请更正日期，另一记录须另行编号；较晚日期',
  ],
  record_id_twice: [
    'another record of the same call has this record_id and says something else: one would replace the other',
    '同一记录编号出现两次且内容不同，后者会替代前者：请保留其一或另行编号',
  ],
  record_withdrawn: [
    'this very record was withdrawn: huxin amend restore undoes that, and a corrected record may have the same id; batch and position',
    '该记录已撤回，不会重新入账：误撤回的用 huxin amend restore 恢复，更正后的记录可沿用原编号；批次和位置',
  ],
  record_repaired: [
    'this record was repaired and is not published again; a new decision has a later date; batch and position',
    '该记录已信用修复，不得再次报送，新的决定应有更晚的日期；批次和位置',
  ],
  record_id_former: [
    'this record is in under the id that was derived for it before kind and scale were part of one: send it under that id',
    '该记录已以原编号（当时未计入评价类别与等级体系）入账，请沿用原编号',
  ],
  family_mismatch: [
    'the content is not of the kind that the catalog item carries',
    '记录内容与目录项种类不符',
  ],
  required: ['a required field is empty', '必填项为空'],
  too_long: ['the text is too long', '文本过长'],
  text_form: [
    'the text has control characters, a space at either end, or is not UTF-8',
    '文本含控制字符、首尾空格或非UTF-8编码',
  ],
  date_form: ['not a civil date YYYY-MM-DD', '日期格式须为YYYY-MM-DD且真实存在'],
  date_order: ['the dates are in the wrong order', '日期先后顺序错误'],
  id_form: [
    'not an identifier with version, <owner>/<name>@<version>',
    '标识格式须为<所有者>/<名称>@<版本>',
  ],
  node_form: ['not a node name, <trust domain>/<node id>', '节点名称格式须为<信任域>/<节点编号>'],
  code_form: ['not a code: lower-case letters, digits, "-", "_", "/"', '代码格式错误'],
  value_unknown: ['the value is not one of those defined', '取值不在定义范围内'],
  range: ['the number is out of range', '数值超出范围'],
  unexpected: ['the field must be empty here', '此处该项须为空'],
  // the subject
  subject_type: ['the catalog item is not for subjects of this type', '目录项不适用于该类主体'],
  uscc_form: [
    'not a unified social credit code: 18 characters, upper case, GB 32100-2015',
    '不是统一社会信用代码：应为18位大写字符（GB 32100-2015）',
  ],
  uscc_check: [
    'the check character of the unified social credit code is wrong',
    '统一社会信用代码校验位错误',
  ],
  uscc_class: [
    'no such registering department and class of organization',
    '统一社会信用代码的登记管理部门与机构类别组合不存在',
  ],
  uscc_outer_check: [
    'the check character of the unified social credit code is not what GB 32100 gives; some codes were issued so: compare it with the certificate',
    '统一社会信用代码末位校验码与GB 32100算法不符；确有如此发放的代码，请与证照核对',
  ],
  uscc_class_unknown: [
    'the registering department and class in the unified social credit code are not in the table of GB 32100; compare it with the certificate',
    '统一社会信用代码的登记管理部门与机构类别不在GB 32100表内，请与证照核对',
  ],
  code_personal: [
    'the number of a person (GB 11643) stands where the code of a body belongs',
    '公民身份号码不得填作机构代码',
  ],
  text_damaged: [
    'the text holds a character or a value that no right text has',
    '文本含有不应出现的字符或取值',
  ],
  number_inexact: [
    'the number has more digits than it is carried with: give it as a text',
    '数值位数过多，无法准确传递，请以文本表示',
  ],
  uscc_inner_check: [
    'the check character of the organization code inside the unified social credit code is wrong',
    '统一社会信用代码内的组织机构代码校验位错误',
  ],
  citizen_id_form: [
    'not a citizen identity number: 17 digits and a digit or upper-case X',
    '不是公民身份号码：应为17位数字加1位数字或大写X',
  ],
  citizen_id_birth: [
    'the birth date in the citizen identity number does not exist',
    '公民身份号码中的出生日期不存在',
  ],
  citizen_id_check: [
    'the check character of the citizen identity number is wrong',
    '公民身份号码校验位错误',
  ],
  citizen_id_legacy: [
    'a 15-digit identity number of the former form; the 18-digit number is needed',
    '15位旧身份证号码，须改用18位公民身份号码',
  ],
  organization_code_legacy: [
    'a 9-character organization code of the former form; the unified social credit code is needed',
    '9位旧组织机构代码，须改用统一社会信用代码',
  ],
  registration_number_legacy: [
    'a 15-digit registration number of the former form; the unified social credit code is needed',
    '15位旧工商注册号，须改用统一社会信用代码',
  ],
  subject_type_class: [
    'the class in the unified social credit code is unusual for this type of subject',
    '统一社会信用代码的机构类别与主体类型通常不一致',
  ],
  individual_business_class: [
    'individual_business does not agree with class 92 of the unified social credit code',
    '个体工商户标志与统一社会信用代码类别92不一致',
  ],
  minor: [
    'the natural person was under eighteen on the date of the record',
    '该自然人在记录日期未满十八周岁',
  ],
  // the evaluation
  scale_unknown: ['this grade scale is not known here', '此处尚不知该等级体系'],
  scale_not_allowed: ['the catalog item does not allow this grade scale', '目录项不允许该等级体系'],
  scale_not_in_force: [
    'the grade scale was not in force on the date of the evaluation',
    '评价日期不在该等级体系有效期内',
  ],
  scale_subject_type: [
    'the grade scale is not for subjects of this type',
    '该等级体系不适用于该类主体',
  ],
  grade_unknown: ['the grade is not one of the scale', '等级不在该等级体系内'],
  grade_unexpected: [
    'the scale has scores only, so there is no grade',
    '该等级体系仅有分数，不得填写等级',
  ],
  score_form: [
    'not a decimal number: at most 9 digits and 6 decimals, no exponent',
    '分数须为十进制数：整数至多9位，小数至多6位',
  ],
  score_range: ['the score is outside the range of the scale', '分数超出该等级体系的范围'],
  // the attributes
  attributes_json: ['attributes are not a JSON object in UTF-8', '扩展属性不是UTF-8编码的JSON对象'],
  attributes_duplicate: ['attributes name a member twice', '扩展属性存在重复的成员名'],
  attributes_schema: [
    'attributes break the schema of the catalog item',
    '扩展属性不符合目录项的数据模式',
  ],
  // recognition
  not_origin: [
    'only the node that signs the batch speaks in a recognition',
    '互认申请与确认须由签署批次的节点以自身名义作出',
  ],
  date_signed: ['not the day on which the batch was signed', '日期与批次签署日期不符'],
  purpose_not_allowed: ['the catalog item does not allow this purpose', '目录项不允许该使用目的'],
  mapping_not_in_force: ['the mapping is not in force on this day', '该日期不在等级对照有效期内'],
  mapping_grade: ['this is not the grade that the mapping gives', '对照后等级与等级对照不符'],
  // catalog items, scales, mappings
  duplicate: ['the same value is there twice', '取值重复'],
  pattern_form: [
    'not a node id, "<id>/**", "tier:<tier>" or "**"',
    '须为节点编号、"<编号>/**"、"tier:<层级>"或"**"',
  ],
  schema_json: ['the schema is not a JSON object', '数据模式不是JSON对象'],
  schema_too_large: ['the schema is too large or too deep', '数据模式过大或嵌套过深'],
  schema_keyword: [
    'this keyword is not allowed in an attributes schema',
    '数据模式不允许使用该关键字',
  ],
  schema_closed: [
    'every object of the schema must have "additionalProperties": false',
    '数据模式的每个对象须声明"additionalProperties": false',
  ],
  schema_personal_data: [
    'every property must have "x-personal-data": "none", "personal" or "sensitive"',
    '每个属性须声明"x-personal-data"为"none"、"personal"或"sensitive"',
  ],
  schema_pattern: [
    'the pattern cannot be matched in bounded time',
    '无法保证该正则表达式在限定时间内匹配',
  ],
  schema_invalid: [
    'the schema is not valid JSON Schema 2020-12 in strict mode',
    '数据模式不是严格模式下有效的JSON Schema 2020-12',
  ],
  column_field: [
    'a column names a field that records of this item do not have',
    '导入列对应的字段不存在',
  ],
  column_type: [
    'a column must be text, date, integer, decimal, uscc, citizen_id or enum',
    '导入列类型无效',
  ],
  mapping_not_total: [
    'the mapping does not map every grade of its source scale',
    '等级对照未覆盖来源体系的全部等级',
  ],
  mapping_order: ['the mapping gives a better grade for a worse one', '等级对照颠倒了等级次序'],
  mapping_scale: ['the mapping is for another scale', '等级对照与等级体系不符'],
  mapping_subjects: [
    'scales without grades, without subjects in common, or of natural persons are not mapped',
    '仅有分数、无共同主体类型或针对自然人的等级体系不作对照',
  ],
} as const satisfies { readonly [code: string]: readonly [string, string] }

export type FaultCode = keyof typeof faultTable

/** Gathers faults of one record. */
export type Report = (path: string, code: FaultCode, detail?: Said) => void

/** Faults reported for one record at most. */
const FAULTS_MAX = 16

/** One fault. `detail` must not hold personal data. */
export function fault(
  index: number,
  path: string,
  code: FaultCode,
  detail: Said = '',
): RecordFault {
  const [meaning, meaningZh] = faultTable[code]
  const en = rendered(detail, 'en')
  if (en === '') return { index, path, code, message: meaning, messageZh: meaningZh }
  return {
    index,
    path,
    code,
    message: `${meaning}: ${cut(en)}`,
    messageZh: `${meaningZh}：${cut(rendered(detail, 'zh'))}`,
  }
}

/** The faults that `rules` reports, at most 16. */
export function gather(index: number, rules: (report: Report) => void): readonly RecordFault[] {
  const faults: RecordFault[] = []
  rules((path, code, detail) => {
    if (faults.length < FAULTS_MAX) faults.push(fault(index, path, code, detail))
  })
  return faults
}

/** A text fit to be quoted in a message: at most 80 characters, printable. */
export function cut(text: string): string {
  const printable = text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\u{fffd}')
  return printable.length <= 80 ? printable : `${printable.slice(0, 79)}…`
}

/** A catalog code fit to be quoted: itself when it looks like one, otherwise only its length. */
export function quoteCode(text: string): string {
  return /^[A-Za-z\p{Script=Han}][A-Za-z\p{Script=Han}0-9@/._-]{0,63}$/u.test(text) &&
    !/\d{9}/.test(text)
    ? JSON.stringify(text)
    : `${text.length} characters`
}
