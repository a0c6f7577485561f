/** XML of a workbook's parts, piece by piece. Depth, attributes and silence are bounded; entities are the five of XML. */
import { Parser } from 'htmlparser2'

const DEPTH_MAX = 100
/** Characters without an element or text, as in an attribute that never ends. */
const SILENCE_MAX = 4_000_000

/** Names come without the prefix of their namespace. */
export interface XmlHandler {
  readonly open?: (name: string, attributes: Readonly<Record<string, string>>) => void
  readonly text?: (words: string) => void
  readonly close?: (name: string) => void
}

export class XmlReader {
  readonly #parser: Parser
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #depth = 0
  #silent = 0

  constructor(handler: XmlHandler) {
    this.#parser = new Parser(
      {
        onopentag: (name, attributes) => {
          this.#silent = 0
          if (++this.#depth > DEPTH_MAX) throw new Error('elements are nested too deeply')
          handler.open?.(localName(name), attributes)
        },
        ontext: (words) => {
          this.#silent = 0
          handler.text?.(words)
        },
        onclosetag: (name) => {
          this.#depth--
          handler.close?.(localName(name))
        },
      },
      { xmlMode: true, decodeEntities: true },
    )
  }

  write(piece: Uint8Array): void {
    const words = this.#decoder.decode(piece, { stream: true })
    this.#silent += words.length
    this.#parser.write(words)
    if (this.#silent > SILENCE_MAX) throw new Error('an element is too long')
  }

  end(): void {
    this.#parser.write(this.#decoder.decode())
    // The parser closes by itself what is open at the end.
    if (this.#depth > 0) throw new Error('an element is not closed')
    this.#parser.end()
  }
}

/** Reads a part of moderate size. A part that is absent has no elements. */
export async function readXml(
  pieces: AsyncIterable<Uint8Array>,
  handler: XmlHandler,
): Promise<void> {
  const reader = new XmlReader(handler)
  let any = false
  for await (const piece of pieces) {
    any = true
    reader.write(piece)
  }
  if (any) reader.end()
}

export function localName(name: string): string {
  const colon = name.indexOf(':')
  return colon < 0 ? name : name.slice(colon + 1)
}

/** An attribute by its name without prefix. */
export function attribute(
  attributes: Readonly<Record<string, string>>,
  name: string,
): string | undefined {
  if (name in attributes) return attributes[name]
  const key = Object.keys(attributes).find((one) => localName(one) === name)
  return key === undefined ? undefined : attributes[key]
}
