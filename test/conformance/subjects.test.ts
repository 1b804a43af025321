import { expect, it } from 'vitest'
import { profiles } from '../../isolation/strategies/by-profile.ts'
import { subjects } from './subjects.ts'

it('every profile that has a strategy is put to the cases', () => {
  expect(subjects.map(({ profile }) => profile).toSorted()).toEqual([...profiles].toSorted())
})
