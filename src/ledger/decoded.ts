/** The records of a body as messages. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { type Said, text } from '../base/text.ts'
import { HuxinError } from '../base/errors.ts'
import { type Body, recordAt } from '../batch/body.ts'

/** The records of a body as messages, erased ones left out. @throws HuxinError record_invalid */
export function decodeRecords<D extends DescMessage>(
  body: Body,
  schema: D,
  what: Said,
): MessageShape<D>[] {
  const messages: MessageShape<D>[] = []
  for (let i = 0; i < body.count; i++) {
    const bytes = recordAt(body, i)
    if (!bytes) continue
    try {
      messages.push(fromBinary(schema, bytes))
    } catch {
      throw new HuxinError('record_invalid', text`${what} ${i} does not decode`)
    }
  }
  return messages
}
