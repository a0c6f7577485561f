/** Prints the worked examples, for pasting into proto/README.md, and the tables of errors and alarms: `node dist/test/docs/print.js`. */
import { alarmRows, errorRows, examples } from './examples.ts'

for (const [name, content] of Object.entries(examples()))
  process.stdout.write(`\`\`\`text example:${name}\n${content.trimEnd()}\n\`\`\`\n\n`)
process.stdout.write(`${errorRows()}\n\n${alarmRows()}\n\n${alarmRows('zh')}\n`)
