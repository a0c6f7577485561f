/** What libraries and Node.js say, in Chinese: the first pattern that fits. Whatever else they say stands as it is. */
export const foreignChinese: readonly (readonly [pattern: RegExp, chinese: string])[] = [
  // TLS and certificates
  [/certificate has expired|CERT_HAS_EXPIRED|alert certificate expired/, '证书已过期'],
  [/certificate is not yet valid|CERT_NOT_YET_VALID/, '证书尚未生效'],
  [/self[- ]signed certificate/, '证书不能追溯到受信任的根证书'],
  [
    /unable to (?:get (?:local )?issuer certificate|verify the first certificate)/,
    '证书不能追溯到受信任的根证书',
  ],
  [/alert unknown ca/, '对方不信任本方证书的签发机构'],
  [/alert certificate required/, '对方要求出示证书'],
  [/alert bad certificate|alert certificate unknown/, '对方不接受本方证书'],
  [
    /does not match certificate's altnames|Hostname\/IP does not match/,
    '对方证书上的名称与地址不符',
  ],
  [/key values mismatch/, '证书与密钥不是一对'],
  [/wrong version number|packet length too long|http request/, '对方不是 TLS 服务'],
  [/socket disconnected before secure TLS/, '对方在 TLS 握手完成前断开'],
  [/PEM routines|no start line|DECODER routines|asn1|ASN\.1|ASN1/i, 'PEM 或 DER 编码有误'],
  // gRPC
  [/Name resolution failed/, '无法解析主机名'],
  [/Deadline exceeded|deadline passed/, '超时'],
  [
    /RST_STREAM|Connection dropped|socket hang up|Connection closed|GOAWAY|connection is gone/,
    '连接中断',
  ],
  [/Channel has been shut down|channel is closed/i, '连接已关闭'],
  [/Received message larger than|larger than max/, '消息超过大小上限'],
  [/proxy refuses to connect|Last error: undefined/, '代理拒绝连接'],
  [/The server does not implement|unimplemented|UNIMPLEMENTED/, '对方没有该方法'],
  // the database
  [/IO error: .*No such file or directory/, '没有数据库文件（No such file or directory）'],
  [/^Database failed to open$/, '打开失败'],
  // formats
  [/in JSON at position|is not valid JSON|end of JSON input|JSON/, 'JSON 格式有误'],
  [
    /premature EOF|index out of range|illegal tag|cant skip wire type|invalid (?:wire type|varint)|cannot decode/i,
    '编码有误',
  ],
  [/Invalid (?:URL|URI)/, '地址格式有误'],
]
