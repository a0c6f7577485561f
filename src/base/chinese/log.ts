/** The Chinese of room `log`. */
export const logChinese: Readonly<Record<string, string>> = {
  // log.ts
  'the log has {0} entries but a checkpoint over {1} was signed: the database is an old copy; nothing is signed; run huxin node recover':
    '日志有 {0} 条，而已签发过 {1} 条的签名点：数据库是旧备份；停止签发；请执行 huxin node recover',
  'the first {0} entries do not have the root that was signed; nothing is signed; run huxin fsck':
    '前 {0} 条的根与已签名的不符；停止签发；请执行 huxin fsck',
  'the log has {0} entries and no signed checkpoint beside it; nothing is signed; run huxin node recover':
    '日志有 {0} 条，旁边却没有签名点；停止签发；请执行 huxin node recover',
  'the stored tree of {0} entries has root {1}, not {2}; nothing is signed; run huxin fsck':
    '所存 {0} 条的树根为 {1}，不是 {2}；停止签发；请执行 huxin fsck',
  'two different trees of {0} entries were signed; nothing is signed; run huxin node recover':
    '曾签发两棵不同的 {0} 条的树；停止签发；请执行 huxin node recover',
  'the log has {0} entries and goes on from one that was frozen at {1}; nothing is signed; run huxin node recover':
    '日志有 {0} 条，接续的日志却终结于 {1} 条；停止签发；请执行 huxin node recover',
  'the {0} entries do not have the root at which the log before was frozen; nothing is signed; run huxin fsck':
    '这 {0} 条的根与前一日志终结时的根不符；停止签发；请执行 huxin fsck',
  'the entries from {0} to {1}, which are not signed yet, are not those of the stored tiles; nothing is signed; run huxin fsck':
    '尚未签名的第 {0} 至 {1} 条与所存的树不符；停止签发；请执行 huxin fsck',
  'tile {0} is missing from the store; run huxin fsck': '存储中缺少树块 {0}；请执行 huxin fsck',
  // slot.ts
  'a checkpoint of {0} bytes does not fit its slot': '{0} 字节的签名点超出其存储位',
  '{0} of {1} bytes were written: is the disk full?': '只写入 {0} 字节（应为 {1}）：磁盘是否已满？',
  'the checkpoint file did not write: {0}': '签名点文件未能写入：{0}',
  'the checkpoint file {0} cannot be opened for writing: {1}':
    '无法以写入方式打开签名点文件 {0}：{1}',
}
