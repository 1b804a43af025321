import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStage, steps, type Stage } from './stage.ts'

/** What goes well: which activities are called, in which order, with what. */
let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.raise()
})
afterAll(() => stage.close())

const environment = (name: string) => ({
  [`ensure ${name}/secrets`]: [],
  [`ensure ${name}/1/database`]: [`${name}/secrets`],
  [`ensure ${name}/topic`]: [`${name}/secrets`],
  [`migrate ${name}/1/database/schema`]: [`${name}/1/database`],
})

it('steps go in waves, by what they wait for, and then the operation is settled', async () => {
  const play = await stage.play('provision', { steps: steps(environment('prod')) })
  expect(await play.ended()).toEqual({ status: 'completed' })
  const expected = [
    'begin',
    'ensure prod/secrets',
    ['ensure prod/1/database', 'ensure prod/topic'],
    'migrate prod/1/database/schema',
    'settle succeeded',
  ]
  expect(play.called(...expected)).toEqual(expected)
})

it('several environments go side by side', async () => {
  const play = await stage.play('provision', { steps: steps({ ...environment('prod'), ...environment('test') }) })
  expect(await play.ended()).toEqual({ status: 'completed' })
  const expected = [
    'begin',
    ['ensure prod/secrets', 'ensure test/secrets'],
    ['ensure prod/1/database', 'ensure prod/topic', 'ensure test/1/database', 'ensure test/topic'],
    ['migrate prod/1/database/schema', 'migrate test/1/database/schema'],
    'settle succeeded',
  ]
  expect(play.called(...expected)).toEqual(expected)
})

it('what the registry does not know to be done, because a crash forgot it, is carried out again', async () => {
  const answers = ['to-be-finished', 'settled']
  const play = await stage.play('provision', {
    steps: steps({ 'ensure prod/secrets': [] }),
    answers: { 'settle succeeded': () => answers.shift() },
  })
  expect(await play.ended()).toEqual({ status: 'completed' })
  const names = play.calls.map(({ name }) => name)
  expect(names).toEqual(['begin', 'ensure prod/secrets', 'settle succeeded', 'ensure prod/secrets', 'settle succeeded'])
})

it('an activity is told the input as it came, and of a step the key alone', async () => {
  const play = await stage.play('provision', { steps: steps(environment('prod')) })
  await play.ended()
  const { input } = play
  expect(play.calls.map(({ activity, given }) => [activity, given])).toEqual(
    expect.arrayContaining([
      ['begin', input],
      ['ensure', { input, step: 'prod/secrets' }],
      ['migrate', { input, step: 'prod/1/database/schema' }],
      ['settle', { input, outcome: 'succeeded' }],
    ]),
  )
})

it('a step on a bus goes to the queue of that bus, and no other does', async () => {
  const play = await stage.play('provision', { steps: steps(environment('prod')) })
  await play.ended()
  const elsewhere = play.calls.filter(({ queue }) => queue !== '').map(({ name, queue }) => [name, queue])
  expect(elsewhere).toEqual([['ensure prod/topic', '-bus-bus-1']])
})

it.each(['provision', 'rotate-credentials', 'purge'] as const)(
  '%s does nothing when begin says that another attempt is done with it',
  async (kind) => {
    const play = await stage.play(kind, { answers: { begin: () => ({ proceed: 'done', slug: 'acme', steps: [] }) } })
    expect(await play.ended()).toEqual({ status: 'completed' })
    expect(play.called()).toEqual(['begin'])
  },
)
