/** The Chinese of room `rights`. */
export const rightsChinese: Readonly<Record<string, string>> = {
  // evidence.ts
  'the purpose is a code of lower-case letters, digits and "-", for example judicial: give --purpose':
    '使用目的须为小写字母、数字和“-”组成的代码，例如 judicial：请给出 --purpose',
  'the document that asks for evidence has a number, one line of 1 to 200 characters: give --document':
    '请给出要求出具存证的文号（单行，1 至 200 字）：--document',
  'the document number holds what looks like an identity number, which may not be logged':
    '文号中疑似含有身份号码，不得入账',
  'purpose {0} is not allowed for {1}; allowed are {2}': '目录项 {1} 不允许目的 {0}；可用 {2}',
  'no record {0} is held here; evidence of an erased one is issued by batch id and position':
    '此处没有记录 {0}；已删除记录的存证须按批次号和位置出具',
  'the record stands at {0} places, newest first; name one: {1}':
    '该记录有 {0} 处，由新到旧，请指定一处：{1}',
  'this batch is not in the log here': '此处日志中没有该批次',
  'the batch has {0} records: positions 0 to {1}': '批次有 {0} 条记录：位置为 0 至 {1}',
  'the batch was refused, and its records are not kept: leave out --position':
    '批次已被退回，其记录不保存：请去掉 --position',
  'the access record was refused: {0}': '查询留痕被退回：{0}',
}
