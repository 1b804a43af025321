import { expect, test } from 'vitest'
import { scramVerifier } from '../../../crypto/scram.ts'

test('is the verifier that PostgreSQL stores', async () => {
  // Salt and keys of the exchange in RFC 7677, section 3 (user "user", password "pencil", 4096 iterations).
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  expect(await scramVerifier('pencil', { salt })).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

test('has a fresh salt each time', async () => {
  expect(await scramVerifier('pencil')).not.toBe(await scramVerifier('pencil'))
})

test('refuses characters on which client and server could disagree', async () => {
  for (const password of ['', 'pässword', 'a\0b', 'a\nb'])
    await expect(scramVerifier(password)).rejects.toThrow(TypeError)
})
