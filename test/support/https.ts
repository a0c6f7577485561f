/** A plain HTTPS client, as an auditor would have one: node:https and nothing of ours. */
import { readFile } from 'node:fs/promises'
import { Agent, request, type RequestOptions } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Serial number of the server's certificate. */
  readonly serial: string
  readonly reused: boolean
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

/** Name of the node that these tests ask, as its certificate has it; whatever address it is reached at. */
export const HOST = '330100.zj.example'

export class HttpsClient {
  readonly #port: number
  readonly #options: RequestOptions

  /** `certificate` is a file of the development PKI without its ending, below `folder`; none: anonymous. */
  static async open(
    folder: string,
    port: number,
    certificate?: string,
    more: RequestOptions = {},
  ): Promise<HttpsClient> {
    const ca = await readFile(`${folder}/root.crt`, 'utf8')
    const own =
      certificate === undefined
        ? {}
        : {
            cert: await readFile(`${folder}/${certificate}.crt`, 'utf8'),
            key: await readFile(`${folder}/${certificate}.key`, 'utf8'),
          }
    return new HttpsClient(port, {
      agent: new Agent({ keepAlive: false, maxCachedSessions: 0 }),
      ca,
      servername: HOST,
      ...own,
      ...more,
    })
  }

  private constructor(port: number, options: RequestOptions) {
    this.#port = port
    this.#options = options
  }

  get(path: string, ask: Ask = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          path,
          method: ask.method ?? 'GET',
          headers: ask.headers ?? {},
          ...this.#options,
        },
        (incoming) => {
          const parts: Buffer[] = []
          const socket = incoming.socket as TLSSocket
          const serial = socket.getPeerX509Certificate()?.serialNumber ?? ''
          const reused = socket.isSessionReused()
          incoming.on('data', (part: Buffer) => parts.push(part))
          incoming.on('error', reject)
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode!,
              headers: incoming.headers,
              body: Buffer.concat(parts),
              serial,
              reused,
            }),
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(ask.body)
    })
  }

  post(path: string, body: Uint8Array | string): Promise<Reply> {
    return this.get(path, { method: 'POST', body })
  }
}
