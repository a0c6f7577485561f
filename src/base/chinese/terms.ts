/** Words of the formats and services (states, tiers, kinds, standings, actions); they stand as they are in JSON. */
export const termsChinese: Readonly<Record<string, string>> = {
  // tiers
  nation: '国家', province: '省', city: '市', county: '县',
  // how a node stands, and a link
  starting: '启动中', serving: '运行正常', degraded: '有告警', broken: '故障', connecting: '连接中', connected: '已连接', away: '失联', stopped: '已停止', none: '未连接',
  // members
  active: '正常', suspended: '已暂停', retired: '已注销',
  // records, confirmations and bodies
  current: '有效', superseded: '已被替代', withdrawn: '已撤回', repaired: '已修复', erased: '已删除', refused: '已退回', expired: '已到期', not_yet: '尚未生效', damaged: '本地存储损坏', unconfirmed: '未核实',
  valid: '有效', source_withdrawn: '来源已撤回', source_superseded: '来源已被替代', accepted: '已入账',
  forged: '伪造', mismatch: '不符', unproven: '待核实', open: '待答复', answered: '已答复', overdue: '逾期未答复', holder_retired: '持有节点已注销', requester_retired: '申请节点已注销',
  held: '在库', transit: '过境', dropped: '过境已清除', incomplete: '不完整',
  // the catalog
  in_force: '生效', future: '未生效', ended: '已失效', not_understood: '本版本不识别', item: '目录项', scale: '等级体系', mapping: '等级对照',
  enterprise: '企业', natural_person: '自然人', social_organization: '社会组织', public_institution: '事业单位', government_body: '政府机构',
  // kinds of batches
  member: '成员声明', catalog: '目录', freeze: '终结条目', amendment: '变更', evaluation: '评价结果', recognition: '互认', record: '信用记录', act: '操作留痕', heads: '序列端点', access: '查询留痕',
  register: '名册', revocation: '吊销',
  // what a client may do
  publish: '报送', amend: '变更', query: '查询',
  // lanes
  normal: '普通', bulk: '批量', control: '控制',
  // what results are used for, and the columns of files
  'graded-supervision': '分级分类监管', 'random-inspection': '双随机抽查', 'administrative-approval': '行政审批', 'mutual-recognition': '评价结果互认', judicial: '司法',
  text: '文本', date: '日期', integer: '整数', decimal: '数值', uscc: '统一社会信用代码', citizen_id: '公民身份号码', enum: '选项',
  comprehensive: '公共信用综合评价', industry: '行业信用评价',
  // answers to a request of recognition
  recognized: '认可', conditional: '有条件认可', recognized_with_conditions: '有条件认可', not_recognized: '不予认可', no_result: '无结果',
  // what is done to a record, and what takes a second person
  withdraw: '撤回', restore: '恢复', repair: '修复', object: '异议标注', erase: '删除', waiting: '待批准', granted: '已批准待发布', published: '已发布', rejected: '已驳回',
  // what is checked before a start
  configuration: '配置', certificate: '证书', keys: '密钥', membership: '接入声明', port: '端口', 'audit port': '审计端口', 'file handles': '文件句柄',
  // roles of certificates
  node: '节点', auditor: '审计方',
  // ways of a batch past a node
  own: '本级报送', from_child: '下级上报', to_parent: '报送上级', from_parent: '上级下达', to_child: '送达下级',
  // where an entry came from
  self: '本级', client: '客户端', operator: '操作员', child: '下级', parent: '上级', fetched: '取回',
}
