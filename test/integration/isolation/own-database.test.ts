import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { codeOf, loginAs, namesOf, queryAs, testCell, testTenant, type TestCell, type TestTenant } from './support.ts'

/** A database of one tenant alone: what a run that was cut off has left, and what is somebody else's. */
describe('a database of its own', () => {
  const mapper = createDatabaseMapper()
  let cell: TestCell
  beforeAll(async () => {
    cell = await testCell()
  })
  afterAll(async () => {
    await mapper.close()
    await cell.drop()
  })

  const newTenant = () => testTenant(cell.cell, { profile: 'st-dedicated' })
  const nameOf = (tenant: TestTenant) => namesOf(tenant).ownDatabase ?? ''
  const databases = async ({ code }: TestTenant) => {
    const found = await cell.admin.query<{ name: string }>(
      'select datname as name from pg_database where datname like $1 order by 1',
      [`%${code}%`],
    )
    return found.rows.map(({ name }) => name)
  }
  const roles = async ({ code }: TestTenant) =>
    (await cell.admin.query('select from pg_roles where rolname like $1', [`%${code}%`])).rowCount
  async function administrator(tenant: TestTenant): Promise<pg.Client> {
    const url = Object.assign(new URL(cell.bootstrap.adminUrl), { pathname: `/${nameOf(tenant)}` })
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    return client
  }
  const provisioner = () => cell.bootstrap.provisionerRole

  it('is made once and carries the owner tag, whatever a run that was cut off has left', async () => {
    const tenant = newTenant()
    await cell.admin.query(`create database ${nameOf(tenant)}_new owner ${provisioner()}`)
    await Promise.allSettled([1, 2].map(() => mapper.ensure(tenant.target('database'))))
    await mapper.ensure(tenant.target('database'))
    expect(await databases(tenant)).toEqual([nameOf(tenant)])
    expect(await queryAs(tenant, cell, 'select state from freehold.my_placement()')).toEqual([{ state: 'active' }])
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ exists: true, owner: tenant.id })
  })

  it.each(['ensure', 'freeze', 'remove'] as const)(
    'that was made and not prepared is no obstacle to %s',
    async (verb) => {
      const tenant = newTenant()
      await mapper.ensure(tenant.target('database'))
      const admin = await administrator(tenant)
      await admin.query('drop schema tenancy, freehold cascade')
      await admin.end()
      await mapper[verb](tenant.target('database'))
      expect(await databases(tenant)).toEqual(verb === 'remove' ? [] : [nameOf(tenant)])
      await mapper.remove(tenant.target('database'))
      expect(await databases(tenant)).toEqual([])
      expect(await roles(tenant)).toBe(0)
    },
  )

  it('of the same name that is nobody’s is refused, told and left', async () => {
    const tenant = newTenant()
    await cell.admin.query(`create database ${nameOf(tenant)} owner ${provisioner()}`)
    for (const verb of ['ensure', 'freeze', 'thaw'] as const)
      expect(await codeOf(mapper[verb](tenant.target('database')))).toBe('resource_not_owned')
    expect(await mapper.remove(tenant.target('database'))).toMatchObject({ outcome: 'not-owned' })
    expect(await databases(tenant)).toEqual([nameOf(tenant)])
  })

  it('is dropped with everything in it, once no administrator is in it, and no role of it is left', async () => {
    const tenant = newTenant()
    await mapper.ensure(tenant.target('database'))
    const session = await loginAs(tenant, cell)
    const admin = await administrator(tenant)
    expect(await codeOf(mapper.remove(tenant.target('database')))).toBe('substrate_unavailable')
    await expect(session.query('select 1')).rejects.toThrow(/terminat|connection error/)
    await admin.end()
    expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'removed' })
    expect([await databases(tenant), await roles(tenant)]).toEqual([[], 0])
    const { rows } = await cell.admin.query('select state from tenancy.placement where tenant = $1', [tenant.id])
    expect(rows).toEqual([{ state: 'retired' }])
  })

  it('whose drop was cut short is removed, or made anew', async () => {
    const tenant = newTenant()
    await mapper.ensure(tenant.target('database'))
    // What the server leaves of a DROP DATABASE that was cancelled in the middle.
    const cutShort = () =>
      cell.admin.query('update pg_database set datconnlimit = -2 where datname = $1', [nameOf(tenant)])
    await cutShort()
    await mapper.ensure(tenant.target('database'))
    await (await loginAs(tenant, cell)).end()
    await cutShort()
    await mapper.freeze(tenant.target('database'))
    expect(await codeOf(mapper.thaw(tenant.target('database')))).toBe('not_found')
    expect(await mapper.remove(tenant.target('database'))).toMatchObject({ outcome: 'removed' })
    expect([await databases(tenant), await roles(tenant)]).toEqual([[], 0])
  })

  it('that somebody has dropped leaves roles behind, which are seen and removed', async () => {
    const tenant = newTenant()
    await mapper.ensure(tenant.target('database'))
    await cell.admin.query(`drop database ${nameOf(tenant)} with (force)`)
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ exists: true, owner: tenant.id })
    expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'removed' })
    expect(await roles(tenant)).toBe(0)
  })
})
