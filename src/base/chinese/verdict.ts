/** The Chinese of room `verdict`. */
export const verdictChinese: Readonly<Record<string, string>> = {
  // contract.ts
  'catalog item {0} is in force from {1} to {2}, not on {3}':
    '目录项 {0} 有效期为 {1} 至 {2}，{3} 不在其内',
  '{0} may not go to {1}; allowed are {2}': '{0} 不得送达 {1}；可送达范围为 {2}',
  '{0} may not originate {1}; allowed are {2}': '{0} 不得报送 {1}；可报送的节点为 {2}',
  'catalog item {0} is for batches of kind {1}, not {2}':
    '目录项 {0} 用于种类为{1}的批次，不用于{2}',
  'a batch of kind {0} names no catalog item': '种类为{0}的批次未指明目录项',
  'grade scale {0} of {1} is not known at {2} yet: it is asked for again later':
    '{2} 尚不知 {1} 的等级体系 {0}：稍后自动再要',
  'catalog item {0} is not known at {1} yet: it is asked for again later':
    '{1} 尚不知目录项 {0}：稍后自动再要',
  '{0} is not known at {1} yet: send the batch again later': '{1} 尚不知 {0}：请稍后重发该批次',
  'the target {0} names no member that is known at {1} yet: send the batch again later':
    '送达范围 {0} 中没有 {1} 已知的成员：请稍后重发该批次',
  // reach.ts
  'the header line {0}': '批次头行 {0}',
  'the kind {0} in class {1}': '类别 {1} 的种类 {0}',
  'the kind {0}': '种类 {0}',
  'a batch of kind {0} goes to nodes above {1}: not to {2}':
    '种类为{0}的批次送达 {1} 的上级节点：不得送 {2}',
  'a batch of kind {0} goes to everybody, with the one target **: not to {1}':
    '种类为{0}的批次送达全部，送达范围只有 **：不得送 {1}',
  'a batch of kind {0} stays at {1}, and goes to nobody else: not to {2}':
    '种类为{0}的批次留在 {1}，不送达他方：不得送 {2}',
  '{0} is not known here, and its name does not begin with x-, which would say that it may be carried unread':
    '此处不识别{0}，其名称又不以 x- 开头，不得未经识别转送',
  'the target {0} names no member that is known at {1}: send the batch again when it is admitted':
    '送达范围 {0} 中没有 {1} 已知的成员：待其接入后再发送该批次',
  'no target of the batch lies outside of {0} and what is below it: it is kept there':
    '批次的送达范围不出 {0} 及其辖区：留存于该处',
  // refusal.ts
  '{0} of {1} records are bad; the first is record {2}, {3}: {4}':
    '{1} 条记录中有 {0} 条不合格；首条在位置 {2}，{3}：{4}',
}
