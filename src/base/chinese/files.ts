/** Chinese of what is said about files and their rights. */
export const filesChinese: Readonly<Record<string, string>> = {
  '{0} may not be opened by the user {1}: change its rights (chmod)':
    '用户 {1} 无权打开 {0}：请修改其权限（chmod）',
  '{0} belongs to the user {1}, and {2} may not open it: run this as {3}, or give it to {4} (chown)':
    '{0} 属于用户 {1}，{2} 无权打开：请以 {3} 身份运行，或将其归还给 {4}（chown）',
  '{0} is no text in UTF-8: save it as UTF-8': '{0} 不是 UTF-8 文本：请另存为 UTF-8',
  'the log of epoch {0} was begun, and there is no database in {1}: restore a backup (huxin node restore), or run huxin node recover':
    '纪元 {0} 的日志已开始，而 {1} 中没有数据库：请恢复备份（huxin node restore），或执行 huxin node recover',
  '{0} cannot be had: another process listens there; is the node running?':
    '{0} 已被占用：另一进程正在监听，节点是否已在运行？',
  '{0} (audit.listen) cannot be had: another process listens there; is the node running?':
    '{0}（audit.listen）已被占用：另一进程正在监听，节点是否已在运行？',
  'target {0} is retired and fetches nothing any more: name the member that serves its divisions now (huxin member list)':
    '送达范围 {0} 所指节点已注销，不再接收：请改填现承接其辖区的节点（huxin member list）',
  'divisions of node.yaml are {0}, those of the statement of {1} {2}: the statement holds, and node.yaml alone changes nothing; a node that takes others over applies anew, in a new folder (huxin node init)':
    'node.yaml 的辖区为 {0}，{1} 的成员声明为 {2}：以声明为准，只改 node.yaml 不起作用；承接其他辖区须在新目录重新申请接入（huxin node init）',
}
