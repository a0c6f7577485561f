/** The far end of the raw stream and of the raw call: `node stream-process.js <certificate> <key> <root>`; counts what comes, or gives so many bytes as it is asked for, stops at SIGTERM. */
import { readFileSync } from 'node:fs'
import {
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { asIs, CALL_METHOD, STREAM_METHOD } from './stream-limit.ts'

const [certificate = '', key = '', root = ''] = process.argv
  .slice(2)
  .map((file) => readFileSync(file))
const server = new Server()
server.addService(
  {
    send: {
      path: STREAM_METHOD,
      requestStream: true,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
    call: {
      path: CALL_METHOD,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  {
    call({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
      answer(null, Buffer.alloc(request.readUInt32BE(), 5))
    },
    send(call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
      let bytes = 0
      call.on('data', (piece: Buffer) => {
        bytes += piece.length
      })
      call.on('end', () => {
        const counted = Buffer.alloc(8)
        counted.writeDoubleBE(bytes)
        answer(null, counted)
      })
    },
  },
)
server.bindAsync(
  '127.0.0.1:0',
  ServerCredentials.createSsl(
    root as Buffer,
    [{ cert_chain: certificate as Buffer, private_key: key as Buffer }],
    true,
  ),
  (error, port) => {
    if (error) throw error
    process.stdout.write(`listening ${port}\n`)
  },
)
process.on('SIGTERM', () => process.exit(0))
