import t from 'tap'
import { isHuxinError } from '../../src/base/errors.ts'
import { pageOf, pageSizeOf, pageToken, positionOf } from '../../src/service/pages.ts'

const all = Array.from({ length: 25 }, (_, i) => i)

/** Every element, page by page. */
function read(
  list: string,
  pageSize: number,
  bytes: number,
): { elements: number[]; pages: number } {
  const elements: number[] = []
  for (let token = '', pages = 1; ; pages++) {
    const page = pageOf(list, all, { pageSize, pageToken: token }, () => bytes)
    elements.push(...page.elements)
    if (page.nextPageToken === '') return { elements, pages }
    token = page.nextPageToken
  }
}

/** The field that a call refuses. */
function fieldOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return isHuxinError(error, 'argument_invalid') ? error.details['field'] : String(error)
  }
}

t.test('pages follow one another without a gap', async (t) => {
  t.same(read('a', 0, 1), { elements: all, pages: 1 })
  t.same(read('a', 10, 1), { elements: all, pages: 3 })
  t.same(read('a', 25, 1), { elements: all, pages: 1 })
  t.same(read('a', 5_000, 1_000_000), { elements: all, pages: 9 }, 'three megabytes a page')
  t.same(
    read('a', 10, 9_000_000),
    { elements: all, pages: 25 },
    'an element that is too large is a page of its own',
  )
})

t.test('a token goes on where it was, also when the list has grown', async (t) => {
  const { nextPageToken } = pageOf('a', all, { pageSize: 20, pageToken: '' }, () => 1)
  t.same(
    pageOf('a', [...all, 25, 26], { pageSize: 0, pageToken: nextPageToken }, () => 1),
    { elements: [20, 21, 22, 23, 24, 25, 26], nextPageToken: '' },
  )
})

t.test('a token of another list, or none at all, is refused', async (t) => {
  const token = pageToken('a', '3')
  t.equal(positionOf('a', { pageToken: token }), '3')
  t.equal(positionOf('a', { pageToken: '' }), undefined)
  for (const wrong of [
    `${token}A`,
    token.slice(1),
    'x',
    pageToken('b', '3'),
    `${token} `,
    '0'.repeat(10_000),
  ]) {
    t.same(
      fieldOf(() => positionOf('a', { pageToken: wrong })),
      'page_token',
      wrong.slice(0, 30),
    )
  }
  for (const position of ['-1', '1.5', 'x', '1e99', '']) {
    t.same(
      fieldOf(() =>
        pageOf('a', all, { pageSize: 0, pageToken: pageToken('a', position) }, () => 1),
      ),
      'page_token',
      position,
    )
  }
  t.same(
    fieldOf(() => pageSizeOf({ pageSize: -1 })),
    'page_size',
  )
  t.equal(pageSizeOf({ pageSize: 5_000 }), 1_000)
})
