import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { databaseError } from '../../../isolation/mappers/database/errors.ts'
import { GuardedClient } from '../../../isolation/mappers/database/guarded-client.ts'

const message = (kind: string, body: Buffer | string = '') => {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.write(kind)
  head.writeUInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}
const authentication = (kind: number) => message('R', Buffer.from([0, 0, 0, kind]))
const ready = message('Z', 'I')
/** One column of text, and one row of 64 KiB. */
const description = message(
  'T',
  Buffer.from([0, 1, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0, 0, 0, 0, 0, 0]),
)
const row = message('D', Buffer.concat([Buffer.from([0, 1, 0, 1, 0, 0]), Buffer.alloc(65_536, 'x')]))
const done = Buffer.concat([message('C', 'SELECT 1\0'), ready])

describe('a client of a server that is not believed', () => {
  const open: { close(): void }[] = []
  afterEach(() => open.splice(0).forEach((one) => one.close()))

  /** A server that says what the test says, first to a login and then to each statement. */
  async function served(login: Buffer, answer: (socket: Socket) => void = () => {}) {
    const said: Buffer[] = []
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => {}))
      socket.once('data', () => socket.write(login))
      socket.on('data', (bytes: Buffer) => {
        said.push(bytes)
        if (bytes[0] === 'Q'.charCodeAt(0)) answer(socket)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = new GuardedClient({
      connectionString: `postgresql://freehold:s3cret@127.0.0.1:${port}/db`,
      longestAnswer: 1024 * 1024,
    })
    client.on('error', () => {})
    open.push(server, { close: () => sockets.forEach((socket) => socket.destroy()) })
    return { client, said: () => Buffer.concat(said).toString('latin1') }
  }

  it('cuts off rows that do not end, and says so', async () => {
    const { client } = await served(Buffer.concat([authentication(0), ready]), (socket) => {
      socket.write(description)
      const more = () => {
        while (socket.write(row));
      }
      socket.on('drain', more)
      more()
    })
    await client.connect()
    await expect(client.query('select endless')).rejects.toMatchObject({ code: 'answer_too_large' })
  })

  it('cuts off one message that claims to be as long as memory', async () => {
    const { client } = await served(Buffer.concat([authentication(0), ready]), (socket) => {
      socket.write(Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff]))
      const more = () => {
        while (socket.write(Buffer.alloc(65_536)));
      }
      socket.on('drain', more)
      more()
    })
    await client.connect()
    await expect(client.query('select endless')).rejects.toMatchObject({ code: 'answer_too_large' })
  })

  it('counts each answer by itself', async () => {
    const answer = Buffer.concat([description, ...Array.from({ length: 10 }, () => row), done])
    const { client } = await served(Buffer.concat([authentication(0), ready]), (socket) => socket.write(answer))
    await client.connect()
    for (let time = 0; time < 3; time += 1) expect((await client.query('select many')).rows).toHaveLength(10)
  })

  it('tells no password in clear text without TLS', async () => {
    const { client, said } = await served(authentication(3))
    const refused: unknown = await client.connect().catch((error: unknown) => error)
    const cell = { name: 'pool', secret: 'globex', database: { host: 'db.globex.example', port: 5432, name: 'db' } }
    expect(databaseError(refused, cell)).toMatchObject({
      code: 'byoc_login_refused',
      message: expect.stringContaining('asks for the password in clear text without TLS'),
    })
    expect(said()).not.toContain('s3cret')
  })
})
