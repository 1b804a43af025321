import type { Operation, Step } from '@freehold/sdk'
import type { Sink } from './io.ts'
import { plain } from './text.ts'

/** What stands in the place of a step's key; no key has a space. */
const ofDetail = 'the detail'

const marks: Readonly<Record<Step['state'] | 'removed', string>> = {
  pending: ' ',
  running: '>',
  done: '✓',
  failed: '✗',
  undone: '↩',
  removed: '✓',
}

/** What an operation that goes forward has undone, it was to remove. */
const stateOf = ({ intent }: Operation, { state }: Step) =>
  state === 'undone' && intent === 'forward' ? 'removed' : state

/** A line about what an operation is doing just now; where lines cannot be drawn anew it is told when its mark is another. */
export type Detail = { readonly text: string; readonly mark: string }

/**
 * `show` shows an operation as it moves: on a terminal the list of its steps, drawn anew; else, and when the list is
 * higher than the terminal or `redraw` is false, one line per change; `detail` goes below. `say` puts a line of text in between.
 */
export function progress(sink: Sink, { redraw }: { redraw: boolean }) {
  const known = new Map<string, string>()
  let drawn = 0

  function draw(name: string, operation: Operation, detail: Detail | undefined): void {
    const lines = [
      `${name}: ${status(operation)}`,
      ...operation.steps.map((step) => `  ${marks[stateOf(operation, step)]} ${step.title}`),
      ...(detail === undefined ? [] : [`  ${detail.text}`]),
    ]
    const width = (sink.columns || 80) - 1
    const text = lines.map((line) => plain(line).slice(0, width)).join('\n')
    sink.write(`${drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ''}${text}\n`)
    drawn = lines.length
  }

  function tell(name: string, operation: Operation, detail: Detail | undefined): void {
    const states = operation.steps.map((step) => ({
      key: step.key,
      text: `${step.title}: ${stateOf(operation, step)}`,
      quiet: step.state === 'pending',
    }))
    for (const { key, text, quiet } of [...states, { key: '', text: status(operation), quiet: false }]) {
      if (known.get(key) === text) continue
      // A step that merely exists is no change; one that goes back to pending, on a retry, is.
      if (!quiet || known.has(key)) sink.write(`${plain(`${name}: ${text}`)}\n`)
      known.set(key, text)
    }
    if (detail === undefined || known.get(ofDetail) === detail.mark) return
    sink.write(`${plain(`${name}: ${detail.text}`)}\n`)
    known.set(ofDetail, detail.mark)
  }

  return {
    show: (operation: Operation, detail?: Detail) => {
      const name = `${operation.kind} ${operation.tenant.slug}`
      const height = operation.steps.length + (detail === undefined ? 1 : 2)
      if (sink.isTTY && redraw && height + 1 < (sink.rows || 24)) draw(name, operation, detail)
      else tell(name, operation, detail)
    },
    say: (text: string) => {
      sink.write(`${text}\n`)
      drawn = 0
    },
  }
}

function status({ state, phase, attempt }: Operation): string {
  const details = [phase === state || phase === 'done' ? '' : phase, attempt > 1 ? `attempt ${attempt}` : ''].filter(
    Boolean,
  )
  return details.length > 0 ? `${state} (${details.join(', ')})` : state
}
