import { ServiceBusError } from '@azure/service-bus'
import { expect, test } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { failureOf } from '../../../events/service-bus-failure.ts'

const address = { bus: 'north', credential: 'env:BUS', topic: 'tenant-ab-prod' }
const socketError = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })

test.each([
  ['topic_missing', new ServiceBusError('gone; token=planted', 'MessagingEntityNotFound')],
  ['topic_disabled', new ServiceBusError('planted', 'MessagingEntityDisabled')],
  ['unauthorized', new ServiceBusError('planted', 'UnauthorizedAccess')],
  ['throttled', new ServiceBusError('50009, planted', 'ServiceBusy')],
  ['timeout', new ServiceBusError('planted', 'ServiceTimeout')],
  ['message_too_large', new ServiceBusError('planted', 'MessageSizeExceeded')],
  ['quota_exceeded', new ServiceBusError('planted', 'QuotaExceeded')],
  ['unreachable', new ServiceBusError('planted', 'ServiceCommunicationProblem')],
  ['unreachable', new ServiceBusError('ECONNREFUSED: planted', 'GeneralError')],
  ['unreachable', socketError],
  ['refused', new ServiceBusError('planted', 'GeneralError')],
  ['refused', 'planted'],
])('%s: told without the text of the client, which may hold a token', (code, error) => {
  const failure = failureOf(error, address)
  expect(failure.code).toBe(code)
  expect(failure.message).toContain('"north"')
  expect(failure.message).not.toMatch(/planted|127\.0\.0\.1/)
})

test('of several tries at once the last counts', () => {
  const errors = [new ServiceBusError('', 'ServiceTimeout'), new ServiceBusError('', 'MessagingEntityNotFound')]
  expect(failureOf(new AggregateError(errors), address).code).toBe('topic_missing')
})

test('a credential that cannot be found says so itself', () => {
  const error = new FreeholdError('configuration_invalid', 'variable BUS is not set')
  expect(failureOf(error, address)).toEqual({ code: 'not_configured', message: 'variable BUS is not set' })
})
