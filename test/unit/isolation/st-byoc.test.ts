import { expect, test } from 'vitest'
import { resourcesOf, topologyOf } from '../../../isolation/strategies/by-profile.ts'
import { strategyInput } from '../../support/strategy-input.ts'

const server = { secret: 'acme-database', host: 'db.acme.example', port: 6543 }
const input = (profile: string, own: typeof server | null) =>
  strategyInput({ profile, segment: '10.64.0.64/26', server: own })

test('it is as the dedicated profile, but for where the database is', () => {
  const [own, dedicated] = [topologyOf(input('st-byoc', server)), topologyOf(input('st-dedicated', null))]
  expect(own).toEqual({ ...dedicated, database: { ...dedicated.database, host: server.host, port: server.port } })
  const keys = (profile: string, at: typeof server | null) => resourcesOf(input(profile, at)).map(({ key }) => key)
  expect(keys('st-byoc', server)).toEqual(keys('st-dedicated', null))
})

test('resources refer to the secret by name, and the network lets the tenant to its own server', () => {
  const specs = resourcesOf(input('st-byoc', server))
  const propertiesOf = (kind: string) => specs.find((spec) => spec.kind === kind)?.properties
  expect(propertiesOf('database')).toMatchObject({
    ownDatabase: 'warehouse_k3f9x2ab_prod',
    serverSecret: 'acme-database',
  })
  expect(propertiesOf('network')).toMatchObject({ database: { host: 'db.acme.example', port: 6543 } })
  expect(resourcesOf(input('st-dedicated', null)).find(({ kind }) => kind === 'database')?.properties).toMatchObject({
    serverSecret: null,
  })
})

test('a placement that names no server is a fault', () => {
  expect(() => topologyOf(input('st-byoc', null))).toThrow('names no server of its own')
})
