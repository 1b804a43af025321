import { defineQuery, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow'
import type { StepState, WorkflowStep } from '../domain/operation.ts'
import { searchAttributes } from '../base/search-attributes.ts'

/** Live progress of a workflow; the registry has the same once a step is done. */
export type Progress = { phase: string; steps: { key: string; title: string; state: StepState | 'running' }[] }
export const progressQuery = defineQuery<Progress>('progress')

/** Shows where the workflow is: by query, as current details in the Web UI, and as the search attribute `Phase`. */
export function trackProgress() {
  const progress: Progress = { phase: 'accepted', steps: [] }
  setHandler(progressQuery, () => progress)

  function show(): void {
    const marks = { pending: '·', running: '…', done: '✓', failed: '✗', undone: '↩' }
    const lines = progress.steps.map((step) => `- ${marks[step.state]} ${step.title}`)
    setCurrentDetails([`**${progress.phase}**`, '', ...lines].join('\n'))
  }

  return {
    /** Begins a phase. */
    phase(name: string): void {
      progress.phase = name
      upsertSearchAttributes([{ key: searchAttributes.phase, value: name }])
      show()
    },
    /** Sets the steps that are going to be carried out. */
    setSteps(steps: readonly WorkflowStep[]): void {
      progress.steps = steps.map(({ key, title }) => ({ key, title, state: 'pending' }))
      show()
    },
    /** Notes what became of a step. */
    mark(key: string, state: StepState | 'running'): void {
      for (const step of progress.steps) if (step.key === key) step.state = state
      show()
    },
  }
}
export type ProgressTracker = ReturnType<typeof trackProgress>
