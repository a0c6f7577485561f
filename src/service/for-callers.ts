/**
 * What a node does not know yet is a reason for another node to send a batch again later. For a department or an
 * operator, who names an item in a call, it is an item that is not there: most often a slip of the pen, which no
 * repetition cures.
 */
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { mapped, text } from '../base/text.ts'

type Handler = (...parameters: any[]) => Promise<unknown>

/** The same handlers, whose `item_unknown` is `item_not_found`. */
export function forCallers<H extends Record<keyof H, Handler>>(handlers: H): H {
  const wrapped = Object.entries(handlers as Record<string, Handler>).map(([name, handler]) => [
    name,
    (...parameters: unknown[]) => handler(...parameters).catch(translate),
  ])
  return Object.fromEntries(wrapped) as H
}

function translate(error: unknown): never {
  if (!isHuxinError(error, 'item_unknown')) throw error
  throw new HuxinError(
    'item_not_found',
    text`${mapped(error.text, (words) => words.replace(/: it is asked for again later$|：稍后自动再要$/, ''))}: is the name right, with its edition? (huxin catalog list, ListCatalog)`,
    { cause: error, details: error.details },
  )
}
