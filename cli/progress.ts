import type { Operation, StepState } from './api-types.ts'
import type { Sink } from './io.ts'
import { plain } from './text.ts'

const marks: Readonly<Record<StepState, string>> = { pending: ' ', running: '>', done: '✓', failed: '✗', undone: '↩' }

/**
 * Shows an operation as it moves: on a terminal the list of its steps, drawn anew; else, and when the list is higher
 * than the terminal, one line per change.
 */
export function progress(sink: Sink): (operation: Operation) => void {
  const known = new Map<string, string>()
  let drawn = 0
  return (operation) => {
    const name = `${operation.kind} ${operation.tenant.slug}`
    if (sink.isTTY && operation.steps.length + 2 < (sink.rows || 24)) {
      const lines = [
        `${name}: ${status(operation)}`,
        ...operation.steps.map((step) => `  ${marks[step.state]} ${step.title}`),
      ]
      const width = (sink.columns || 80) - 1
      sink.write(
        `${drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ''}${lines.map((line) => plain(line).slice(0, width)).join('\n')}\n`,
      )
      drawn = lines.length
      return
    }
    const states = operation.steps.map(({ key, title, state }) => ({
      key,
      text: `${title}: ${state}`,
      quiet: state === 'pending',
    }))
    for (const { key, text, quiet } of [...states, { key: '', text: status(operation), quiet: false }]) {
      if (known.get(key) === text) continue
      // A step that merely exists is no change; one that goes back to pending, on a retry, is.
      if (!quiet || known.has(key)) sink.write(`${plain(`${name}: ${text}`)}\n`)
      known.set(key, text)
    }
  }
}

function status({ state, phase, attempt }: Operation): string {
  const details = [phase && phase !== state ? phase : '', attempt > 1 ? `attempt ${attempt}` : ''].filter(Boolean)
  return details.length > 0 ? `${state} (${details.join(', ')})` : state
}
