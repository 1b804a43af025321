import { expect, test } from 'vitest'
import { isSigned, signatureKey, signMessage } from '../../../crypto/message-signature.ts'

// The example of the Standard Webhooks specification.
const key = signatureKey('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'env:X')
const message = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
}
const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

test('a message is signed as Standard Webhooks says', () => {
  expect(signMessage(key, message)).toBe(signature)
  expect(isSigned(key, message, signature)).toBe(true)
  expect(isSigned(key, message, `v1,AAAA ${signature}`)).toBe(true)
})

test.each([
  ['another body', { ...message, body: '{"test": 2432232315}' }, signature],
  ['another id', { ...message, id: 'msg_2' }, signature],
  ['another time', { ...message, timestamp: message.timestamp + 1 }, signature],
  ['no time', { ...message, timestamp: Number.NaN }, signature],
  ['no signature', message, ''],
  ['another version', message, signature.replace('v1', 'v2')],
  ['half a signature', message, signature.slice(0, 20)],
])('%s is found', (_, changed, given) => {
  expect(isSigned(key, changed, given)).toBe(false)
})

test('a secret that can be guessed is refused without being told', () => {
  expect(() => signatureKey('hunter2', 'env:SECRET')).toThrow(/^env:SECRET must hold 24 bytes or more$/)
  expect(() => signatureKey('whsec_aHVudGVyMg==', 'env:SECRET')).toThrow('env:SECRET')
})
