/** The Chinese of room `batch`. */
export const batchChinese: Readonly<Record<string, string>> = {
  // body.ts
  ' or more': '以上',
  '; {0}{1} others too': '；另有 {0} 条{1}同样有误',
  'the record has {0} bytes, allowed are 1 to {1}': '记录有 {0} 字节，应为 1 至 {1} 字节',
  'has a hash that is not 32 bytes alone': '哈希不是单独的 32 字节',
  'does not begin with a salt of 16 bytes': '不以 16 字节的盐开头',
  'has no record after its salt': '盐之后没有记录',
  'has a record of the wrong length': '记录长度有误',
  'does not begin with tag 1': '不以标签 1 开头',
  'is cut off': '被截断',
  'has a length that is not minimal': '长度编码不是最短形式',
  'has a length over its limit': '长度超过上限',
  'a body has {0} records, allowed are 1 to {1}': '批次体有 {0} 条记录，应为 1 至 {1} 条',
  'a body has {0} bytes, at most {1}: use smaller batches':
    '批次体有 {0} 字节，至多 {1}：请减小批次',
  'body: leaf {0} {1}': '批次体：第 {0} 个叶 {1}',
  // entry.ts
  'a log entry has {0} bytes, at most {1}': '日志条目有 {0} 字节，至多 {1}',
  'is too long': '过长',
  'has no prefix': '没有前缀',
  'has {0} lines before its header, not 6': '批次头之前有 {0} 行，应为 6 行',
  'line {0} is not "{1} …"': '第 {0} 行不是“{1} …”',
  'first line is not huxin/entry/v1': '首行不是 huxin/entry/v1',
  'has no valid time': '时间无效',
  'has no valid source': '来源无效',
  'has no valid judged line': 'judged 行无效',
  'has no valid rules edition': '规则版次无效',
  'has no valid verdict': '处理结论无效',
  'log entry {0}': '日志条目{0}',
  // header.ts
  'does not end with a line feed': '末尾没有换行符',
  'line {0} has no valid {1}': '第 {0} 行的 {1} 无效',
  'first line is not huxin/batch/v1': '首行不是 huxin/batch/v1',
  'line {0} changes the class': '第 {0} 行变更了类别',
  'line {0} is not in order of targets': '第 {0} 行未按送达范围排序',
  'no lane line': '没有报送序列行',
  '{0} lanes, at most {1}': '有 {0} 个报送序列，至多 {1} 个',
  'line {0} has no valid time': '第 {0} 行的时间无效',
  '{0} records, allowed are 1 to {1}': '有 {0} 条记录，应为 1 至 {1} 条',
  'line {0} is not a header line': '第 {0} 行不是批次头行',
  'line {0} has no valid target': '第 {0} 行的送达范围无效',
  'line {0} has no valid class': '第 {0} 行的类别无效',
  'line {0} has no valid lane number': '第 {0} 行的序号无效',
  'line {0}: number 0 and only number 0 has no previous batch':
    '第 {0} 行：有且只有 0 号批次没有前一批次',
  'line {0} has no valid hash': '第 {0} 行的哈希无效',
  'line {0} has {1} values, not {2}': '第 {0} 行有 {1} 个值，应为 {2} 个',
  'batch header: {0}': '批次头：{0}',
  // seal.ts
  'a batch header has {0} bytes, at most {1}': '批次头有 {0} 字节，至多 {1}',
  'batch header has {0} signature lines, exactly one is allowed':
    '批次头有 {0} 个签名行，须恰有一个',
  'batch header is signed by {0}, not by the key in force of {1}':
    '批次头由 {0} 签名，不是 {1} 的现行密钥',
}
