/**
 * The one table of alarm codes: how bad it is, what it means and what helps, in both languages. A code is stable:
 * programs match on it, never on the message. `nodes/README.md` prints the table; a test keeps the two equal.
 *
 * A warning is something that somebody should look at. A fault is this node not doing its work, or its data or key in danger.
 */

export type Severity = 'warning' | 'fault'

export interface AlarmRow {
  readonly severity: Severity
  /** What the subject is; '' where the alarm stands once. */
  readonly subject: string
  readonly meaning: string
  readonly meaningZh: string
  readonly remedy: string
  readonly remedyZh: string
}

type Words = readonly [
  subject: string,
  meaning: string,
  meaningZh: string,
  remedy: string,
  remedyZh: string,
]

const row =
  (severity: Severity) =>
  (...[subject, meaning, meaningZh, remedy, remedyZh]: Words): AlarmRow => ({
    severity,
    subject,
    meaning,
    meaningZh,
    remedy,
    remedyZh,
  })
const warning = row('warning')
const fault = row('fault')

export const alarmTable = {
  // this node
  log: fault(
    '',
    'this log is older or other than the parent, a child or the operator says, or the federation has a newer epoch; nothing is signed',
    '本节点日志比上级、下级或操作员所说的旧或不同，或联邦已有本节点的新纪元；不再签发',
    'stop the node and run huxin node recover; a root restores its newest backup first',
    '停止节点，执行 huxin node recover；根节点先恢复最新备份',
  ),
  start: fault(
    '',
    'nothing is signed until those who watch this log have said what they last saw of it',
    '须先与见证本节点日志的上级（根节点：下级）核对，核对前不签发',
    'wait while the parent (a root: its children) starts; is the link up? For a parent that is gone for long: stop the node, then huxin node start --alone',
    '等待上级（根节点：下级）恢复，检查网络；上级长期不可用时，停止本节点后执行 huxin node start --alone',
  ),
  clock: fault(
    '',
    "the clock is more than five minutes off the parent's, is behind the log's last entry, or was set by more than that; a paused machine looks the same",
    '本机时钟与上级相差超过五分钟、早于日志末条，或被大幅改动；虚拟机暂停后恢复也会如此',
    'set the clock; where it is right the node goes on by itself within two minutes, a root when more than half of its active children show the same time, which they do once a minute; a root without children is restarted',
    '校准时钟；时钟无误时两分钟内自行恢复，根节点须有半数以上下级时间一致（下级每分钟对时一次）；没有下级的根节点须重新启动',
  ),
  store: fault(
    '',
    'the database does not write; what it has is read meanwhile',
    '数据库无法写入；期间仍可读取',
    'look at the disk, and free space; the database is opened again by itself',
    '检查磁盘并腾出空间；数据库会自行重新打开',
  ),
  disk: warning(
    '',
    'little room is left on the disk of data/',
    '数据磁盘空间不多',
    'make room; the alarm ends by itself',
    '腾出空间；告警自行解除',
  ),
  disk_full: fault(
    '',
    'so little room is left on the disk of data/ that no records are taken; amendments, erasures and checkpoints are',
    '数据磁盘空间不足，暂不接收记录；变更、删除与签名点仍处理',
    'make room; the node goes on by itself',
    '腾出空间；节点自行恢复',
  ),
  inodes: warning(
    '',
    'the disk of data/ has few files (inodes) left',
    '数据磁盘可用文件数（inode）不多',
    'remove small files from that disk, or move data/ to another one',
    '清理该磁盘上的零碎文件，或将 data/ 移至其他磁盘',
  ),
  damage: fault(
    '',
    'a record that was asked for is not what was logged; it is answered as damaged, the rest is served',
    '所查记录与入账内容不符，答复为“本地存储损坏”，其余照常',
    'huxin fsck --repair; many of them: the disk fails',
    '执行 huxin fsck --repair；数量多时应更换磁盘',
  ),
  scrub: fault(
    '',
    'a row of the log is damaged',
    '日志某处存储损坏',
    'huxin fsck --repair; many of them: the disk fails',
    '执行 huxin fsck --repair；数量多时应更换磁盘',
  ),
  certificate: warning(
    '',
    'the certificate files cannot be used, can be read by others, or expire soon',
    '证书文件不可用、可被他人读取或即将到期',
    'replace the files; they are read again by themselves',
    '更换证书文件，节点会自行读取',
  ),
  own_certificate: fault(
    '',
    'the certificate of this node is revoked, or was issued by an authority that its statement does not name: its neighbours refuse it',
    '本节点证书已被吊销，或签发机构不在本节点声明之内，上下级拒绝连接',
    'have a new one issued by a named authority, or let the parent name the other one (huxin member authorities)',
    '由声明内的机构重新签发，或请上级登记新的签发机构（huxin member authorities）',
  ),
  former_epoch: warning(
    '',
    'the database of an earlier epoch could not be taken over yet',
    '以前纪元的数据库尚未接管',
    'it is tried again each minute; remove data/<epoch>/db by hand when nothing is wanted from it',
    '每分钟自动重试；确认不再需要时可手工删除 data/<纪元>/db',
  ),
  frozen: warning(
    '',
    'the log of this node is frozen and takes no more',
    '本节点日志已终结，不再入账',
    'wanted? huxin log rotate begins its successor; otherwise this is the end of this log',
    '如需继续，执行 huxin log rotate 开始后续日志；否则即为日志终点',
  ),
  recovery: fault(
    '',
    'a root takes back what it lost from its children',
    '根节点正从下级取回丢失的内容',
    'wait; are enough children up?',
    '等待；检查下级是否运行',
  ),
  lost: warning(
    '',
    'entries of the log before the recovery of this root were lost',
    '根节点恢复前的部分日志条目已丢失',
    'see what it names, and publish that again; the alarm stands for a week, also over a start; the statement says it for ever',
    '按告警所列重新报送；告警保留一周（重新启动后仍在），声明永久记载',
  ),
  sweep: warning(
    '',
    'dropping of bodies in transit, or an erasure, failed',
    '清除过境批次体或执行删除失败',
    'read it; it is tried again by itself',
    '查看原因；会自动重试',
  ),
  heads: warning(
    '',
    'stating lane heads failed',
    '上报序列端点失败',
    'read it; it is tried again by itself',
    '查看原因；会自动重试',
  ),
  recognition: warning(
    '',
    'reviewing confirmations failed',
    '复核互认答复失败',
    'read it; it is tried again by itself',
    '查看原因；会自动重试',
  ),
  not_final: warning(
    '',
    'entries of this log wait for long to be cosigned by the parent (a root: by more than half of its children)',
    '本节点日志较长时间未获上级（根节点：半数以上下级）见证',
    'is the parent (are the children) up? huxin node status shows how far each cosigned',
    '检查上级（下级）是否运行；huxin node status 可见各方见证至何处',
  ),
  authorities: warning(
    '',
    'the statements of these neighbours name no authority: every CA under the pinned roots can issue certificates in their names',
    '这些上下级的声明未登记签发机构，任何受信 CA 均可以其名义签发证书',
    'their parent (a root: itself): huxin member authorities <node> --ca <file>',
    '由其上级（根节点为自身）执行 huxin member authorities <节点> --ca <文件>',
  ),
  // the parent
  away: warning(
    '',
    'the parent has not been reached for some time; what goes up waits here',
    '较长时间无法连接上级，待报送内容暂存本级',
    'does the parent run, do its address in node.yaml and the network hold? It is tried again by itself every few seconds',
    '检查上级是否运行、node.yaml 中的地址与网络；每隔几秒自动重试',
  ),
  suspended: fault(
    '',
    'the parent has suspended (or retired) this node and takes nothing from it; what is published waits here',
    '上级已暂停（或注销）本节点，不接收本节点任何内容；报送内容暂存本级',
    "settle the reason with the parent's operator, who lifts it with huxin member activate; then everything goes up by itself",
    '就暂停事由与上级联系，由上级执行 huxin member activate 恢复；恢复后自动续送',
  ),
  link: warning(
    'loop',
    'a loop to the parent fails for the named reason',
    '与上级之间的某项通信失败',
    'read it; it is tried again by itself',
    '查看原因；会自动重试',
  ),
  parent_certificate: fault(
    '',
    'the parent shows a certificate that does not count: revoked, or issued by another authority than its statement names',
    '上级出示的证书无效：已吊销，或签发机构不在其声明之内',
    'call it. Was its authority changed while this node was away? The parent approves the old application again, then huxin node join',
    '联系上级。若上级在本节点断联期间更换了签发机构，请上级重新批准原申请，再执行 huxin node join',
  ),
  parent_log: fault(
    '',
    "the parent's log does not go on from what was verified before; nothing more is taken from it",
    '上级日志与此前核验的内容不衔接，不再接收',
    'call the parent and its parent',
    '联系上级及其上级',
  ),
  receipts: warning(
    '',
    'the parent handed down receipts of nodes above it that prove nothing; they are not kept, true ones are',
    '上级转来的回执无法证明，未保存；有效回执照常保存',
    'call the parent and the node that the alarm names; the alarm ends after a day without more of them',
    '联系上级与告警所列节点；一天内不再出现即解除',
  ),
  unreadable: warning(
    'parent',
    "an entry of the parent's log is none that can be read",
    '上级日志中有无法读取的条目',
    "keep the message and call the parent's operator: no honest node logs it",
    '保存该信息并联系上级操作员',
  ),
  push: warning(
    'class',
    'the parent does not take a batch',
    '上级未接收某一批次',
    'read it; it is tried again by itself, but for one of an ended epoch without a receipt (receipt_wanted), which stays here',
    '查看原因；会自动重试，已结束纪元且无回执的批次（receipt_wanted）除外',
  ),
  held: warning(
    'class origin',
    'the parent does not take the next batch of an origin; what others send goes on',
    '上级未接收某来源的下一批次；其他来源照常',
    'the code says whose turn it is: member_unknown and item_unknown end by themselves, quota_exceeded when its hour or day is over',
    '按代码处理：member_unknown、item_unknown 自行解除，quota_exceeded 待时段结束',
  ),
  // children and others
  child_away: warning(
    'child',
    'a child has not called for longer than alarms.childAwayMinutes; with many of them one alarm counts them',
    '下级超过时限未联系（alarms.childAwayMinutes）；多个下级合并为一条',
    'call its operator: does the node run, is its certificate valid, does the network hold?',
    '联系其操作员：节点是否运行、证书是否有效、网络是否通畅',
  ),
  child_certificate: warning(
    'child',
    'the certificate of a child expires soon',
    '下级证书即将到期',
    'tell its operator to have a new one issued, before it cannot connect any more',
    '通知其操作员及时换发证书，以免无法连接',
  ),
  refusals: warning(
    'origin',
    'many batches of an origin are refused in this hour',
    '一小时内某来源多个批次被退回',
    'huxin log list there and here names the reasons; its operator mends the records or its program',
    '在双方查看 huxin log list 所列原因，由其操作员改正',
  ),
  rollback: warning(
    'child',
    'a child shows an older log than before',
    '下级出示的日志比以前短',
    'call it: it was restored from a copy and must run huxin node recover',
    '联系该节点：其由旧备份恢复，须执行 huxin node recover',
  ),
  unproven: warning(
    'child',
    'a child shows a larger log and no proof that it extends the one seen before; its checkpoints are not cosigned',
    '下级出示的日志无法证明由此前日志续成，暂不见证',
    'when it goes on, call it: its log forked, or its program is broken',
    '持续出现时联系该节点：日志分叉或程序有误',
  ),
  fork: fault(
    'node',
    'a child, or the parent, signed two different logs; the named file proves it',
    '下级或上级签发了两份不同的日志，证据文件已保存',
    'keep that file, anybody can check it (huxin verify FILE --root …); call it: two copies run, or its key was stolen',
    '保存证据文件（huxin verify FILE --root … 可核验）；联系该节点：有两个副本在运行，或密钥失窃',
  ),
  lane_fork: fault(
    'lane',
    'two different batches carry one number of a lane; the origin is under quarantine',
    '同一序号出现两个不同批次，已暂停接收该来源',
    'keep evidence/; when the origin has explained itself: huxin quarantine lift',
    '保存 evidence/；待来源说明后执行 huxin quarantine lift',
  ),
  statement: fault(
    'member serial',
    'one member signed two statements with one serial; the first stays in force',
    '同一序号出现两份不同的成员声明，以先到者为准',
    'keep evidence/; call that member',
    '保存 evidence/；联系该成员',
  ),
  two_trees: fault(
    'neighbour',
    "a neighbour was shown a log that is signed with this node's key and is not this one, or is longer",
    '有与本节点日志不同（或更长）的日志以本节点密钥签发',
    'stop every copy of this node; change its keys',
    '停止本节点的所有副本；更换密钥',
  ),
  frozen_child: fault(
    'child',
    'the log of a child was signed beyond its final entry, or it names another end; nothing of it is cosigned',
    '下级日志在终结条目之后又被签发，或所称终点不同；不予见证',
    'its old key was used again: call it',
    '其旧密钥被再次使用：联系该节点',
  ),
  silence: warning(
    'node',
    'a node below lacks, by its own signed word, what was logged here hours ago',
    '某下级自称缺少数小时前已在此入账的内容',
    'is it away? then nothing; else huxin trace "<lane>" <number> names who had it last',
    '该节点失联时无需处理；否则用 huxin trace "<序列>" <序号> 查最后持有者',
  ),
  gap: warning(
    'lane',
    'a number is missing in a lane',
    '报送序列缺号',
    'huxin trace "<lane>" <number>; call the node that had it last',
    '执行 huxin trace "<序列>" <序号>；联系最后持有该批次的节点',
  ),
  waiting: warning(
    'origin class',
    'the next batch of an origin cannot be taken here; its lanes wait, everything else goes on',
    '某来源的下一批次暂不能接收；仅该序列等待，其余照常',
    'what the message says; it is asked for again by itself',
    '按信息所述处理；会自动再次索取',
  ),
  incomplete: warning(
    'origin',
    'a batch came without its records: whoever passed it on has dropped them',
    '批次到达时缺少记录，转送节点已不再保存',
    'ask the origin to publish them again and then to erase that batch; it ends when they are erased, withdrawn or back (huxin fsck --repair)',
    '请来源重新报送，再删除该批次；记录删除、撤回或补回（huxin fsck --repair）后解除',
  ),
  transit: warning(
    'child',
    'bodies in transit were dropped, because the child did not fetch them within transitDaysMax',
    '下级在期限（transitDaysMax）内未取，过境批次体已清除',
    'is it suspended or away for good? When it comes back it says what it misses (incomplete), and the origins publish that again',
    '确认该下级是否已停用；恢复后由其提出所缺（incomplete），请来源重新报送',
  ),
  divisions: warning(
    'neighbour',
    'a neighbour has another table of divisions: what one of them takes the other may refuse',
    '上下级的区划表版本不同：一方接收的，另一方可能退回',
    'put the newer program on the node with the older table; it ends when the two have talked again, within a minute',
    '请区划表较旧的节点更换新版程序；双方再次联系后（一分钟内）自行解除',
  ),
  undelivered: warning(
    'child',
    'batches wait for a child that is suspended, or never reached one that was retired',
    '有批次待送已暂停的下级，或未及送达已注销的下级',
    'suspended: huxin member activate when it is settled; after transitDaysMax what it has not fetched is dropped here. Retired: huxin reconcile --with <child> --by origin,item names whose they are; the origins publish them again to the member that has its divisions now. Of a retired child the alarm stands for a week',
    '已暂停的：事由了结后执行 huxin member activate；超过 transitDaysMax 未取的在此清除。已注销的：huxin reconcile --with <下级> --by origin,item 列出来源，请来源向现承接其辖区的节点重新报送；已注销下级的告警保留一周',
  ),
  quota: warning(
    'member quota',
    'a member has used four fifths of a quota here; beyond it what it sends waits at the sender',
    '成员已用去此处配额的五分之四；超出部分在报送方等待',
    'ask its operator what it is; raise quotas in node.yaml where it is meant',
    '向其操作员了解情况；确属正常时调高 node.yaml 的 quotas',
  ),
} as const satisfies Record<string, AlarmRow>

export type AlarmCode = keyof typeof alarmTable
