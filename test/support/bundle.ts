import { readFile } from 'node:fs/promises'
import { inject, vi } from 'vitest'

/** The bundle of the workflows is made once a run, by `servers.ts`: every worker of a test takes that one. */
vi.mock(import('../../worker/workflow-bundle.ts'), async (importOriginal) => {
  const { workflowBundle } = await importOriginal()
  const ours = new URL('../../workflows/index.ts', import.meta.url).href
  return {
    workflowBundle: async (file) =>
      file.href === ours ? { code: await readFile(inject('workflowBundle'), 'utf8') } : workflowBundle(file),
  }
})
