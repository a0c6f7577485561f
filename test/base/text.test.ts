/** Texts in two languages: templates, nested values, errors. */
import t from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import {
  bilingual,
  joined,
  mapped,
  rendered,
  templateOf,
  text,
  textOf,
} from '../../src/base/text.ts'

t.test('a template without Chinese says the English, with its values', async (t) => {
  const said = text`no row of the table is ${'this'} of ${3}`
  t.equal(said.en, 'no row of the table is this of 3')
  t.equal(said.zh, said.en)
  t.equal(String(said), said.en)
})

t.test('values are texts, errors and lists, each in the language that is asked for', async (t) => {
  const inner = bilingual('the county', '县级')
  const error = new HuxinError('not_found', inner)
  t.equal(rendered([inner, error, 7n, true], 'en'), 'the county, the county, 7, true')
  t.equal(rendered([inner, error, 7n, true], 'zh'), '县级、县级、7、true')
  t.equal(joined([inner, 'b'], '; ').zh, '县级；b')
  t.equal(joined([inner, 'b'], '; ').en, 'the county; b')
  t.equal(mapped(inner, (words) => words.slice(0, 2)).en, 'th')
})

t.test(
  'an error has its message in both languages, and shows neither as a field of its own',
  async (t) => {
    const error = new HuxinError('not_found', bilingual('no such node', '没有该节点'))
    t.equal(error.message, 'no such node')
    t.equal(error.messageZh, '没有该节点')
    t.notOk(Object.keys(error).includes('text'))
    t.equal(new HuxinError('not_found', 'as it stands').messageZh, 'as it stands')
  },
)

t.test('errors of the system say in Chinese what their code means', async (t) => {
  const error = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), {
    code: 'ENOENT',
  })
  t.equal(textOf(error).en, error.message)
  t.equal(textOf(error).zh, '没有该文件或文件夹（ENOENT）')
  t.equal(textOf(new Error('of a library')).zh, 'of a library')
  t.equal(textOf('thrown').zh, 'thrown')
})

t.test('values are never looked through for places', async (t) => {
  t.equal(text`a ${'{1}'} and ${'b'}`.en, 'a {1} and b')
  t.equal(templateOf(['a ', ' and ', '']), 'a {0} and {1}')
})
