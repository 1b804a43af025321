import type { Mutant } from './mutant-list.ts'

const byoc = 'test/integration/provision/byoc.test.ts'
const server = 'test/integration/isolation/own-server.test.ts'
const secrets = 'test/integration/api/secrets.test.ts'

/** Mechanisms of servers that tenants bring, and of the secrets that lead to them. */
export const byocMutants: readonly Mutant[] = [
  {
    name: 'a server is asked before anything on it is called removed',
    file: 'isolation/mappers/database/own-server.ts',
    swaps: [['(placement?.rows.length ?? 0) > 0', 'placement === undefined']],
    test: server,
    only: 'has to answer before',
  },
  {
    name: 'a claim is committed before anything is made on a server',
    file: 'isolation/mappers/database/own-database.ts',
    swaps: [['if (isElsewhere(target))\n    await inCell', 'if (target.cell.server === null)\n    await inCell']],
    test: server,
    only: 'has to answer before',
  },
  {
    name: 'a server that was never worked on need not answer for an undo',
    file: 'isolation/mappers/database/own-database.ts',
    swaps: [['if (target.signal.aborted || hadRow(before)) throw error', `if (name !== '') throw error`]],
    test: byoc,
    only: 'cannot be reached',
  },
  {
    name: 'rights are asked for before anything is made',
    file: 'isolation/mappers/database/own-verbs.ts',
    swaps: [['if (target.cell.server !== undefined) await assertRights', `if (name === '') await assertRights`]],
    test: byoc,
    only: 'lacks rights',
  },
  {
    name: 'a secret does not lead elsewhere while a database is there',
    file: 'registry/platform-secrets.ts',
    swaps: [['if (before !== undefined && !sameAddress(before.address, address))', `if (name === '')`]],
    test: byoc,
    only: 'keeps its secret',
  },
  {
    name: 'a secret that is used is not deleted',
    file: 'registry/platform-secrets.ts',
    swaps: [['if (secret.usedBy.length > 0)', `if (name === '')`]],
    test: byoc,
    only: 'keeps its secret',
  },
  {
    name: 'what is kept of a call with a secret tells nobody what it was',
    file: 'api/routes/secrets.ts',
    swaps: [['requestHash: secretCallHash(platformKey, call.requestHash)', 'requestHash: call.requestHash']],
    test: secrets,
    only: 'is in no answer',
  },
  {
    name: 'a dedicated tenant has a master key of its own',
    file: 'isolation/strategies/st-dedicated.ts',
    swaps: [['ownMasterKey: true', 'ownMasterKey: false']],
    test: 'test/integration/life/master-key.test.ts',
    only: 'wraps the tenant',
  },
  {
    name: 'two tenants do not take one bus of their own at once',
    file: 'registry/capacity.ts',
    swaps: [[`take('buses', 2, nobodyElse)`, `take('buses', 2, '$3::text is not null')`]],
    test: 'test/integration/provision/own-bus.test.ts',
  },
  {
    name: 'a tenant cannot name an address of the platform',
    file: 'isolation/mappers/database/guarded-socket.ts',
    swaps: [
      ['if (found.some(({ address }) => isDenied(address)))', `if (name === '')`],
      ['isIP(host) !== 0 && isDenied(host)', `host === ''`],
    ],
    test: 'test/unit/isolation/guarded-socket.test.ts',
    only: 'hears nothing',
  },
  {
    name: 'an answer without end is cut off',
    file: 'isolation/mappers/database/guarded-client.ts',
    swaps: [['if (received <= limit)', 'if (limit > 0)']],
    test: 'test/unit/isolation/guarded-client.test.ts',
    only: 'cuts off',
  },
  {
    name: 'a password is not told in clear text',
    file: 'isolation/mappers/database/guarded-client.ts',
    swaps: [['if (!(connection.stream instanceof TLSSocket))', `if (limit === 0)`]],
    test: 'test/unit/isolation/guarded-client.test.ts',
    only: 'no password in clear text',
  },
]
