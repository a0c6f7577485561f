/** Chinese of what is said when the log is read by period: account, search. */
export const accountChinese: Readonly<Record<string, string>> = {
  'lines are divided by {0}, not by {1}': '对账行可按 {0} 分列，不能按 {1} 分列',
  'the period ends before it begins: give an end after the beginning':
    '期间的结束早于开始：请给出晚于开始的结束时间',
  'page_token is not one of this list': 'page_token 不是此列表的分页标记',
  'no member {0} is known here: see huxin member list': '此处不知成员 {0}：见 huxin member list',
  '{0} is no time from 1970 to 9999': '{0} 不是 1970 至 9999 年之间的时间',
  'batch {0} is missing from the index; run huxin node rebuild':
    '索引中缺批次 {0}：请执行 huxin node rebuild',
  'entry {0} is missing from the store; run huxin fsck': '存储中缺第 {0} 条日志：请执行 huxin fsck',
  'this batch is not in the log of {0}: it has not come here, or it is not for this node; ask where it was made':
    '{0} 的日志中没有该批次：尚未到达，或不送达本节点；请向报送节点查询',
  'a batch id has {0} bytes, and its beginning at least {1}; this one has {2}':
    '批次编号为 {0} 字节，开头部分至少 {1} 字节，此处为 {2} 字节',
  'several batches begin with {0}: give more of the number':
    '有多个批次以 {0} 开头：请给出更多位数',
  '{0} is {1} already, by its statement {2}': '{0} 的状态已是 {1}（声明序号 {2}），无须重复办理',
  // reconcile.ts
  '{0} is not a lane: "<origin> <epoch> <target> <class>" is wanted':
    '{0} 不是报送序列：应为“<来源> <纪元> <送达范围> <类别>”',
}
