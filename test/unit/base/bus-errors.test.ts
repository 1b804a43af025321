import { expect, test } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { busError, ifExists, ifMissing } from '../../../base/bus-errors.ts'

const refusal = (properties: { statusCode?: number; code?: string }, message = 'as the bus says') =>
  Object.assign(new Error(message), { name: 'RestError' }, properties)

test.each([
  [{ statusCode: 401, code: 'UnauthorizedRequestError' }, 'configuration_invalid'],
  [{ statusCode: 403, code: 'QuotaExceededError' }, 'bus_exhausted'],
  [{ statusCode: 403, code: 'InvalidOperationError' }, 'configuration_invalid'],
  [{ statusCode: 400, code: 'ServiceError' }, 'configuration_invalid'],
  [{ statusCode: 404, code: 'MessageEntityNotFoundError' }, 'substrate_unavailable'],
  [{ statusCode: 409, code: 'ServiceError' }, 'substrate_unavailable'],
  [{ statusCode: 408, code: 'RequestTimeout' }, 'substrate_unavailable'],
  [{ statusCode: 429, code: 'TooManyRequests' }, 'substrate_unavailable'],
  [{ statusCode: 500, code: 'InternalServerError' }, 'substrate_unavailable'],
  [{ statusCode: 503, code: 'ServerBusyError' }, 'substrate_unavailable'],
  [{ statusCode: 200, code: 'PARSE_ERROR' }, 'substrate_unavailable'],
  [{ code: 'ECONNREFUSED' }, 'substrate_unavailable'],
  [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'configuration_invalid'],
])('%o is %s', (properties, code) => {
  const error = busError(refusal(properties), 'one')
  expect(error).toBeInstanceOf(FreeholdError)
  expect(error).toMatchObject({ code, message: expect.stringContaining('"one"') })
})

test('what a bus says is told without what could be a key', () => {
  const key = Buffer.alloc(32, 7).toString('base64')
  const error = busError(refusal({ statusCode: 400 }, `the key '${key}' is not valid\nstack`), 'one')
  expect((error as Error).message).toBe(`bus "one" refuses (400): the key '[…]' is not valid`)
})

test('an error of another kind stays what it is', () => {
  const error = new TypeError('a fault of ours')
  expect(busError(error, 'one')).toBe(error)
})

test('what is missing, before the translation and behind it, or there already can be taken as an answer', () => {
  const missing = refusal({ statusCode: 200, code: 'MessageEntityNotFoundError' })
  const exists = refusal({ statusCode: 409, code: 'MessageEntityAlreadyExistsError' })
  for (const error of [missing, busError(missing, 'one')]) expect(ifMissing('none')(error)).toBe('none')
  expect(ifExists('there')(exists)).toBe('there')
  // Another operation on the same entity is under way, which does not mean that it exists.
  const busy = refusal({ statusCode: 409, code: 'ServiceError' })
  expect(() => ifExists('there')(busy)).toThrow(busy)
  expect(() => ifMissing('none')(exists)).toThrow(exists)
})
