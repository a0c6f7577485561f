/** The Chinese of room `exchange`. */
export const exchangeChinese: Readonly<Record<string, string>> = {
  // admission.ts
  '{0} is not known here yet: send the batch again later': '此处尚不知 {0}：请稍后重发该批次',
  'epoch {0} of {1} is not known here yet: send the batch again later':
    '此处尚不知 {1} 的纪元 {0}：请稍后重发该批次',
  '{0} has no epoch {1}': '{0} 没有纪元 {1}',
  '{0} may not hand up batches of {1}, which is not in its subtree':
    '{0} 不得报送 {1} 的批次，后者不在其辖区内',
  '{0} takes back what it lost, with the verdicts of that time: send the batch again later':
    '{0} 正在取回丢失的内容及当时的处理结论：请稍后重发该批次',
  'batches of {0} are not taken by {1}: it sent two different batches with one number; see the evidence file':
    '{1} 暂停接收 {0} 的批次：同一序号出现两个不同批次；见证据文件',
  '{0} is {1}: its batches are not taken': '{0} {1}：不接收其批次',
  'a refusal has {0} bytes, at most {1}': '退回说明有 {0} 字节，至多 {1}',
  'the refusal of a batch does not decode, or its code is no verdict':
    '批次的退回说明无法解码，或其代码不是处理结论',
  // door.ts
  'batch {0} of {1} is given back as accepted and would be refused: {2}':
    '{1} 的批次 {0} 作为已入账交还，但本应被退回：{2}',
  // erasing.ts
  'the body of batch {0} is not there: send it with its header':
    '缺少批次 {0} 的批次体：请与批次头一并发送',
  'the body of batch {0} has {1} records and another root than its header states':
    '批次 {0} 的批次体有 {1} 条记录，其根与批次头所载不符',
  'record {0} of batch {1} is a hash alone and no amendment erased it':
    '批次 {1} 的第 {0} 条记录只有哈希，而没有变更将其删除',
  'record {0} of batch {1} is a hash alone and no amendment known here erased it: fetch it elsewhere':
    '批次 {1} 的第 {0} 条记录只有哈希，此处没有删除它的变更：请从别处取回',
  // lane-order.ts
  'lane {0} stands at {1} here, batch {2} has number {3}: send number {4} first':
    '报送序列 {0} 在此处至 {1}，批次 {2} 为 {3} 号：请先发送 {4} 号',
  'lane {0} has another batch at number {1} than {2}: the origin is put under quarantine':
    '报送序列 {0} 的 {1} 号在此处是另一批次，不是 {2}：暂停接收该来源',
  'lane {0} has a hole before {1} here: send number {2} first':
    '报送序列 {0} 在此处 {1} 号之前缺号：请先发送 {2} 号',
  // serve.ts
  'the log of {0} has {1} entries, {2} were asked for: it may have been restored; see its status':
    '{0} 的日志有 {1} 条，所要为 {2}：可能由备份恢复；请看其状态',
}
