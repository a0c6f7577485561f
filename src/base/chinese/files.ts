/** Chinese of what is said about files and their rights. */
export const filesChinese: Readonly<Record<string, string>> = {
  '{0} may not be opened by the user {1}: change its rights (chmod)': '用户 {1} 无权打开 {0}：请修改其权限（chmod）',
  '{0} belongs to the user {1}, and {2} may not open it: run this as {3}, or give it to {4} (chown)': '{0} 属于用户 {1}，{2} 无权打开：请以 {3} 身份运行，或将其归还给 {4}（chown）',
  '{0} is no text in UTF-8: save it as UTF-8': '{0} 不是 UTF-8 文本：请另存为 UTF-8',
  'the log of epoch {0} was begun, and there is no database in {1}: restore a backup (huxin node restore), or run huxin node recover': '纪元 {0} 的日志已开始，而 {1} 中没有数据库：请恢复备份（huxin node restore），或执行 huxin node recover',
  '{0} cannot be had: another process listens there; is the node running?': '{0} 已被占用：另一进程正在监听，节点是否已在运行？',
  '{0} (audit.listen) cannot be had: another process listens there; is the node running?': '{0}（audit.listen）已被占用：另一进程正在监听，节点是否已在运行？',
}
