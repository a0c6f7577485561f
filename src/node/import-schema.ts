/** The part of node.yaml that `huxin import` reads. */
import { text } from '../base/text.ts'

export const importSchema = {
  type: 'object',
  additionalProperties: false,
  hint: text`item, provider, targets, keepDays`,
  properties: {
    item: {
      type: 'string',
      minLength: 1,
      hint: text`a catalog item, for example zj/industry-evaluation`,
    },
    provider: {
      type: 'string',
      pattern: '^[0-9A-HJ-NPQRTUWXY]{18}$',
      hint: text`a unified social credit code (18 characters)`,
    },
    targets: {
      type: 'array',
      items: { type: ['string', 'integer'], hint: text`a list of targets, for example ['330000']` },
      hint: text`a list of targets, for example ['330000']`,
    },
    keepDays: { type: 'integer', minimum: 1, maximum: 36500, hint: text`days, 1 to 36500` },
  },
} as const
