import { expect, test } from 'vitest'
import { nextStep } from '../../../packages/cli/next-steps.ts'
import { onlyForward } from '../../../packages/cli/outcome.ts'
import { errorCodes } from '../../../domain/errors.ts'
import { lifecycle } from '../../../domain/lifecycle.ts'

test('for every error code there is something to do next', () => {
  expect(Object.keys(errorCodes).filter((code) => nextStep(code) === undefined)).toEqual([])
})

test('the tenant of the request is named in what to do next', () => {
  expect(nextStep('transition_not_allowed', 'acme')).toBe('see what is allowed now: freehold describe acme')
  expect(nextStep('transition_not_allowed')).toContain('freehold describe TENANT')
})

test('abort is offered for what can be undone, by the table of the lifecycle', () => {
  const forward = Object.entries(lifecycle).filter(([, { cannotFinish }]) => cannotFinish === 'goes-forward')
  expect(onlyForward).toEqual(new Set(forward.map(([command]) => command)))
})
