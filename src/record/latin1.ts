/** The bytes of a text whose characters are all below U+0100; undefined for any other. */
export function latin1(text: string): Uint8Array | undefined {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return undefined
  return Buffer.from(text, 'latin1')
}
