/** The Chinese of room `wire`. */
export const wireChinese: Readonly<Record<string, string>> = {
  // channel.ts
  'the channel to {0} is closed': '到 {0} 的连接已关闭',
  'the caller gave the call up': '调用方已取消调用',
  '{0} gave no answer': '{0} 没有答复',
  ' through proxy {0}': '，经代理 {0}',
  '{0} at {1}{2}: {3}': '{0}（{1}{2}）：{3}',
  'the request is not a {0}: {1}': '请求不是 {0}：{1}',
  'the answer is not a {0}: {1}': '答复不是 {0}：{1}',
  'address {0} is not host:port': '地址 {0} 须为 主机:端口',
  'proxy is not http://host:port': 'proxy 须为 http://主机:端口',
  // encode.ts
  '{0} changed while it was encoded': '{0} 在编码过程中被改动',
  // health.ts
  'health knows no service {0}': '没有名为 {0} 的健康检查服务',
  // passage.ts
  '{0} has {1} calls under way, at most {2} are taken: wait for some of them':
    '{0} 有 {1} 个调用正在进行，至多 {2} 个：请等待其中一些完成',
  'the request was not complete after {0} ({1} bytes)': '请求在 {0}内未收全（已收 {1} 字节）',
  'the request has {0} bytes, at most {1} are taken: send it in parts':
    '请求有 {0} 字节，至多 {1}：请分次发送',
  '{0} bytes are held here for calls of {1} (at most {2}), {3} for all: read the answers, and send less at once':
    '此处为 {1} 的调用暂存 {0} 字节（至多 {2}，全部调用至多 {3}）：请读取答复，并减少同时发送',
  // server.ts
  'Node.js {0} does not show who issued the certificates of callers (a fault of that release): run the node with another one, 22 for example':
    'Node.js {0} 这一版本有缺陷，无法得知来访证书由谁签发：请换用其他版本运行节点，例如 22',
  'the call has ended': '调用已结束',
  'cannot listen on {0}: {1}': '无法监听 {0}：{1}',
  'the connection is gone': '连接已断开',
  'the connection has no identity': '连接没有身份',
  'the certificate of {0} expired while connected; renew it and connect again':
    '{0} 的证书在连接期间过期；请换发后重新连接',
  'the request is compressed (grpc-encoding {0}): send it as it is':
    '请求经过压缩（grpc-encoding {0}）：请不压缩发送',
  'the call has no identity': '调用没有身份',
  '{0} failed inside the server; see its log': '{0} 在服务端出错；见其日志',
  'the connection has no verified certificate': '连接没有经过验证的证书',
  // service.ts
  '{0} is negative: 0 or more is wanted': '{0} 为负数：应为 0 或以上',
  '{0} has no unary handler': '{0} 没有一元处理函数',
  // tls.ts
  'certificate or key of {0} cannot be used: {1}': '{0} 的证书或密钥不可用：{1}',
}
