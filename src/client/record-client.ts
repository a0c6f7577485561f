/**
 * Room `client`: the library that departments embed. It wraps RecordService of their own node: one
 * kept connection, deadlines as the contract names them, and another try while the node says
 * "later". Publishing and amending are idempotent by request_id; when the caller gives none, one is
 * made here, so that a retry after a broken connection cannot publish twice. A caller that wants
 * this across its own restarts gives a request_id and keeps it.
 *
 * It holds no queue and no file: what must not be lost stays in the department's system until
 * publish() has answered. Everything the node answers is as trustworthy as that node; verifying
 * receipts and proofs is the business of `note` and `merkle`.
 */
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf'
import { hex } from '../base/bytes.ts'
import { type Clock, holdProcess, sleep, systemClock } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { type Random, systemRandom } from '../base/random.ts'
import {
  type AmendRequestSchema,
  type GetBatchRequestSchema,
  type GetBatchResponse,
  type GetRecordsRequestSchema,
  type GetRecordsResponse,
  type ListCatalogRequestSchema,
  type ListCatalogResponse,
  type ListRecognitionsRequestSchema,
  type ListRecognitionsResponse,
  type PublishRequestSchema,
  type PublishResponse,
  RecordService,
} from '../gen/huxin/v1/record_service_pb.ts'
import { readFile } from 'node:fs/promises'
import { authorityOf, certificatesOf, type PeerIdentity } from '../pki/identity.ts'
import { loadTlsMaterial, stampOf, type TlsMaterial } from '../pki/material.ts'
import { type CallOptions, WireChannel } from '../wire/channel.ts'

const WRITE_TIMEOUT_MS = 30_000
const READ_TIMEOUT_MS = 10_000
const RETRY_FOR_MS = 120_000
const RETRY_DELAY_MS_MIN = 250
const RETRY_DELAY_MS_MAX = 10_000
/** Milliseconds between two looks at the files. */
const RELOAD_MS = 5_000

export interface HuxinClientOptions {
  /** `host:port` of the node. */
  readonly address: string
  /** `<trust domain>/<node id>` that the server must prove to be. */
  readonly node: string
  /** PEM files: certificate chain of role client, its key, and the pinned roots. */
  readonly certificateFile: string
  readonly keyFile: string
  readonly rootFiles: readonly string[]
  /**
   * PEM files of further CAs that may issue the node's certificate, while its CA is replaced; the one that issued this client's own
   * may always. Every other CA under the roots may not, so that a stolen one shows no false node.
   */
  readonly authorityFiles?: readonly string[]
  /** `http://host:port` of an HTTP CONNECT proxy. */
  readonly proxy?: string
  /** Milliseconds to go on trying while the node cannot be reached or says "later"; default 2 minutes. */
  readonly retryForMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

export interface RequestOptions {
  readonly signal?: AbortSignal
}

type Init<Schema extends DescMessage> = MessageInitShape<Schema>

/** May be used by any number of concurrent calls. */
export class HuxinClient {
  readonly #channel: WireChannel
  readonly #service: ReturnType<typeof recordService>
  readonly #clock: Clock
  readonly #random: Random
  readonly #retryForMs: number
  readonly #options: HuxinClientOptions
  #material: TlsMaterial
  /** Of the files that #material was read from. */
  #stamp: string
  #lookedMs: number

  /** What is doubtful about the certificate files, to show or log. */
  readonly warnings: readonly string[]

  /** Reads the files; connects on the first call. Throws config_invalid when a file cannot be used. */
  static async connect(options: HuxinClientOptions): Promise<HuxinClient> {
    const stamp = await stampOf(options)
    const { material, warnings } = await loadTlsMaterial(
      options,
      (options.clock ?? systemClock).nowMs(),
    )
    const more = await Promise.all(
      (options.authorityFiles ?? []).map((file) =>
        readFile(file, 'utf8').catch((error: unknown) => {
          throw new HuxinError(
            'config_invalid',
            text`the authority file ${file} cannot be read: ${textOf(error)}`,
          )
        }),
      ),
    )
    return new HuxinClient(
      options,
      { material, stamp, authorities: more.flatMap(certificatesOf).map(authorityOf) },
      warnings.map(({ en }) => en),
    )
  }

  private constructor(
    options: HuxinClientOptions,
    {
      material,
      stamp,
      authorities,
    }: { material: TlsMaterial; stamp: string; authorities: readonly string[] },
    warnings: readonly string[],
  ) {
    const { address, node, proxy, clock = systemClock } = options
    this.#options = options
    this.#material = material
    this.#stamp = stamp
    this.#clock = clock
    this.#lookedMs = clock.monotonicMs()
    this.#random = options.random ?? systemRandom
    this.#retryForMs = options.retryForMs ?? RETRY_FOR_MS
    this.warnings = warnings
    this.#channel = WireChannel.dial({
      address,
      expectedNodeName: node,
      material,
      clock,
      checkServer: (server) => this.#checkServer(server, authorities),
      ...(proxy === undefined ? {} : { proxy }),
    })
    this.#service = recordService(this.#channel)
  }

  /** Durable and logged at the node once it resolves; a refusal is in the answer, not thrown. */
  publish(
    request: Init<typeof PublishRequestSchema>,
    options: RequestOptions = {},
  ): Promise<PublishResponse> {
    const identified = { ...request, requestId: request.requestId || this.#requestId() }
    return this.#retry(WRITE_TIMEOUT_MS, options, (call) => this.#service.publish(identified, call))
  }

  /** Withdraws, repairs, marks or erases records in the whole federation. */
  amend(
    request: Init<typeof AmendRequestSchema>,
    options: RequestOptions = {},
  ): Promise<PublishResponse> {
    const identified = { ...request, requestId: request.requestId || this.#requestId() }
    return this.#retry(WRITE_TIMEOUT_MS, options, (call) => this.#service.amend(identified, call))
  }

  getRecords(
    request: Init<typeof GetRecordsRequestSchema>,
    options: RequestOptions = {},
  ): Promise<GetRecordsResponse> {
    return this.#retry(READ_TIMEOUT_MS, options, (call) => this.#service.getRecords(request, call))
  }

  getBatch(
    request: Init<typeof GetBatchRequestSchema>,
    options: RequestOptions = {},
  ): Promise<GetBatchResponse> {
    return this.#retry(READ_TIMEOUT_MS, options, (call) => this.#service.getBatch(request, call))
  }

  listCatalog(
    request: Init<typeof ListCatalogRequestSchema> = {},
    options: RequestOptions = {},
  ): Promise<ListCatalogResponse> {
    return this.#retry(READ_TIMEOUT_MS, options, (call) => this.#service.listCatalog(request, call))
  }

  listRecognitions(
    request: Init<typeof ListRecognitionsRequestSchema> = {},
    options: RequestOptions = {},
  ): Promise<ListRecognitionsResponse> {
    return this.#retry(READ_TIMEOUT_MS, options, (call) =>
      this.#service.listRecognitions(request, call),
    )
  }

  /** Calls in progress end; later ones fail. */
  close(): void {
    this.#channel.close()
  }

  #checkServer({ issuer, nodeName }: PeerIdentity, authorities: readonly string[]): void {
    const own = this.#material.identity.issuer
    if (issuer !== '' && (issuer === own || authorities.includes(issuer))) return
    throw new HuxinError(
      'unauthenticated',
      text`the certificate of ${nodeName} was issued by the authority sha256:${issuer}, and that of this client by sha256:${own}: if both may speak for the node, name the other in authorityFiles`,
    )
  }

  /** Takes up files that changed, so that a client outlives its certificate. What cannot be used leaves the last good one. */
  async #reload(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#lookedMs < RELOAD_MS) return
    this.#lookedMs = this.#clock.monotonicMs()
    const stamp = await stampOf(this.#options)
    if (stamp === this.#stamp) return
    try {
      const { material } = await loadTlsMaterial(this.#options, this.#clock.nowMs())
      this.#channel.updateMaterial(material)
      this.#material = material
      this.#stamp = stamp
    } catch (error) {
      // Half-written perhaps: looked at again.
      if (!isHuxinError(error)) throw error
    }
  }

  /** The last error is thrown as it was, once the time is up or the node says that retrying is no use. */
  async #retry<Answer>(
    timeoutMs: number,
    { signal }: RequestOptions,
    attempt: (options: CallOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const endMs = this.#clock.monotonicMs() + this.#retryForMs
    const release = holdProcess()
    try {
      for (
        let delayMs = RETRY_DELAY_MS_MIN;
        ;
        delayMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX)
      ) {
        try {
          await this.#reload()
          return await attempt({ timeoutMs, signal })
        } catch (error) {
          if (!isHuxinError(error) || error.retry !== 'later' || this.#channel.state === 'closed')
            throw error
          if (this.#clock.monotonicMs() + delayMs > endMs) throw error
        }
        await sleep(this.#clock, this.#jitter(delayMs), signal)
      }
    } finally {
      release()
    }
  }

  /** Between half of `delayMs` and all of it. */
  #jitter(delayMs: number): number {
    const [byte = 0] = this.#random.fill(new Uint8Array(1))
    return delayMs * (0.5 + byte / 510)
  }

  #requestId(): string {
    return hex(this.#random.fill(new Uint8Array(16)))
  }
}

function recordService(channel: WireChannel) {
  return channel.client(RecordService)
}
