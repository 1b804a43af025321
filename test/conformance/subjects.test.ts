import { expect, it } from 'vitest'
import { profiles } from '../../isolation/strategy.ts'
import { subjects } from './subjects.ts'

it('every profile that has a strategy is put to the cases', () => {
  expect(subjects.map(({ profile }) => profile).toSorted()).toEqual([...profiles].toSorted())
})
