import { lookup } from 'node:dns'
import { isIP, Socket, type BlockList, type LookupFunction } from 'node:net'

/**
 * A socket that connects to no address of these networks, whatever name stands for it: what a name resolves to is looked at in the
 * same breath as it is connected to, so that a name whose address changes gains nothing. It fails with what `refusal` gives.
 */
export function guardedSocket(denied: BlockList, refusal: () => Error): Socket {
  const socket = new Socket()
  const isDenied = (address: string): boolean => denied.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  const guarded: LookupFunction = (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      if (error) return done(error, [])
      if (found.some(({ address }) => isDenied(address))) return done(refusal(), [])
      if (options.all) return done(null, found)
      done(null, found[0]?.address ?? '', found[0]?.family)
    })
  const connect = socket.connect.bind(socket) as (options: object) => Socket
  return Object.assign(socket, {
    connect(port: number, host: string): Socket {
      // An address is not looked up.
      return isIP(host) !== 0 && isDenied(host) ? socket.destroy(refusal()) : connect({ port, host, lookup: guarded })
    },
  })
}
