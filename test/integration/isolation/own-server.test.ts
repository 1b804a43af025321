import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { codeOf, namesOf, queryAs, testByocCell, testTenant, type TestCell, type TestTenant } from './support.ts'

/** A database on a server of the tenant's own: what can be said of a server that does not answer, and what is left there. */
describe('a server of its own', () => {
  const mapper = createDatabaseMapper()
  let cell: TestCell
  let deadPort: number
  beforeAll(async () => {
    cell = await testByocCell()
    deadPort = (await freePorts(1))[0] ?? 0
  })
  afterAll(async () => {
    await mapper.close()
    await cell.drop()
  })

  const newTenant = () => testTenant(cell.cell, { profile: 'st-byoc' })
  /** The same target, as long as the server is down. */
  const down = (tenant: TestTenant, epoch = 1) => {
    const { server } = cell.cell
    const url = Object.assign(new URL(server?.url ?? ''), { port: deadPort }).href
    return tenant.target('database', epoch, { cell: { ...cell.cell, server: { secret: 'test-server', url } } })
  }

  it('that was never worked on holds nothing: it need not answer for that, and who is late makes nothing', async () => {
    const tenant = newTenant()
    const late = tenant.target('database')
    expect(await codeOf(mapper.ensure(down(tenant)))).toBe('substrate_unavailable')
    expect(await mapper.remove(down(tenant))).toEqual({ outcome: 'absent' })
    expect(await codeOf(mapper.ensure(late))).toBe('operation_superseded')
  })

  it('that may have been worked on has to answer before anything is called removed or closed', async () => {
    const tenant = newTenant()
    const { ownDatabase } = namesOf(tenant)
    // Stands for what a run that was cut off has made: the next one comes to it after its claim.
    await cell.admin.query(`create database ${ownDatabase} owner ${cell.bootstrap.provisionerRole}`)
    expect(await codeOf(mapper.ensure(tenant.target('database')))).toBe('resource_not_owned')
    expect(await codeOf(mapper.remove(down(tenant)))).toBe('substrate_unavailable')
    expect(await codeOf(mapper.freeze(down(tenant)))).toBe('substrate_unavailable')
    expect(await codeOf(mapper.observe(down(tenant)))).toBe('substrate_unavailable')
    await cell.admin.query(`drop database ${ownDatabase}`)
  })

  it('is closed before it is there: what is made then is born closed', async () => {
    const tenant = newTenant()
    await mapper.freeze(down(tenant, 2))
    await mapper.ensure(tenant.target('database', 2))
    expect(await codeOf(queryAs(tenant, cell, 'select 1'))).toBe('28000')
    await mapper.thaw(tenant.target('database', 3))
    expect(await queryAs(tenant, cell, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('from which somebody has dropped the database has its roles left, which are seen and removed', async () => {
    const tenant = newTenant()
    await mapper.ensure(tenant.target('database'))
    await cell.admin.query(`drop database ${namesOf(tenant).ownDatabase} with (force)`)
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ exists: true, owner: tenant.id })
    expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'removed' })
    expect(await mapper.observe(tenant.target('database'))).toEqual({ exists: false })
    const roles = await cell.admin.query('select from pg_roles where rolname like $1', [`%${tenant.code}%`])
    expect(roles.rowCount).toBe(0)
  })
})
