/** Chinese of what is said about certificates of persons. */
export const operatorsChinese: Readonly<Record<string, string>> = {
  'several operators have certificates here ({0}): say who you are, with --as <name> or HUXIN_AS':
    '此处有多名操作员的证书（{0}）：请用 --as 姓名 或环境变量 HUXIN_AS 说明您是谁',
  '--as {0} cannot be read: there is no such file; {1}': '--as {0} 无法读取：没有该文件；{1}',
  'nobody named {0} has a certificate beside that of the node; {1}':
    '节点证书旁没有 {0} 的证书；{1}',
  '{0} certificates name {1}: give the file with --as, {2} or {3}':
    '有 {0} 份证书属于 {1}：请用 --as 指明文件，如 {2} 或 {3}',
  'no person has one in {0}': '{0} 中没有个人证书',
  'these persons have one: {0}': '以下人员持有证书：{0}',
  '{0} is the certificate of {1} {2}: choose another name': '{0} 是 {1} {2} 的证书：请换一个名称',
}
