/** What a backup consists of, in this order: files and the checkpoint, rows in order of keys, one end. */
export type Part =
  | { readonly kind: 'file'; readonly name: string; readonly value: Uint8Array }
  /** The last signed checkpoint; empty when nothing was signed. */
  | { readonly kind: 'checkpoint'; readonly value: Uint8Array }
  | { readonly kind: 'row'; readonly key: Uint8Array; readonly value: Uint8Array }
  /** JSON: what the backup says of itself. */
  | { readonly kind: 'end'; readonly value: Uint8Array }
