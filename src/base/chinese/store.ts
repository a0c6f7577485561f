/** The Chinese of room `store`. */
export const storeChinese: Readonly<Record<string, string>> = {
  // leveldb/
  'this process uses {0} already': '本进程已在使用 {0}',
  'the database did not write: {0}': '数据库未能写入：{0}',
  'the database is closed, or being opened again after a failed write':
    '数据库已关闭，或正在写入失败后重新打开',
  'another process uses {0}: stop it first, or give this node a folder of its own':
    '另一进程正在使用 {0}：请先停止该进程，或为本节点另设文件夹',
  'the database in {0} does not open now: {1}': '{0} 中的数据库暂时无法打开：{1}',
  'the database in {0} does not open: {1}; run huxin node recover':
    '{0} 中的数据库无法打开：{1}；请执行 huxin node recover',
  'the database in {0} is not opened again yet, and read as it is: {1}':
    '{0} 中的数据库尚未重新打开，目前按原状读取：{1}',
  'the database in {0} does not open now: {1} cannot be read: {2}':
    '{0} 中的数据库暂时无法打开：{1}无法读取：{2}',
  '{0} is damaged: its file CURRENT is missing; run huxin node recover':
    '{0} 已损坏：缺少 CURRENT 文件；请执行 huxin node recover',
  'there is no database {0} in memory': '内存中没有数据库 {0}',
  'the database in memory is closed': '内存中的数据库已关闭',
  'the folder': '文件夹',
  'a table': '数据表文件',
  'the table {0} is damaged at byte {1}: it is not opened, or what is read of it would end the process. Check the disk and keep a copy of this folder; then run huxin node recover, or restore the newest backup':
    '数据表文件 {0} 在第 {1} 字节处损坏：不予打开，否则读取时进程会中止。请检查磁盘并保存该文件夹的副本；再执行 huxin node recover，或恢复最新备份',
  'the journal {0} is damaged at byte {1}, and whole commits follow: it is not opened, or they would be lost. Check the disk and keep a copy of this folder; then run huxin node recover, or restore the newest backup':
    '日志文件 {0} 在第 {1} 字节处损坏，其后还有完整的提交：不予打开，以免丢失。请检查磁盘并保存该文件夹的副本；再执行 huxin node recover，或恢复最新备份',
  'the store changed under its writer: nothing was written; run huxin fsck':
    '存储在写入过程中被他方改动：未写入任何内容；请执行 huxin fsck',
  'the database in {0} does not flush: what is to be erased is still in a journal':
    '{0} 中的数据库未能落盘：待删除内容仍在日志文件中',
  'the database did not read: {0}': '数据库未能读取：{0}',
}
