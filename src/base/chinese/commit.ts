/** The Chinese of room `commit`. */
export const commitChinese: Readonly<Record<string, string>> = {
  // quotas.ts
  '{0} has {1} lanes here and may have {2} (quotas.lanes in node.yaml): it sends to fewer targets, or the operator of {3} raises its quota':
    '{0} 在此处有 {1} 个报送序列，上限 {2} 个（node.yaml 的 quotas.lanes）：请减少送达范围，或由 {3} 的操作员提高配额',
  '{0} has used its quota of {1} here (quotas.{2} in node.yaml): send the batch again at {3}, or ask the operator of {4} to raise it':
    '{0} 在此处的配额 {1} 已用尽（node.yaml 的 quotas.{2}）：请于 {3} 重发，或请 {4} 的操作员提高配额',
  // recent.ts
  'the body of entry {0} is missing from the store; run huxin fsck':
    '存储中缺少条目 {0} 的批次体；请执行 huxin fsck',
  'entry {0} should be held': '条目 {0} 应在内存中',
  // writer.ts
  'the node is stopping': '节点正在停止',
  'a write failed while this was prepared, and may have happened: send it again':
    '准备期间一次写入失败，可能已写入：请重新发送',
  'too many batches wait to be written: send again in a moment':
    '等待写入的批次过多：请稍后重新发送',
  'entry {0} is not under a signed checkpoint yet: send it again in a moment':
    '条目 {0} 尚未在已签名的签名点之下：请稍后重新发送',
  '{0}; whether it was written is found out now: send it again':
    '{0}；是否已写入正在核实：请重新发送',
}
