import { expect, test } from 'vitest'
import { nextStep } from '../../../packages/cli/next-steps.ts'
import { errorCodes } from '../../../domain/errors.ts'

test('for every error code there is something to do next', () => {
  expect(Object.keys(errorCodes).filter((code) => nextStep(code) === undefined)).toEqual([])
})

test('what is not available is to be left out of a manifest; a slug that is taken is another matter', () => {
  expect(nextStep('not_available', 'acme')).toBe('leave it out; nothing was changed')
  expect(nextStep('slug_taken', 'acme')).toMatch(/^choose another metadata.slug, .*freehold get acme --output yaml/)
})

test('the tenant of the request is named in what to do next', () => {
  expect(nextStep('transition_not_allowed', 'acme')).toBe('see what is allowed now: freehold describe acme')
  expect(nextStep('transition_not_allowed')).toContain('freehold describe TENANT')
})
