/**
 * Pages of a list (AIP-158): a page has at most so many elements and bytes, and a token that says where the next one
 * begins. A token is a position in an order that only grows, so it survives writes and restarts; it is bound to the
 * list and to what was asked, and is no secret. No token: the list ends here.
 */
import { createHash } from 'node:crypto'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'

/** What a caller asks of a list. Both fields may be left out. */
export interface PageAsked {
  readonly pageSize: number
  readonly pageToken: string
}

export interface Page<T> {
  readonly elements: readonly T[]
  readonly nextPageToken: string
}

/** Elements of a page, by default and at most. */
export const PAGE_SIZE_MAX = 1_000
const DIGEST_CHARS = 12
const POSITION = /^[0-9a-z.-]{1,64}$/

/** Number of elements that a page may have. @throws HuxinError argument_invalid */
export function pageSizeOf(
  { pageSize }: Pick<PageAsked, 'pageSize'>,
  sizeDefault = PAGE_SIZE_MAX,
): number {
  if (pageSize < 0)
    throw new HuxinError(
      'argument_invalid',
      text`page_size ${pageSize} is negative: give 1 to ${PAGE_SIZE_MAX}, or leave it out`,
      { details: { field: 'page_size' } },
    )
  return pageSize === 0 ? sizeDefault : Math.min(pageSize, PAGE_SIZE_MAX)
}

/** The token for a position of a list, 1 to 64 digits, small letters, points and hyphens; `list` names the list and everything that was asked of it. */
export function pageToken(list: string, position: string): string {
  return Buffer.from(`${digestOf(list)} ${position}`).toString('base64url')
}

/** The position of a token; undefined without one. @throws HuxinError argument_invalid */
export function positionOf(
  list: string,
  { pageToken: token }: Pick<PageAsked, 'pageToken'>,
): string | undefined {
  if (token === '') return undefined
  const [digest, position, ...rest] = Buffer.from(token.slice(0, 200), 'base64url')
    .toString('latin1')
    .split(' ')
  if (
    digest !== digestOf(list) ||
    position === undefined ||
    !POSITION.test(position) ||
    rest.length > 0 ||
    pageToken(list, position) !== token
  ) {
    throw new HuxinError(
      'argument_invalid',
      text`page_token is not one of this list: give the next_page_token of the page before, with the same request`,
      { details: { field: 'page_token' } },
    )
  }
  return position
}

/** One page of a list that is in memory and only grows at its end. @throws HuxinError argument_invalid */
export function pageOf<T>(
  list: string,
  all: readonly T[],
  asked: PageAsked,
  bytesOf: (element: T) => number,
): Page<T> {
  const start = Number(positionOf(list, asked) ?? 0)
  if (!Number.isSafeInteger(start) || start < 0)
    throw new HuxinError('argument_invalid', text`page_token is not one of this list`, {
      details: { field: 'page_token' },
    })
  const size = pageSizeOf(asked)
  let bytes = 0
  let end = start
  for (; end < all.length && end - start < size; end++) {
    bytes += bytesOf(all[end]!)
    if (end > start && bytes > limits.readBytesMax) break
  }
  return {
    elements: all.slice(start, end),
    nextPageToken: end < all.length ? pageToken(list, String(end)) : '',
  }
}

function digestOf(list: string): string {
  return createHash('sha256').update(list).digest('hex').slice(0, DIGEST_CHARS)
}
