import { expect, test } from 'vitest'
import * as ours from '../../../domain/tenant-messages.ts'
import * as theirs from '../../../packages/tenant-worker/topics/messages.ts'

test('the worker of tenants and Freehold agree on what stands on a topic', () => {
  expect(Object.keys(theirs).length).toBe(3)
  expect(ours).toMatchObject(theirs)
})
