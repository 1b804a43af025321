import { expect, test } from 'vitest'
import { nextStep } from '../../../packages/cli/next-steps.ts'
import { errorCodes } from '../../../domain/errors.ts'

test('for every error code there is something to do next', () => {
  expect(Object.keys(errorCodes).filter((code) => nextStep(code) === undefined)).toEqual([])
})

test('the tenant of the request is named in what to do next', () => {
  expect(nextStep('transition_not_allowed', 'acme')).toBe('see what is allowed now: freehold describe acme')
  expect(nextStep('transition_not_allowed')).toContain('freehold describe TENANT')
})
