import t from 'tap'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import {
  basisFault,
  documentFault,
  hasLongRun,
  holdsCitizenId,
  holdsPersonalNumber,
} from '../../src/record/personal.ts'

// The examples of GB 11643-1999.
const PUBLISHED = ['11010519491231002X', '440524188001010014']

t.test('an identity number is found however it is written', async (t) => {
  for (const id of [...PUBLISHED, syntheticCitizenId('33010218900101123')]) {
    const wide = [...id].map((one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)).join('')
    for (const text of [
      id,
      id.toLowerCase(),
      wide,
      `关于张三${id}的决定`,
      `${id.slice(0, 6)} ${id.slice(6, 14)} ${id.slice(14)}`,
      `${id.slice(0, 6)}-${id.slice(6)}`,
      `9${id}`,
      `r-${id}-1`,
    ]) {
      t.ok(holdsCitizenId(text), text)
      t.ok(documentFault(text), text)
    }
  }
  for (const text of [
    '',
    '浙信〔2026〕12号',
    '110105194912310021',
    '11010519491331002X',
    '2026-11-30 08:15:00',
    '9'.repeat(40),
    'a'.repeat(200),
    '0571-88888888',
    '91330106673959654P',
  ]) {
    t.notOk(holdsCitizenId(text), text)
  }
})

t.test('a mobile number is personal too, and a number of a document is not', async (t) => {
  for (const text of ['联系13800138000', '138 0013 8000', '１３８００１３８０００'])
    t.ok(holdsPersonalNumber(text), text)
  for (const text of ['浙信〔2026〕12号', '2026112900013800', '0571-87654321', '第138号'])
    t.notOk(holdsPersonalNumber(text), text)
})

t.test('a basis is a code, a document number one line', async (t) => {
  for (const basis of ['repair/order36', 'recognition/source-withdrawn', 'test', 'a/b/c/d'])
    t.equal(basisFault(basis), undefined, basis)
  for (const basis of ['', 'Repair', '随便', 'a//b', 'a/b/c/d/e', 'x'.repeat(33), 'a b'])
    t.match(basisFault(basis), /a basis is a code/, basis)
  for (const basis of [
    '440524188001010014',
    'objection/440524188001010014',
    '440524-18800101-0014',
    'call/13800138000',
  ])
    t.match(basisFault(basis), /may not hold the number of a person/, basis)
  t.equal(documentFault(''), undefined)
  t.match(documentFault('一\n二'), /one line/)
  t.match(documentFault('x'.repeat(201)), /at most 200/)
})

t.test('bytes without seventeen digits in a row need no further look', async (t) => {
  const bytes = Buffer.from(`e-${'1'.repeat(16)}-${'2'.repeat(17)}`)
  t.notOk(hasLongRun(bytes, 0, 18))
  t.ok(hasLongRun(bytes, 0, bytes.length))
})
