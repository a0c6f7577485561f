/** The Chinese of room `node`. */
export const nodeChinese: Readonly<Record<string, string>> = {
  // backup.ts
  'something follows its end': '末尾之后还有内容',
  'the backup was given up: the node stops. Ask for another when it runs again':
    '备份已放弃：节点正在停止。请在节点恢复运行后重新备份',
  '{0} has {1} already: a backup is restored into an empty folder':
    '{0} 中已有 {1}：备份须恢复到空文件夹',
  'it has {0} rows, {1} were written': '其中有 {0} 行，写出的为 {1}',
  'nobody knows how many': '未知数目',
  'it has no {0}': '其中没有 {0}',
  'it is of epoch {0}, whose keys it has not': '属于纪元 {0}，却没有该纪元的密钥',
  'it has a file {0}': '其中有文件 {0}',
  'its end is not JSON': '结尾不是 JSON',
  'its end is no object': '结尾不是对象',
  'its end names no node': '结尾未标明节点',
  '{0} is no epoch': '{0} 不是纪元',
  'its end states no size': '结尾未标明大小',
  'a backup is being written: {0}': '正在写出备份：{0}',
  // beginning.ts
  'join.json of a root holds its own statement: run huxin node init again':
    '根节点的 join.json 应含其自身声明：请再次执行 huxin node init',
  // config.ts
  'known are {0}': '可用的有 {0}',
  'is no field of the configuration': '不是配置项',
  'is missing': '未填写',
  'see nodes/README.md': '见 nodes/README.md',
  'for example [2001:db8::8]:7443': '例如 [2001:db8::8]:7443',
  '{0} is an IPv6 address without brackets': '{0} 是没有方括号的 IPv6 地址',
  'host:port': '主机:端口',
  '{0} has a port above 65535': '{0} 的端口超过 65535',
  'a port of its own': '请另用一个端口',
  '{0} is listen too': '{0} 与 listen 相同',
  'give node and address of the parent': '请给出上级的名称与地址',
  'a {0} node has a parent': '{0}级节点须有上级',
  'name the node above': '请填上一级节点',
  'a node is not its own parent': '节点不能是自己的上级',
  'a unified social credit code (18 characters, GB 32100)': '统一社会信用代码（18 位，GB 32100）',
  '{0} has a wrong check character': '{0} 校验位错误',
  "six digits in quotes, for example '330825'": "带引号的六位数字，例如 '330825'",
  '{0} is no division code': '{0} 不是行政区划代码',
  'YAML is wanted': '须为 YAML',
  'one of debug, info, warn, error, silent': 'debug、info、warn、error、silent 之一',
  'zh or en': 'zh 或 en',
  'bytes held for all calls, at least 67108864': '为全部调用暂存的字节数，至少 67108864',
  'bytes held for the calls of one caller, at least 16777216':
    '为每个调用方的调用暂存的字节数，至少 16777216',
  'calls of one caller under way, 64 to 100000': '每个调用方同时进行的调用数，64 至 100000',
  'connections of one caller, 1 to 100000': '每个调用方的连接数，1 至 100000',
  'connections, calls, bytes': 'connections、calls、bytes',
  'a number of connections, 1 to 100000': '连接数，1 至 100000',
  'days, 1 to 365': '天数，1 至 365',
  'true or false': 'true 或 false',
  'erase, amend, days': 'erase、amend、days',
  'hours, 0.1 to 8760': '小时数，0.1 至 8760',
  'batches, 1 to 1000000': '批次数，1 至 1000000',
  'minutes, 1 to 10080': '分钟数，1 至 10080',
  "minutes by node id, for example { '330825': 1440 }":
    "按节点编号的分钟数，例如 { '330825': 1440 }",
  'minutes, 1 to 525600': '分钟数，1 至 525600',
  'minutes, 0.1 to 10080': '分钟数，0.1 至 10080',
  'parentAwayMinutes, childAwayMinutes, childAwayMinutesOf, notFinalMinutes, refusalsPerHour':
    'parentAwayMinutes、childAwayMinutes、childAwayMinutesOf、notFinalMinutes、refusalsPerHour',
  'free bytes below which no records are taken': '剩余字节低于此数则不再接收记录',
  'free bytes below which the node warns': '剩余字节低于此数则告警',
  'warnBytes, reserveBytes': 'warnBytes、reserveBytes',
  'bytes read again in a day, 0 for none': '每日复读的字节数，0 为不复读',
  bytesPerDay: 'bytesPerDay（每日字节数）',
  'days, 1 to 3650': '天数，1 至 3650',
  'refused batches of one member in an hour, 10 to 1000000':
    '每个成员每小时被退回的批次数，10 至 1000000',
  'bytes of one member in a day that are carried without being understood, 0 for none':
    '每个成员每日未经识别转送的字节数，0 为不转送',
  'bytes of one member in a day, from 10000000': '每个成员每日字节数，10000000 以上',
  'batches of one member in a day, 100 to 1000000000': '每个成员每日批次数，100 至 1000000000',
  'lanes of one member, 64 to 1000000': '每个成员的报送序列数，64 至 1000000',
  'lanes, entriesPerDay, bytesPerDay, unreadBytesPerDay, refusedPerHour':
    'lanes、entriesPerDay、bytesPerDay、unreadBytesPerDay、refusedPerHour',
  'hours, 0 to 8760': '小时数，0 至 8760',
  'files with the root certificates, PEM': '根证书文件，PEM',
  'file with the private key, PEM, readable by its owner only': '私钥文件，PEM，仅属主可读',
  'file with the node certificate and its issuing CA, PEM': '节点证书及其签发 CA 的文件，PEM',
  'files: certificate, key, roots': '文件：certificate、key、roots',
  'host:port under which children reach this node': '下级连接本节点所用的 主机:端口',
  'true gives checkpoints and hash tiles without a certificate':
    '填 true 则无需证书即可取签名点与树块',
  'host:port, for example 0.0.0.0:7444': '主机:端口，例如 0.0.0.0:7444',
  'listen, and public; leave it out to serve nothing over HTTPS':
    'listen 与 public；不提供 HTTPS 则不填',
  'host:port, for example 0.0.0.0:7443': '主机:端口，例如 0.0.0.0:7443',
  'http://host:port of an HTTP CONNECT proxy': 'HTTP CONNECT 代理的 http://主机:端口',
  'host:port of the parent': '上级的 主机:端口',
  'full name of the parent, for example zj.example/330800':
    '上级的完整名称，例如 zj.example/330800',
  'node and address of the parent; leave it out at a root': '上级的名称与地址；根节点不填',
  'the unified social credit code of the body that hosts the node, if another':
    '托管单位的统一社会信用代码（如另有托管单位）',
  'the unified social credit code (18 characters) of the operating body':
    '运行单位的统一社会信用代码（18 位）',
  'a list of division codes, for example [330825]': '行政区划代码列表，例如 [330825]',
  'a six-digit division code': '六位行政区划代码',
  'one of nation, province, city, county': 'nation、province、city、county 之一',
  'trust domain and node id, for example zj.example/330825':
    '信任域与节点编号，例如 zj.example/330825',
  '{0} has {1} bad field(s):\n{2}': '{0} 有 {1} 项有误：\n{2}',
  "{0} cannot be read: name the node's folder (--node), or make one with huxin node init":
    '{0} 无法读取：请用 --node 给出节点文件夹，或用 huxin node init 新建',
  'the tier was checked': '层级已检查过',
  // folder.ts
  '{0} beside the keys of this epoch is damaged: take it from a backup':
    '本纪元密钥旁的 {0} 已损坏：请从备份取回',
  '{0} has no keys: run huxin node init': '{0} 没有密钥：请执行 huxin node init',
  "{0} is missing: give application.txt to the parent's operator (huxin member approve) and take the answer with huxin node join":
    '缺少 {0}：请将 application.txt 交上级操作员批准（huxin member approve），再用 huxin node join 接收答复',
  'the log of epoch {0} was begun, and its database and checkpoint are gone; nothing is signed; {1}':
    '纪元 {0} 的日志已经开始，其数据库与签名点却不存在；停止签发；{1}',
  'run huxin node recover': '请执行 huxin node recover',
  'restore the newest backup (huxin node restore) or run huxin node recover':
    '请恢复最新备份（huxin node restore）或执行 huxin node recover',
  '{0} cannot be looked for: {1}': '无法查找 {0}：{1}',
  '{0} cannot be read by this user: {1}': '当前用户无法读取 {0}：{1}',
  '{0} file(s) below {1} belong to another user, {2} for one, and this one may not open them. Was a command run on the stopped node as root? Nothing is damaged: give them back (chown -R to the user of the service)':
    '{1} 下有 {0} 个文件属于其他用户（例如 {2}），当前用户无权打开。是否曾以 root 对停止的节点执行过命令？内容没有损坏：请归还属主（chown -R 给服务用户）',
  // gate.ts
  'the operator says that {0} entries of this log were cosigned, there are {1}: the database is an old copy; nothing is signed; run huxin node recover':
    '操作员称本日志已有 {0} 条被见证，现只有 {1} 条：数据库是旧备份；停止签发；请执行 huxin node recover',
  'the log {0} is frozen at {1} entries: its successor takes what comes now (huxin log status)':
    '日志 {0} 已终结于 {1} 条：由后续日志接收（huxin log status）',
  'the log {0} has not begun yet: send again in a moment': '日志 {0} 尚未开始：请稍后重新发送',
  'this node has not heard from {0} since it started: a log is not ended before, --alone or not; is the link up? (huxin node status)':
    '本节点启动后尚未收到{0}的消息：在此之前日志不得终结，--alone 亦然；链路是否正常？（huxin node status）',
  'the federation has epoch {0} of this node, the keys here are of epoch {1}: run huxin node recover':
    '联邦中本节点已为纪元 {0}，此处密钥属于纪元 {1}：请执行 huxin node recover',
  'the parent': '上级',
  '{0} shows that the federation has epoch {1} of this node{2}, the keys here are of epoch {3}: this is an old copy; nothing is signed; {4}':
    '{0}出示：联邦中本节点已为纪元 {1}{2}，此处密钥属于纪元 {3}：此处是旧备份；停止签发；{4}',
  ' with other keys': '，且密钥不同',
  'stop it, and restore a backup that has the keys of that epoch (huxin node restore)':
    '请停止节点，恢复含有该纪元密钥的备份（huxin node restore）',
  '{0} has seen {1} entries of this log, there are {2}: the database is an old copy (a rollback, not fraud); nothing is signed; {3}':
    '{0}见过本日志的 {1} 条，现只有 {2} 条：数据库是旧备份（属回退，并非造假）；停止签发；{3}',
  'the first {0} entries of this log are not those that {1} saw; nothing is signed; {2}':
    '本日志的前 {0} 条与{1}所见不同；停止签发；{2}',
  // handles.ts
  'connectionsMax {0} takes {1} file handles, this process may have {2}: raise the limit (ulimit -n {3}, or LimitNOFILE={4} in the service){5}':
    'connectionsMax {0} 需要 {1} 个文件句柄，本进程至多 {2} 个：请提高上限（ulimit -n {3}，或服务中的 LimitNOFILE={4}）{5}',
  ', or set connectionsMax to {0} or less': '，或将 connectionsMax 设为 {0} 以下',
  ', at least to {0} with a smaller connectionsMax': '，至少提高到 {0} 并减小 connectionsMax',
  // keys.ts
  'the keys under {0} are mixed up: note.key is of type 1, cosign.key of type 4':
    '{0} 下的密钥放错：note.key 应为 1 型，cosign.key 应为 4 型',
  'it is the key of {0}, not of {1}': '这是 {0} 的密钥，不是 {1} 的',
  '{0} holds no key for this node: {1}': '{0} 中没有本节点的密钥：{1}',
  '{0} cannot be read: run huxin node init, or huxin node recover when it was lost':
    '{0} 无法读取：请执行 huxin node init，密钥丢失的请执行 huxin node recover',
  // parent-calls.ts
  'the parent does not know {0}': '上级不知 {0}',
  // recovery.ts
  'move {0} elsewhere, keep it, and run huxin node recover again: everything then comes from the children':
    '请将 {0} 移走保存，再执行 huxin node recover：其余全部由下级交还',
  'the note key of epoch {0} ({1}) is lost, and nobody stands above a root who could vouch for another: take the folder keys/ from any backup, also from an old one. Without it the federation needs a new trust anchor: keep this folder for evidence, huxin node init at the root in an empty folder, publish its new vkey, and at each child huxin node init in an empty folder, huxin member approve and huxin node join; what was signed before stays verifiable with the old root key':
    '纪元 {0} 的签名密钥（{1}）已丢失，根节点之上没有可为新密钥担保的节点：请从任一备份（旧备份亦可）取回 keys/ 文件夹。如无法取回，联邦须更换信任根：保存本文件夹作为证据，在空文件夹中为根节点执行 huxin node init，公布新的 vkey，各下级在空文件夹中执行 huxin node init、huxin member approve 和 huxin node join；此前签名的内容仍可用旧的根公钥核验',
  'a recovery is under way, epoch {0} waits for the children: start the node, it goes on by itself (huxin node start)':
    '恢复正在进行，纪元 {0} 正等待下级：请启动节点，其余自动完成（huxin node start）',
  'a change of epoch is under way and everything for it is here: start the node, it goes on by itself':
    '纪元变更正在进行，所需内容齐全：请启动节点，其余自动完成',
  'tiles of the old log are missing: {0}': '旧日志缺少树块：{0}',
  'the first {0} entries of the old log do not have the root that was signed: {1}':
    '旧日志前 {0} 条的根与已签名的不符：{1}',
  // restoration.ts
  '{0} takes back what it lost and waits for other children: ask again later':
    '{0} 正在取回丢失的内容，等待其他下级：请稍后再试',
  '{0} lost nothing: there is nothing to give back': '{0} 没有丢失内容：无须交还',
  '{0} is not a child of {1} by the statements that came back: it must be admitted first (huxin member approve)':
    '按已取回的成员声明，{0} 不是 {1} 的下级：须先批准接入（huxin member approve）',
  '{0} is {1}': '{0} {1}',
  'a batch of class {0} is given back as {1}': '类别为 {0} 的批次被当作 {1} 交还',
  'the {0} batch {1} of {2} comes after epoch {3} has begun: a key that has ended decides nothing any more':
    '{2} 的{0}批次 {1} 晚于纪元 {3} 的开始：已终止的密钥不再有效力',
  'no statement of {0} came back yet': '尚未取回 {0} 的任何成员声明',
  'the federation has epoch {0} of this root, and no recovery from {1} can follow it: restore a backup that has keys/{2} (huxin node restore), then run huxin node recover':
    '联邦中该根节点已为纪元 {0}，由 {1} 恢复无法接续：请恢复含有 keys/{2} 的备份（huxin node restore），再执行 huxin node recover',
  'what is left here of {0} is of another log than the {1} entries that {2} saw, which this root signed too: stop this node, move its database elsewhere, keep it, and run huxin node recover again; everything then comes from the children':
    '此处所余的 {0} 与 {2} 所见的 {1} 条不是同一日志，而后者也由本根节点签发：请停止节点，将其数据库移走保存，再执行 huxin node recover；其余全部由下级交还',
  'class {0} is not one of {1}': '类别 {0} 须为 {1} 之一',
  'an offer has at most {0} batch ids of 32 bytes': '一次至多提供 {0} 个 32 字节的批次号',
  '{0} hashes lead from one tree to another, at most {1} do':
    '由一棵树到另一棵树用了 {0} 个哈希，至多 {1} 个',
  '{0} batches in one call, allowed are at most {1}': '一次调用有 {0} 个批次，至多 {1} 个',
  // rotation.ts
  'the parent signs the next epoch: try again when the link stands and everything lost is back (huxin node status)':
    '下一纪元须由上级签名：请在链路恢复且丢失内容全部取回后再试（huxin node status）',
  'the statement of the next epoch names a tree of {0} entries, the log has {1}':
    '下一纪元的声明所列的树有 {0} 条，日志有 {1} 条',
  'the federation has epoch {0} of this node with other keys than those in keys/next: run huxin node recover':
    '联邦中本节点已为纪元 {0}，密钥与 keys/next 中的不同：请执行 huxin node recover',
  // setup.ts
  '{0} has keys already: it was initialized before. To change anything edit node.yaml; what application.txt says already (names, tier, divisions, body) wants a new folder':
    '{0} 中已有密钥：此前已初始化。其余改动请编辑 node.yaml；application.txt 已写明的（名称、层级、行政区划、单位）须另建文件夹',
  '{0} is there already: leave out --id and what belongs to it, or remove the file':
    '{0} 已存在：请去掉 --id 及相关选项，或删除该文件',
  '{0} is missing: write it first (see nodes/README.md), or give --id, --tier, --body and --certs':
    '缺少 {0}：请先编写（见 nodes/README.md），或给出 --id、--tier、--body 和 --certs',
  'nothing was written, {0} field(s) are bad:\n{1}': '未写入任何内容，{0} 项有误：\n{1}',
  'the join file does not admit the keys in {0}: it answers another application':
    '接入文件批准的不是 {0} 中的密钥：它答复的是另一份申请',
  '{0} is no root key: {1}': '{0} 不是根公钥：{1}',
  'there are no keys: run huxin node init': '没有密钥：请执行 huxin node init',
  'note.key can be read by others: chmod 600 it': 'note.key 可被他人读取：请执行 chmod 600',
  '{0}: {1} cannot be had: {2}': '{0}：无法使用 {1}：{2}',
  'another process listens there; is the node running?': '另有进程占用该端口；节点是否已在运行？',
  '{0}; name an address of this machine, or 0.0.0.0': '{0}；请给出本机地址，或 0.0.0.0',
  "the clock is {0} off the parent's: set it": '时钟与上级相差 {0}：请校准',
  "{0}. The parent's certificate leads to no root in tls.roots here, or this node's to none of the parent's: both sides pin the root of one federation":
    '{0}。上级证书不能追溯到此处 tls.roots 中的根，或本节点证书不能追溯到上级的根：双方须信任同一联邦的根证书',
  // clock-guard.ts
  'the clock is {0} {1} the time trusted so far: nothing is written until it is set right, or the parent, at a root more than half of the children, show the same, or the node is restarted':
    '时钟比此前可信的时间{1} {0}：在校准之前，或上级（根节点则为半数以上下级）显示相同时间之前，或节点重新启动之前，停止写入',
  'ahead of': '快',
  behind: '慢',
  'the clock is {0} behind the last entry of this log: nothing is written until it is set right, or the parent confirms it (--alone overrides)':
    '时钟比本日志最后一条慢 {0}：在校准之前或上级确认之前停止写入（可用 --alone 越过）',
}
