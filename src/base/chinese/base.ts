/** The Chinese of room `base`. */
export const baseChinese: Readonly<Record<string, string>> = {
  // clock.ts
  'the caller gave the call up, or its deadline passed': '调用方已取消调用，或已超过时限',
  // errors.ts
  'invariant broken: {0}': '程序内部条件不成立：{0}',
}
