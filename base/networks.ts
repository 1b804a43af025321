import { BlockList, isIP } from 'node:net'

/**
 * Networks as a list to look addresses up in. An IPv6 address that stands for an IPv4 one is looked up as that.
 * @param text CIDR, separated by commas, as in `169.254.0.0/16,fe80::/10`
 * @returns undefined when one of them is no network
 */
export function networks(text: string): BlockList | undefined {
  const list = new BlockList()
  for (const network of text.split(',')) {
    const [address = '', length = '', ...rest] = network.trim().split('/')
    const version = isIP(address)
    if (version === 0 || rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > (version === 4 ? 32 : 128))
      return undefined
    list.addSubnet(address, Number(length), `ipv${version as 4 | 6}`)
  }
  return list
}
