/** A peer that speaks HTTP/2 by hand: half messages, unread answers, headers as it likes. For floods over loopback, bounded in number. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { TlsMaterial } from '../../src/pki/material.ts'

const CANCEL = 8

export interface Answer {
  /** gRPC status; undefined when the stream ended without one. */
  readonly status: number | undefined
  readonly message: string
  /** `grpc-status-details-bin`, decoded. */
  readonly details: string
}

export class Http2Peer {
  readonly session: ClientHttp2Session
  /** Settled when the connection is gone. */
  readonly closed: Promise<void>

  /** Resolves when the server has spoken, or the connection is gone. */
  static async open(
    port: number,
    material: TlsMaterial,
    { windowBytes = 65_535 }: { windowBytes?: number } = {},
  ): Promise<Http2Peer> {
    const peer = new Http2Peer(port, material, windowBytes)
    await Promise.race([
      new Promise((resolve) => peer.session.once('remoteSettings', resolve)),
      peer.closed,
    ])
    return peer
  }

  private constructor(port: number, material: TlsMaterial, windowBytes: number) {
    this.session = connect(`https://127.0.0.1:${port}`, {
      cert: material.certificateChainPem,
      key: material.keyPem,
      ca: [...material.rootsPem],
      checkServerIdentity: () => undefined,
      settings: { initialWindowSize: windowBytes },
      // What waits to be sent is the flood itself.
      maxSessionMemory: 10_000,
    })
    this.session.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.session.once('close', () => resolve()))
  }

  get open(): boolean {
    return !this.session.destroyed && !this.session.closed
  }

  /** A call whose request is written by the caller of this. */
  call(
    path: string,
    headers: Record<string, string> = {},
  ): { stream: ClientHttp2Stream; answer: Promise<Answer> } {
    const stream = this.session.request(
      {
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      },
      { endStream: false },
    )
    let last: IncomingHttpHeaders = {}
    stream.on('error', () => undefined)
    stream.on('response', (got) => {
      last = { ...last, ...got }
    })
    stream.on('trailers', (got) => {
      last = { ...last, ...got }
    })
    const answer = new Promise<Answer>((resolve) => {
      // Like every client: nothing more is sent after the answer.
      stream.once('end', () => stream.close(CANCEL))
      for (const event of ['end', 'close'])
        stream.once(event, () =>
          resolve({
            status: last['grpc-status'] === undefined ? undefined : Number(last['grpc-status']),
            message: decodeURIComponent(String(last['grpc-message'] ?? '')),
            details: Buffer.from(String(last['grpc-status-details-bin'] ?? ''), 'base64').toString(
              'latin1',
            ),
          }),
        )
    })
    return { stream, answer }
  }

  /** A whole call, its answer read. */
  unary(path: string, request: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
    const { stream, answer } = this.call(path, headers)
    stream.resume()
    stream.end(framed(request))
    return answer
  }

  /** A call that announces a message of `announced` bytes, sends `sent` of them and no more. */
  half(
    path: string,
    announced: number,
    sent: number,
  ): { stream: ClientHttp2Stream; answer: Promise<Answer> } {
    const { stream, answer } = this.call(path)
    stream.resume()
    const head = Buffer.alloc(5)
    head.writeUInt32BE(announced, 1)
    stream.write(head)
    const piece = Buffer.alloc(65_536, 1)
    const more = (left: number): void => {
      for (; left > 0 && !stream.destroyed && !stream.closed; left -= piece.length) {
        if (!stream.write(left < piece.length ? piece.subarray(0, left) : piece))
          return void stream.once('drain', () => more(left - piece.length))
      }
    }
    more(sent)
    return { stream, answer }
  }

  close(): void {
    this.session.destroy()
  }
}

/** A gRPC message as it stands in the stream. */
export function framed(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5)
  head[0] = compressed ? 1 : 0
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
