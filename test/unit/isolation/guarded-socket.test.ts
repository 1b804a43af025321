import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { networks } from '../../../base/networks.ts'
import type { CellAccess } from '../../../isolation/mapper.ts'
import { createConnections } from '../../../isolation/mappers/database/connections.ts'

describe('the address of a server that a tenant has named', () => {
  let port: number
  let visits = 0
  let close: () => void
  beforeEach(async () => {
    visits = 0
    const server = createServer((socket) => {
      visits += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    close = () => void server.close()
  })
  afterEach(() => close())

  const connect = async (host: string, cell: Partial<CellAccess>, denied = '127.0.0.0/8,::1/128') => {
    const connections = createConnections({ denied: networks(denied) })
    const provisionerUrl = `postgresql://freehold:s3cret@${host}:${port}/db`
    const at = { name: 'pool', provisionerUrl, database: { host, port, name: 'db' }, ...cell } as CellAccess
    const caller = { cell: at, signal: AbortSignal.timeout(10_000) }
    const error: unknown = await connections.use(caller, async () => {}).catch((thrown: unknown) => thrown)
    await connections.close()
    return error
  }

  it.each(['127.0.0.1', '127.1.2.3', '[::1]', '[::ffff:127.0.0.1]', 'localhost', '2130706433'])(
    '%s is in a network that is denied, and hears nothing',
    async (host) => {
      const error = await connect(host, { secret: 'globex' })
      expect(error).toMatchObject({ code: 'byoc_address_denied' })
      expect(error).toMatchObject({ message: expect.not.stringContaining('s3cret') })
      expect(visits).toBe(0)
    },
  )

  it('may be any other', async () => {
    await connect('localhost', { secret: 'globex' }, '169.254.0.0/16')
    expect(visits).toBe(1)
  })

  it('of a cell may be any, because its operator has named it', async () => {
    await connect('127.0.0.1', {})
    expect(visits).toBe(1)
  })
})

describe('a list of networks', () => {
  it.each(['', '10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/8/8', '10.0.0.0/8,', 'home/8', '10.0.0.0/x'])(
    'is not: %s',
    (text) => expect(networks(text)).toBeUndefined(),
  )
})
