/** The Chinese of room `ledger`. */
export const ledgerChinese: Readonly<Record<string, string>> = {
  // epochs.ts
  'the parent delivers a batch of {0} as entry {1}, after the final entry, which is number {2}':
    '上级送来 {0} 的批次为条目 {1}，晚于终结条目 {2}',
  // catalog.ts
  'a catalog record does not decode: {0}': '目录记录无法解码：{0}',
  'a catalog record is neither an item, a scale nor a mapping':
    '目录记录既不是目录项，也不是等级体系或等级对照',
  // entry-route.ts
  'a row of the class index reads {0}; run huxin node rebuild':
    '类别索引中有一行内容为 {0}；请执行 huxin node rebuild',
  // lanes.ts
  'too many lanes at once: send the next batch of lane {0} in a moment':
    '同时开启的报送序列过多：请稍后发送序列 {0} 的下一批次',
  // ledger.ts
  amendment: '变更',
  'lane head': '序列端点',
  'access record': '查询留痕',
  '{0} {1} does not decode': '{0} {1} 无法解码',
  'batch row {0} names no entry; run huxin fsck':
    '批次索引行 {0} 不指向任何条目；请执行 huxin fsck',
  // own-lanes.ts
  'where the lane {0} of this node stands is stored differently in two places; nothing is signed; run huxin fsck, then huxin node rebuild':
    '本节点报送序列 {0} 的位置在两处存储不一致；停止签发；请执行 huxin fsck，再执行 huxin node rebuild',
  // revocations.ts
  'revocation {0} does not decode': '吊销 {0} 无法解码',
  // periods.ts
  'epoch {0} of {1} ended at {2}': '{1} 的第 {0} 纪元已于 {2} 结束',
  '{0} is {1} since {2}': '{0} 自 {2} 起{1}',
  // register.ts
  'status {0} is not one of {1}': '状态 {0} 须为 {1} 之一',
  'a name is one line of 1 to {0} characters, without characters that nobody sees':
    '名称须为单行 1 至 {0} 字，不含不可见字符',
  'the code of the body is an identity number of a person: give the unified social credit code of a body':
    '单位代码是个人身份号码：请给出单位的统一社会信用代码',
  '{0} is no unified social credit code (GB 32100)': '{0} 不是统一社会信用代码（GB 32100）',
  'its roles are none or not sorted': '没有权限，或权限未排序',
  'role {0} is not one of {1}': '权限 {0} 须为 {1} 之一',
  '{0} is no serial number: upper-case hexadecimal digits, as openssl x509 -serial prints them':
    '{0} 不是序列号：应为大写十六进制数字，与 openssl x509 -serial 所示一致',
  'it has {0} serial numbers, allowed are {1}': '有 {0} 个序列号，至多 {1} 个',
  'it is about neither a body nor a client': '既不是单位，也不是客户端',
  'it does not say who entered it, why and on which document': '未写明由谁登记、为何及依据何文号',
}
