/** The Chinese of room `lookup`. */
export const lookupChinese: Readonly<Record<string, string>> = {
  // record-index.ts
  '{0} of the record index is damaged: it is made anew, ask again later':
    '记录索引 {0} 已损坏：正在重建，请稍后再查',
}
