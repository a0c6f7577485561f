/** The Chinese of room `publish`. */
export const publishChinese: Readonly<Record<string, string>> = {
  // amend.ts
  'the batches of what is to be erased have more than {0} MB: erase fewer records in one call':
    '待删除内容所在批次超过 {0} MB：请减少一次删除的记录',
  'batch {0} has {1} records, there is none at position {2}':
    '批次 {0} 有 {1} 条记录，没有位置 {2}',
  'action {0} is not one of {1}': '变更种类 {0} 须为 {1} 之一',
  '{0} is not a date: YYYY-MM-DD is wanted': '{0} 不是日期：应为 YYYY-MM-DD',
  'batch {0} is not in this log': '本日志中没有批次 {0}',
  // may-amend.ts
  'somebody else published them, and a person amends them': '它们由他人报送，须由人员变更',
  'they are of {0} and the client acts for {1}; a person amends them':
    '它们属于 {0}，而客户端代表 {1}，须由人员变更',
  'a person answers for recognitions': '互认须由人员负责',
  'they were born at {0}, and a person amends them': '它们出自 {0}，须由人员变更',
  'a person erases': '删除须由人员办理',
  'batch {0} is of kind {1}, whose records are not amended: {2}':
    '批次 {0} 的种类为 {1}，其记录不作变更：{2}',
  'an edition ends on its effective_to, and the next edition changes it':
    '目录版次到其失效日为止，由下一版次变更',
  'what it says is changed by a new one': '其内容由新的一份变更',
  'records of {0} are amended there or by a node above it, not by {1}':
    '{0} 的记录由该节点或其上级变更，不由 {1} 变更',
  "client {0} may not {1} records of batch {2}: {3}, with an operator's certificate and the number of a document (huxin amend {4} --document …)":
    '客户端 {0} 不得对批次 {2} 的记录作变更 {1}：{3}，或由操作员以本人证书并附文号办理（huxin amend {4} --document …）',
  'to {0} records of batch {1}, of {2} at {3}, state the number of the document that orders it: give --document':
    '对 {3} 的 {2} 所报批次 {1} 的记录作变更 {0}，须写明据以办理的文号：--document',
  // publish.ts
  'provider {0} is no unified social credit code (GB 32100)':
    '数据提供单位 {0} 不是统一社会信用代码（GB 32100）',
  'the provider is the number of a person (GB 11643): give the unified social credit code of a body':
    '数据提供单位是个人号码（GB 11643）：请给出单位的统一社会信用代码',
  '{0} says what this version does not know: upgrade before publishing under it':
    '{0} 含有本版本不识别的内容：请先升级再据以报送',
  'nothing to publish: give at least one record': '没有可报送的内容：请给出至少一条记录',
  '{0} targets: give 1 to {1}, for example 330106 or 330100/**':
    '有 {0} 个送达范围：应为 1 至 {1} 个，例如 330106 或 330100/**',
  'target {0} is neither a node id (330106), a subtree (330100/**) nor everyone (**)':
    '送达范围 {0} 既不是节点编号（330106），也不是辖区（330100/**）或全部（**）',
  'target {0} names no member of this federation: see huxin member list':
    '送达范围 {0} 中没有本联邦成员：见 huxin member list',
  'request id {0} was used for something else, batch {1}: give each request an id of its own':
    '请求号 {0} 已用于其他内容（批次 {1}）：每个请求须有各自的编号',
  // request-ids.ts
  'the request id holds a citizen identity number: make it of something else, for example a random number':
    '请求号含有公民身份号码：请改用其他内容，例如随机数',
  'request id {0}: 1 to 64 printable ASCII characters are wanted':
    '请求号 {0}：应为 1 至 64 个可见 ASCII 字符',
}
