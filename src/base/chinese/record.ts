/** The Chinese of room `record`. */
export const recordChinese: Readonly<Record<string, string>> = {
  // item.ts
  'only an enum has values': '只有枚举列有取值',
  'only evaluations have scales': '只有评价类目录项有等级体系',
  'at most 4096': '至多 4096',
  '0 to 100': '应为 0 至 100',
  'one of {0}': '须为 {0} 之一',
  'catalog item {0} is not sound: {1}: {2}': '目录项 {0} 不完善：{1}：{2}',
  // record.ts
  'a record has {0} bytes, at most {1} are allowed': '记录有 {0} 字节，至多 {1}',
  'a record is not a well-formed protobuf message of huxin.v1.Record':
    '记录不是格式正确的 huxin.v1.Record 消息',
  'a record does not decode: {0}': '记录无法解码：{0}',
  // personal.ts
  'a document number may not hold the number of a person: everybody reads it, and it cannot be erased':
    '文号不得含有个人号码：所有人可见且无法删除',
  'a document number is one line of at most {0} characters': '文号须为单行，至多 {0} 字',
  'a basis may not hold the number of a person: everybody reads it, and it cannot be erased':
    '依据不得含有个人号码：所有人可见且无法删除',
  'a basis is a code of lower-case letters, digits and hyphens, for example repair/order36: everybody reads it':
    '依据须为小写字母、数字和连字符组成的代码，例如 repair/order36：所有人可见',
  // rules.ts
  '{0} characters, at most {1}': '有 {0} 个字符，至多 {1} 个',
  '{0} bytes, not 32': '有 {0} 字节，应为 32 字节',
  'a mapped grade names its mapping': '对照后等级须指明等级对照',
  'the result is not recognized': '该结果未获认可',
  'before confirmed_on': '早于 confirmed_on',
  'before requested_on': '早于 requested_on',
  'before evaluated_on': '早于 evaluated_on',
  'before valid_from': '早于 valid_from',
  'type {0}': '类型 {0}',
  '{0} in an item of kind {1}': '{0}，目录项种类为 {1}',
  '{0} characters': '有 {0} 个字符',
  'allowed: {0}': '可用的有 {0}',
  'at most 64': '至多 64',
  // recognized.ts
  'it gives {0}': '对照结果为 {0}',
  'it has no such grade': '没有该等级',
  'from {0}': '源自 {0}',
  '{0} is of kind {1}': '{0} 的种类为 {1}',
  // scales.ts
  '{0} in {1}': '{0}，等级体系 {1}',
  'below score_from': '低于 score_from',
  'a label has 1 to 32 characters': '名称须为 1 至 32 个字符',
  'a grade has 1 to 16 characters': '等级须为 1 至 16 个字符',
  'at most 64 grades': '至多 64 个等级',
  '{0} to {1}': '{0} 至 {1}',
  // schema.ts
  'only {0}': '只可为 {0}',
  'the root is of type object': '最外层须为 object 类型',
  'properties are an object': 'properties 须为对象',
  'every schema has one type': '每个模式须有一个类型',
  'at most {0} levels': '至多 {0} 层',
  'a schema is an object': '数据模式须为对象',
  'at most {0} bytes': '至多 {0} 字节',
  // pattern.ts
  'at most {0} characters': '至多 {0} 字',
  'RE2 does not know look-ahead and look-behind, (?= (?! (?<= (?<!: say what the text is, and not what stands beside it':
    '正则引擎 RE2 不支持前瞻与后顾 (?= (?! (?<= (?<!：请直接写明文本的形式，而非其前后内容',
  'RE2 does not take it: {0}': '正则引擎 RE2 不接受：{0}',
  'it is too large ({0} steps, at most {1}): repeat less often':
    '过于庞大（{0} 步，至多 {1} 步）：请减少重复次数',
  'it is too slow for texts of {0} characters: give a maxLength of at most {1}':
    '匹配 {0} 字的文本过慢：请给出不大于 {1} 的 maxLength',
}
