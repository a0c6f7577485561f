/**
 * What departments call the columns of their files. The catalog item has the one name of a column; the others stand
 * here, by field, because they change with habits and not with the contract, which is signed. A word is here only
 * when it can mean nothing else in a file of evaluations or records: `编号` and `单位` are not.
 */

/** field → other names, without blanks, brackets and stars. */
export const headerAliases: Readonly<Record<string, readonly string[]>> = {
  record_id: ['记录号', '记录标识', '记录唯一标识', '数据记录编号', '记录流水号', '业务流水号'],
  'subject.type': [
    '主体类别',
    '信用主体类型',
    '信用主体类别',
    '相对人类别',
    '行政相对人类别',
    'xdr_lb',
  ],
  'subject.id': [
    '社会信用代码',
    '统一信用代码',
    '信用代码',
    '统一代码',
    '统一社会信用码',
    '企业统一社会信用代码',
    '单位统一社会信用代码',
    '主体统一社会信用代码',
    '统一社会信用代码证号',
    '企业信用代码',
    '主体代码',
    '主体信用代码',
    '信用主体代码',
    '行政相对人代码',
    '相对人统一社会信用代码',
    '行政相对人统一社会信用代码',
    '统一社会信用代码/组织机构代码',
    'xdr_shxym',
    'tyshxydm',
    'shxydm',
    'uscc',
  ],
  'subject.name': [
    '企业名称',
    '单位名称',
    '公司名称',
    '机构名称',
    '企业全称',
    '单位全称',
    '主体全称',
    '信用主体名称',
    '信用主体',
    '市场主体名称',
    '经营主体名称',
    '评价对象',
    '评价对象名称',
    '被评价单位',
    '被评价单位名称',
    '行政相对人名称',
    '相对人名称',
    '行政相对人',
    '企业(单位)名称',
    'xdr_mc',
    'qymc',
  ],
  'evaluation_result.domain': [
    '行业',
    '领域',
    '所属行业',
    '所属领域',
    '评价行业',
    '评价领域',
    '信用领域',
    '行业(领域)',
    '行业/领域',
  ],
  'evaluation_result.grade': [
    '等级',
    '信用等级',
    '评定等级',
    '评价等次',
    '评级',
    '评级结果',
    '信用评级',
    '信用评价等级',
    '评定结果',
    '评价结果',
    '信用评价结果',
  ],
  'evaluation_result.score': [
    '得分',
    '评分',
    '分数',
    '评价得分',
    '信用分',
    '信用得分',
    '信用评分',
    '信用评价得分',
    '综合得分',
  ],
  'evaluation_result.evaluated_on': [
    '评定日期',
    '评价时间',
    '评定时间',
    '评级日期',
    '评级时间',
    '评价完成日期',
  ],
  'evaluation_result.valid_from': [
    '有效期自',
    '有效期始',
    '有效期开始',
    '有效期起始',
    '有效期开始日期',
    '有效期起始日期',
    '有效期起日期',
    '有效期从',
    '有效起始日期',
    '有效开始日期',
    '生效日期',
    '有效期限自',
    '有效期限起',
    'yxqz',
  ],
  'evaluation_result.valid_to': [
    '有效期至',
    '有效期到',
    '有效期终',
    '有效期截止',
    '有效期结束',
    '有效期终止',
    '有效期截止日期',
    '有效期结束日期',
    '有效期终止日期',
    '有效期止日期',
    '有效截止日期',
    '有效结束日期',
    '有效期限至',
    '有效期限止',
    'yxqzi',
  ],
  'evaluation_result.evaluator': [
    '评价单位统一社会信用代码',
    '评价单位信用代码',
    '评价机构代码',
    '评价机构统一社会信用代码',
    '评价部门代码',
    '评价部门统一社会信用代码',
    '评定单位代码',
    '评定单位统一社会信用代码',
    '评定机构代码',
  ],
  'evaluation_result.model': ['模型', '评价标准', '评价指标'],
  'evaluation_result.scale': ['等级标准', '评价等级体系'],
  'attributes.industry_code': [
    '国民经济行业代码',
    '国民经济行业分类代码',
    '行业分类代码',
    '所属行业代码',
  ],
  'cataloged_record.decided_on': [
    '作出决定日期',
    '处罚决定日期',
    '许可决定日期',
    '行政处罚决定日期',
    '行政许可决定日期',
    '认定日期',
    'jdrq',
  ],
  'cataloged_record.document': [
    '文号',
    '决定文号',
    '文书号',
    '决定书文号',
    '决定文书号',
    '处罚决定书文号',
    '行政处罚决定书文号',
    '行政许可决定文书号',
    '许可决定文书号',
    'wsh',
  ],
}

/** Other names of a column of identity numbers, which is no column of organizations. */
export const citizenIdAliases: readonly string[] = [
  '身份证号',
  '身份证号码',
  '公民身份号码',
  '公民身份证号码',
  '居民身份证号码',
  '证件号码',
  '证件号',
  '身份证',
]

/** Other names beside the identity number of a person. */
export const personNameAliases: readonly string[] = ['姓名', '自然人姓名', '人员姓名', '当事人姓名']

/** What stands in brackets behind a name and says how to fill in the column, never what its numbers mean. */
export const harmlessRemarks =
  /^(?:必填|必填项|必须|选填|选填项|非必填|可选|可空|不可空|必输|必录|文本|文本格式|文字|日期|日期格式|数字|数值|整数|单选|下拉|下拉选择|全称|中文|代码|18位|十八位|格式.*|如.*|例.*|注.*|y{4}.*|\d{4}-.*|分|次|个|家|required|optional|text|date)$/i

/** Columns that number or remark, and have no place in any record. */
export const accountWords = /^(?:序号|序|行号|no\.?|备注|附注|说明|remarks?|notes?)$/i

/** How a line of sums begins. */
export const totalWords =
  /^(?:本页|本月|本季|本年|本表|以上)?(?:合计|总计|小计|累计|共计|总数|汇总|合共|total|subtotal|sum)[:：]?[\d,.]*(?:家|户|条|个|人|次|元|万元|笔|行)?[。.]?$|^共[\d,]+(?:家|户|条|个|人|次|行|笔)(?:记录|数据|企业)?[。.]?$/i

/** How a line begins that says who made the table, and when. */
export const footerWords =
  /^(?:填表人|填报人|制表人|制表|经办人|经办|审核人|审核|复核人|复核|审批人|批准人|负责人|单位负责人|部门负责人|主管领导|分管领导|联系人|联系电话|电话|填报单位|填表单位|报送单位|制表单位|编制单位|制表日期|填报日期|填表日期|报送日期|制表时间|填报时间|填表时间|报送时间|打印日期|打印时间|打印人|盖章|公章|单位盖章|单位[(]盖章[)]|单位[(]公章[)]|preparedby|checkedby|approvedby)(?:[:：(].*)?$|^(?:注|备注|附注|说明|填表说明|填报说明|数据来源|notes?|remarks?)(?:\d*[:：.、].*)?$|^第\d+页.*$|^共\d+页.*$/i
