/** The Chinese of room `cli`. */
export const cliChinese: Readonly<Record<string, string>> = {
  // commands/account.ts
  '{0} is no lane number': '{0} 不是序号',
  // commands/approval.ts
  'give the id of the approval (64 hexadecimal digits): see huxin approval list':
    '请给出双人办理编号（64 位十六进制数字）：见 huxin approval list',
  // commands/backup.ts
  'give --passphrase-file or --key-file': '请给出 --passphrase-file 或 --key-file',
  'the node did not write the backup: {0}': '节点未写出备份：{0}',
  "the backup is written, but cannot be put at {0}: it is on the node's machine at {1}":
    '备份已写出，但无法放到 {0}：现存于节点所在机器的 {1}',
  // commands/catalog.ts
  'give a file, or --builtin': '请给出文件，或 --builtin',
  '{0} is not in the catalog: see huxin catalog list': '目录中没有 {0}：见 huxin catalog list',
  'the file is no catalog record: {0}; {"item": {…}}, {"scale": {…}} or {"mapping": {…}} is wanted':
    '文件不是目录记录：{0}；应为 {"item": {…}}、{"scale": {…}} 或 {"mapping": {…}}',
  // commands/certificate.ts
  'say which: --serial for one certificate, or --name for all of a name; a node has no name, so --role node alone is all of it':
    '请说明吊销哪些证书：单张用 --serial，某名称的全部证书用 --name；节点证书没有名称，仅给 --role node 即为全部',
  // commands/fsck.ts
  '--from goes with --repair': '--from 须与 --repair 同用',
  'a node asks its parent while it runs: start it, or name the folder of a stopped neighbour with --from':
    '运行中的节点自行向上级取回：请启动节点，或用 --from 给出已停止的相邻节点文件夹',
  // commands/log.ts
  'give a log index or a batch id of 64 hexadecimal digits':
    '请给出日志序号或 64 位十六进制的批次号',
  // commands/member.ts
  '{0} is no application: give the application.txt that huxin node init wrote':
    '{0} 不是接入申请：请给出 huxin node init 生成的 application.txt',
  '{0} holds no certificate of a CA in PEM: give the one that issues the certificates, for example certs/ca-county.crt':
    '{0} 中没有签发机构的 PEM 证书：请给出签发证书的机构证书，例如 certs/ca-county.crt',
  // commands/node.ts
  'with --id also give --tier, --body and --certs':
    '使用 --id 时须同时给出 --tier、--body 和 --certs',
  'with --parent also give --parent-address': '使用 --parent 时须同时给出 --parent-address',
  '--alone {0}: the number of entries that a child has cosigned is wanted (huxin node status there, "we cosigned")':
    '--alone {0}：应为某下级已见证的条数（在该下级执行 huxin node status，见“已见证”）',
  // commands/pki.ts
  'a node has its id and no name: leave out --name': '节点证书以编号为名：请去掉 --name',
  '--host is for certificates of nodes': '--host 仅用于节点证书',
  // commands/recognition.ts
  'no recognition request {0} here': '此处没有互认申请 {0}',
  // commands/register.ts
  '{0} is no certificate of a client (PEM)': '{0} 不是客户端证书（PEM）',
  // connect.ts
  '--as {0}: name the certificate, <name>.crt; its key is <name>.key beside it':
    '--as {0}：请给出证书 <名称>.crt，其密钥 <名称>.key 须在同一处',
  "the server shows a certificate of {0} that was issued by another authority (sha256:{1}) than the node's own file and your certificate":
    '服务端出示的 {0} 证书由另一机构（sha256:{1}）签发，与节点自身文件及您的证书不同',
  'there is no operator certificate in {0}: name one with --as, or issue one with huxin pki issue --role operator':
    '{0} 中没有操作员证书：请用 --as 指定，或用 huxin pki issue --role operator 签发',
  '{0}. Is the node running? Start it with: huxin node start --node {1}':
    '{0}。节点是否在运行？启动命令：huxin node start --node {1}',
  // demo/demo.ts
  'catalog of {0}': '{0} 的目录',
  'catalog at {0}': '{0} 处的目录',
  "the hub's receipt": '枢纽的回执',
  'return flow to {0}': '回流至 {0}',
  'the others go on': '其余节点继续',
  'Yuhang catches up': '余杭补齐',
  'the county names the gap': '县级报告缺号',
  'the trace': '留痕',
  'the gap closes': '缺号补齐',
  'the request arrives': '申请送达',
  'the answer arrives': '答复送达',
  'the recognition falls': '互认失效',
  'withdrawal at {0}': '{0} 处的撤回',
  'everything is confirmed': '全部已确认',
  'waited {0} s in vain: {1}; logs are in {2}/nodes/*/node.log (keep them with --keep)':
    '等待 {0} 秒无果：{1}；日志在 {2}/nodes/*/node.log（用 --keep 保留）',
  // demo/processes.ts
  'node {0} is not started: the demo is stopping': '节点 {0} 未启动：演示正在停止',
  'node {0} did not start; see {1}': '节点 {0} 未能启动；见 {1}',
  // import/import.ts
  '--reject {0} is the file that is imported: name another':
    '--reject {0} 就是所导入的文件：请另取名称',
  'the reject file {0} cannot be written: {1}; name another with --reject':
    '退回文件 {0} 无法写入：{1}；请用 --reject 另指定',
  'catalog item {0} is not known at the node; known are {1}': '节点没有目录项 {0}；现有 {1}',
  // proof-file.ts
  'this is no file that huxin log prove wrote as JSON: evidence and .tlog-proof files are checked with huxin verify':
    '这不是 huxin log prove 写出的 JSON：存证材料与 .tlog-proof 文件请用 huxin verify 核验',
  'the file is not of format huxin/proof/v1': '文件不是 huxin/proof/v1 格式',
  'the proof is of the log {0}, the key of {1}': '证明属于日志 {0}，公钥却属于 {1}',
  '--vkey {0} is no log key: {1}': '--vkey {0} 不是日志公钥：{1}',
  // shell.ts
  '{0} cannot be written: {1}': '{0} 无法写入：{1}',
  // commands/template.ts
  '{0} ends in neither .xlsx nor .csv: a template is one of them':
    '{0} 的扩展名不是 .xlsx 或 .csv：模板须为其中之一',
  '{0} has no columns for files: its records come by a program':
    '{0} 没有用于文件的列：其记录由程序报送',
  '{0} is no item of the catalog: see huxin catalog list':
    '目录中没有目录项 {0}：见 huxin catalog list',
  // commands/backup.ts
  'the node stopped while it wrote the backup, and nothing is kept of it: ask again when it runs, or when it stays stopped':
    '节点在写备份时停止，该备份未保留：请待其运行后重试；若一直停止，也可在停止状态下重试',
}
