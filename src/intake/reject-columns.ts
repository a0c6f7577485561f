/** The columns that a reject file has beside those of the original; an import leaves them out by itself. */
export const OWN_COLUMNS = [
  '退回行号 (row)',
  '退回列 (columns)',
  '退回代码 (codes)',
  '退回原因',
  '退回原因 (reasons)',
] as const

export function isRejectColumn(name: string): boolean {
  return (OWN_COLUMNS as readonly string[]).includes(name.trim())
}

/** True for the header of a reject file. */
export function isRejectHeader(header: readonly string[]): boolean {
  return OWN_COLUMNS.every((name) => header.some((one) => one.trim() === name))
}
