/** Part `trickle` in a process of its own: is sent what every part is given, sends its figures and ends. */
import type { Bench } from './figure.ts'
import { measureTrickle } from './trickle.ts'

process.once('message', (bench: Bench) => {
  void measureTrickle(bench).then((figures) => process.send!(figures, () => process.exit(0)))
})
