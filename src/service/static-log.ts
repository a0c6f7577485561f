/**
 * The log as static resources (C2SP tlog-tiles): `checkpoint`, `tile/<L>/<N>[.p/<W>]` and
 * `tile/entries/<N>[.p/<W>]`. What is under a path never changes; it is given as soon as the newest
 * signed tree covers it and not before, whatever the store holds already. A partial tile goes on being
 * given after its full tile is there. Below `/<epoch>/` stands the log of that epoch, a frozen one for ever.
 */
import { gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { asBuffer, concat } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Context } from '../commit/context.ts'
import { frozenCheckpoint, treeOf } from '../members/freeze.ts'
import { HASH_BYTES } from '../merkle/hash.ts'
import { parseTilePath, TILE_WIDTH, tileWidth } from '../merkle/tile.ts'

export type StaticPath = (
  | { readonly kind: 'checkpoint' }
  | {
      readonly kind: 'tile'
      readonly level: number
      readonly index: bigint
      readonly width: number
    }
  | { readonly kind: 'entries'; readonly index: bigint; readonly width: number }
) & {
  /** Epoch of the log; undefined for the present one. */
  readonly epoch?: number
}

/** What a request for a resource is answered with. */
export interface StaticResource {
  readonly contentType: string
  readonly bytes: Uint8Array
  /** May be kept forever. */
  readonly immutable: boolean
}

/** Parses a path that begins with a slash; undefined for anything not in its only form. */
export function parseStaticPath(path: string): StaticPath | undefined {
  const match = /^\/([1-9][0-9]{0,8})(\/.*)$/.exec(path)
  if (match) {
    const found = parseLogPath(match[2]!)
    return found && { ...found, epoch: Number(match[1]) }
  }
  return parseLogPath(path)
}

function parseLogPath(path: string): StaticPath | undefined {
  if (path === '/checkpoint') return { kind: 'checkpoint' }
  const tile = path.startsWith('/') ? parseTilePath(path.slice(1)) : undefined
  if (!tile) return undefined
  const { level, index, width } = tile
  return level === -1 ? { kind: 'entries', index, width } : { kind: 'tile', level, index, width }
}

/** Reads a resource; undefined when the signed tree has none of that width there. @throws HuxinError store_corrupt */
export async function readStatic(
  context: Context,
  path: StaticPath,
): Promise<StaticResource | undefined> {
  const log = path.epoch === undefined ? context.log().origin : `${context.self}/${path.epoch}`
  const size = await sizeOf(context, log)
  if (size === undefined) return undefined
  if (path.kind === 'checkpoint') {
    return {
      contentType: 'text/plain; charset=utf-8',
      bytes: await frozenCheckpoint(context, log),
      immutable: false,
    }
  }
  const level = path.kind === 'tile' ? path.level : 0
  if (path.width > tileWidth(level, path.index, size)) return undefined
  const bytes =
    path.kind === 'tile' ? await readTile(context, path) : await readBundle(context, path)
  return { contentType: 'application/octet-stream', bytes, immutable: true }
}

/** Signed size of a log of this node; undefined when it has none of that name. */
async function sizeOf(context: Context, log: string): Promise<bigint | undefined> {
  if (log === context.log().origin) return context.log().signed.size
  try {
    return (await treeOf(context, log)).size
  } catch (error) {
    if (!isHuxinError(error, 'not_found')) throw error
    return undefined
  }
}

/** Whether an `Accept-Encoding` header allows gzip. */
export function acceptsGzip(header: string): boolean {
  return header
    .split(',')
    .some((item) => /^gzip(?:;q=(?:1(?:\.0+)?|0\.0*[1-9]\d*))?$/.test(item.replaceAll(/\s/g, '')))
}

export const compress: (bytes: Uint8Array) => Promise<Uint8Array> = promisify(gzip)

async function readTile(
  context: Context,
  { level, index, width }: { level: number; index: bigint; width: number },
): Promise<Uint8Array> {
  const [tile] = await context.log().readTiles([{ level, index }])
  const bytes = tile!.subarray(0, width * HASH_BYTES)
  if (bytes.length !== width * HASH_BYTES)
    throw new HuxinError(
      'store_corrupt',
      text`tile ${level}/${index} is narrower than ${width}; run huxin fsck`,
    )
  return bytes
}

async function readBundle(
  context: Context,
  { index, width }: { index: bigint; width: number },
): Promise<Uint8Array> {
  const start = index * BigInt(TILE_WIDTH)
  const entries = await context.log().entries(start, width)
  if (entries.length !== width)
    throw new HuxinError(
      'store_corrupt',
      text`of the ${width} entries from ${start} on ${entries.length} are in the store; run huxin fsck`,
    )
  return concat(...entries.flatMap((entry) => [be16(entry.length), asBuffer(entry)]))
}

function be16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
