/** A raw grpc-js stream over mutual TLS: what any part that moves records over a link can do at most. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { systemClock } from '../../src/base/clock.ts'
import { limits } from '../../src/base/limits.ts'
import { systemRandom } from '../../src/base/random.ts'
import { createDevelopmentPki, issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { startScript } from './script.ts'

export const STREAM_METHOD = '/bench.Stream/Send'
export const CALL_METHOD = '/bench.Stream/Call'
const PIECE_BYTES = 256 << 10
const PIECES = 2_000
const WARM_PIECES = 200

export const asIs = (bytes: Buffer): Buffer => bytes

/** Bytes per second from this process to another one. */
export async function measureStream(folder: string): Promise<number> {
  return withRawClient(folder, async (client) => {
    await sendPieces(client, WARM_PIECES)
    const start = performance.now()
    await sendPieces(client, PIECES)
    return (PIECES * PIECE_BYTES) / ((performance.now() - start) / 1000)
  })
}

/** A client of the raw process, while `work` runs. */
export async function withRawClient<T>(
  folder: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const place = await mkdtemp(join(folder, 'huxin-stream-'))
  const pki = {
    folder: place,
    trustDomain: 'bench.example',
    clock: systemClock,
    random: systemRandom,
  }
  await createDevelopmentPki(pki, ['province'])
  const { certificateFile, keyFile } = await issueDevelopmentLeaf(pki, {
    tier: 'province',
    role: 'node',
    nodeId: '330000',
    name: '',
  })
  const root = join(place, 'root.crt')
  const server = await startScript('stream-process.js', [certificateFile, keyFile, root])
  const tls = credentials.createSsl(
    await readFile(root),
    await readFile(keyFile),
    await readFile(certificateFile),
    { checkServerIdentity: () => undefined },
  )
  const client = new Client(`127.0.0.1:${server.port}`, tls, {
    'grpc-node.flow_control_window': limits.windowBytes,
    'grpc.ssl_target_name_override': 'node.huxin.invalid',
  })
  try {
    return await work(client)
  } finally {
    client.close()
    await server.stop()
    await rm(place, { recursive: true })
  }
}

/** One call that answers with so many bytes. */
export function rawCall(client: Client, answerBytes: number): Promise<void> {
  const request = Buffer.alloc(40)
  request.writeUInt32BE(answerBytes)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      CALL_METHOD,
      asIs,
      asIs,
      request,
      new Metadata(),
      {},
      (error, answer) => {
        if (error) reject(error)
        else if (answer?.length !== answerBytes) reject(new Error(`${answer?.length} bytes came`))
        else resolve()
      },
    )
  })
}

function sendPieces(client: Client, count: number): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES, 5)
  return new Promise((resolve, reject) => {
    const stream = client.makeClientStreamRequest(
      STREAM_METHOD,
      asIs,
      asIs,
      new Metadata(),
      {},
      (error, answer) => {
        if (error) reject(error)
        else if (answer?.readDoubleBE() !== count * PIECE_BYTES)
          reject(new Error(`of ${count * PIECE_BYTES} bytes ${answer?.readDoubleBE()} arrived`))
        else resolve()
      },
    )
    let sent = 0
    const more = (): void => {
      while (sent < count) {
        sent++
        if (!stream.write(piece)) {
          stream.once('drain', more)
          return
        }
      }
      stream.end()
    }
    more()
  })
}
