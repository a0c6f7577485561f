/** The Chinese of room `base`. */
export const baseChinese: Readonly<Record<string, string>> = {
  // clock.ts
  'the caller gave the call up, or its deadline passed': '调用方已取消调用，或已超过时限',
  // errors.ts
  'invariant broken: {0}': '程序内部条件不成立：{0}',
  // yaml.ts
  'line {0} is nested too deep: lists and tables stand in each other {1} times at most':
    '第 {0} 行嵌套过深：列表与对应表至多嵌套 {1} 层',
}
