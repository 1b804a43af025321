import { setTimeout as sleep } from 'node:timers/promises'
import { atRest, type Operation } from '@freehold/sdk'
import { CliError, exitCodes, nextLines } from './failures.ts'
import { progress, type Detail } from './progress.ts'
import type { Session } from './session.ts'

type Options = {
  wanted?: 'succeeded' | 'aborted'
  shown?: 'stdout' | 'stderr'
  /** Told every state that is seen, the last one too, whichever way it ends. */
  seen?: (operation: Operation) => void
  /** Tells in a line what the operation is doing; asked again and again beside it. */
  look?: () => Promise<Detail>
}

/** How often `look` is asked. */
const lookEveryMs = 500

/**
 * Follows an operation with its progress shown, and gives its end. Progress goes to standard error, except where it is
 * the answer itself (`shown: 'stdout'`). Throws CliError with exit code 1 when it ends otherwise than `wanted`.
 */
export async function awaitOperation(
  { client, io, timeoutMs }: Session,
  id: string,
  { wanted = 'succeeded', shown = 'stderr', seen = () => {}, look }: Options = {},
): Promise<Operation> {
  const { show, say } = progress(io[shown], { redraw: io.env['TERM'] !== 'dumb' })
  const ended = new AbortController()
  let [last, detail]: [Operation?, Detail?] = []
  if (look !== undefined)
    void lookAgain(look, ended, (told) => {
      detail = told
      if (last !== undefined) show(last, told)
    })
  const operation = await client
    .waitForOperation(id, {
      timeoutMs,
      onUpdate: (state) => {
        last = state
        show(state, atRest(state) ? undefined : detail)
        seen(state)
      },
      onCut: () => say('the connection is lost; trying again, while the operation goes on'),
    })
    .finally(() => ended.abort())
  if (operation.state !== wanted) throw otherEnd(operation)
  return operation
}

async function lookAgain(look: () => Promise<Detail>, { signal }: AbortController, tell: (told: Detail) => void) {
  while (!signal.aborted) {
    // The stream of the operation tells what is wrong; this is beside it.
    const told = await look().catch(() => undefined)
    if (told !== undefined && !signal.aborted) tell(told)
    await sleep(lookEveryMs, undefined, { signal }).catch(() => {})
  }
}

/** Tells people that what was accepted goes on by itself, and how to see its end. */
export function sayHowToFollow({ io, format }: Session, [first, ...others]: readonly Operation[]): void {
  if (format !== 'table' || first === undefined) return
  io.stderr.write(nextLines([others.length === 0 ? `freehold watch ${first.id}` : 'freehold operations']))
}

function otherEnd(operation: Operation): CliError {
  const { kind, tenant, state, error } = operation
  const { code, message, step, unresolved = [] } = error ?? {}
  const end = state === 'succeeded' ? 'succeeded before it could be undone' : state
  const why = message && state !== 'succeeded' ? `: ${message}` : ''
  return new CliError(exitCodes.operationFailed, `${kind} of ${tenant.slug} ${end}${why}`, {
    ...(code === undefined ? {} : { code }),
    notes: [...(step ? [`  at step: ${step}`] : []), ...unresolved.map((what) => `  unresolved: ${what}`)],
    next: advice(operation),
  })
}

function advice({ kind, state, abortable, tenant: { slug } }: Operation): string[] {
  const isInterrupted = state === 'interrupted'
  const isFailed = state === 'failed'
  const canUndo = isInterrupted && abortable
  const canRemove = kind === 'provision' && (isFailed || state === 'aborted')
  const steps = [
    ...(isInterrupted || isFailed ? [[`freehold retry ${slug} --wait`, 'once the cause is gone']] : []),
    ...(canUndo ? [[`freehold abort ${slug} --wait`, 'or undo what it made, or give it up']] : []),
    ...(canRemove ? [[`freehold purge ${slug} --wait`, 'remove what is left and free the slug']] : []),
    [`freehold events ${slug}`, 'what happened'],
  ]
  const width = Math.max(...steps.map(([command = '']) => command.length))
  return steps.map(([command = '', why = '']) => `${command.padEnd(width)}  # ${why}`)
}
