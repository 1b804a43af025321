import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { migrationNames, migrationText } from '../../../registry/migrations.ts'

/** SHA-256 of every released migration. A registry that exists has run it as it was, so a change would never reach it. */
const released = {
  '20261121000000-initial': '78066738d5b36c74065438c3288af74c0f5ee6b5bf59c49b5e109de9248c6218',
  '20261121120000-bus-and-network': '099fb47f7f7316ba146e8c5cc125a1549a706e8575f59d4de2f2662dd4781876',
  '20261121130000-deliveries-by-bus': '409ef53ecdb362502028b144025b0ca971cb70781057aa45a379b91d49a7457d',
  '20261126000000-operations-hold-nothing-open': '464369d171f6d40cef593ed1d425101eaa606363d1ef371ba08f7d452377c1db',
  '20261127000000-life': '2e69396f9d558d6e70101308c97e78ee71c213d03da7e249a929710f261ec6a0',
  '20261127010000-audit': '7e9e446aa28d0bd15c5294fb693686368519bf74deb8732d6f2089dcae6387f3',
  '20261127020000-policy': '8736e3b5f58d84e977d2f6591a5d9edb3f1e636bcfdead1c96e3e3481694bf40',
  '20261127050000-update': 'b9315858b83a8e7d4602fb7f55ea41e82a1fa60d8746516433e3a9e9891b1f9e',
  '20261127060000-reports': '768b4fcef318fd1f82012871f8f2a32d93fffed7d27f0e6f6338d0d0b29c03d6',
  '20261127061000-tenants-own-server': 'b097a4047e872d178d76fa91e9c073ece036e477feb6776896db3c4a61c9bb39',
}

it('has every released migration as it was released', async () => {
  const hashes = Object.keys(released).map(async (name) => {
    const text = await migrationText(name)
    return [name, createHash('sha256').update(text).digest('hex')]
  })
  expect(Object.fromEntries(await Promise.all(hashes))).toEqual(released)
})

it('runs new migrations after the released ones, under names that sort by time', async () => {
  const names = await migrationNames()
  expect(names.slice(0, Object.keys(released).length)).toEqual(Object.keys(released))
  expect(names.filter((name) => !/^\d{14}-[a-z0-9-]+$/.test(name))).toEqual([])
})
