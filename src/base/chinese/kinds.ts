/** The Chinese of room `kinds`. */
export const kindsChinese: Readonly<Record<string, string>> = {
  // access.ts
  'access record {0} names no purpose or document': '查询留痕 {0} 未指明目的或文号',
  'access record {0} names no act, batch or caller': '查询留痕 {0} 未指明行为、批次或调用方',
  // act.ts
  'act {0} does not say what was done, to whom, by whom, why and on which document':
    '操作 {0} 未写明做了什么、对谁、由谁、为何及依据何文号',
  // amendment.ts
  'only records are withdrawn, repaired, disputed or erased':
    '只有记录可撤回、修复、异议标注或删除',
  'amendment {0} is of a batch of {1}, which is amended there or by a node above it, not by {2}':
    '变更 {0} 针对 {1} 的批次，应由该节点或其上级变更，不由 {2} 变更',
  'amendment {0} is of a batch of kind {1}: {2}': '变更 {0} 针对种类为{1}的批次：{2}',
  'amendment {0}: {1}': '变更 {0}：{1}',
  'amendment {0} has no basis': '变更 {0} 没有依据',
  'amendment {0} takes effect on no date: YYYY-MM-DD is wanted':
    '变更 {0} 没有生效日期：应为 YYYY-MM-DD',
  'amendment {0} has action {1}, which is not known': '变更 {0} 的种类 {1} 不识别',
  'amendment {0} restores and names no withdrawal: 1 to {1} batch ids are wanted':
    '变更 {0} 为恢复，却未指明所恢复的撤回：须给出 1 至 {1} 个批次号',
  'amendment {0} names no batch': '变更 {0} 未指明批次',
  // catalog.ts
  'an edition of the catalog is not withdrawn and ends on its effective_to; publish the edition that follows it':
    '目录版次不能撤回，到其失效日为止；请发布下一版次',
  'catalog record {0} is neither an item, a scale nor a mapping':
    '目录记录 {0} 既不是目录项，也不是等级体系或等级对照',
  '{0} is no name of {1}: {2}; its own prefixes are {3}':
    '{0} 不是 {1} 可用的名称：{2}；其目录前缀为 {3}',
  '{0} is in the batch twice': '批次中 {0} 出现两次',
  '{0} is published already, by {1}, and an edition never changes: give it a new edition':
    '{0} 已由 {1} 发布，版次不可更改：请另定版次',
  '{0} is a {1} node; the catalog is made by nation and province':
    '{0} 为{1}级节点；目录由国家和省级制定',
  'grade scale {0} of mapping {1} is not known yet: publish it before the mapping':
    '等级对照 {1} 的等级体系 {0} 尚不知：请先发布等级体系',
  // freeze.ts
  'a final entry of {0}, epoch {1}, ends its own log and not {2}':
    '{0} 纪元 {1} 的终结条目只终结其自身的日志，不终结 {2}',
  'a final entry has one record': '终结条目须恰有一条记录',
  'epoch {0} of {1} is not known at {2} yet: send the batch again later':
    '{2} 尚不知 {1} 的纪元 {0}：请稍后重发该批次',
  // heads.ts
  'lane head {0} names no lane, number or batch': '序列端点 {0} 未指明报送序列、序号或批次',
  // register.ts
  'register entry {0}: {1}': '名册登记 {0}：{1}',
  'it does not decode': '无法解码',
  'the register of {0} is its own: {1} takes none': '{0} 的名册属其自身：{1} 不接收',
  // revocation.ts
  'by name says not up to when': '按名称，却未写明截至何时',
  'names no certificates': '未指明证书',
  'by serial number has no such number, or more than it': '按序列号，却没有序列号或另有其他',
  'does not say by whom, why and on which document': '未写明由谁、为何及依据何文号',
  'is of role {0}, which none has': '的角色 {0} 不存在',
  '{0} certificates of {1} are revoked already: reinstate those that have expired':
    '{1} 已有 {0} 条证书吊销：请恢复其中已过期的',
  'revocation {0} is of {1} certificates of {2}: it goes to everybody':
    '吊销 {0} 针对 {2} 的 {1} 证书：须送达全部',
  '{0} may not revoke certificates of {1}: that node does, or one above it':
    '{0} 不得吊销 {1} 的证书：应由该节点或其上级吊销',
  'revocation {0} {1}': '吊销 {0} {1}',
}
