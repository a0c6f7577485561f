/** The Chinese of room `query`. */
export const queryChinese: Readonly<Record<string, string>> = {
  // query.ts
  '{0}: it is not what was logged: run huxin fsck --repair':
    '{0}：与入账内容不符：请执行 huxin fsck --repair',
  '{0}: record {1} is not what was logged: run huxin fsck --repair':
    '{0}：第 {1} 条记录与入账内容不符：请执行 huxin fsck --repair',
}
