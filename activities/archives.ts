import { archiveFormat, partsOf, type Inventory } from '../domain/archive.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { readInventory, readBack, readManifest, writeListing } from '../isolation/archives/manifest.ts'
import { archiveReader, archiveWriter, type ArchiveAccess } from '../isolation/archives/parts.ts'
import { proofOf } from '../isolation/archives/proof.ts'
import type { Claim } from '../operations/claim.ts'
import { exportedBy, findArchive, wishOf } from '../registry/archives.ts'
import { sqlOf } from '../registry/pool.ts'
import { carryOut, type StepInput } from './carry-out.ts'
import type { ActivityDeps } from './deps.ts'
import { sealerFor } from './target.ts'

/** Activities that write an archive, prove it, read it and compare with it; each is one step, as those on resources are. */
export function createArchiveActivities(deps: ActivityDeps) {
  const sql = sqlOf(deps.orm.pool)

  /** What the archive in a folder is read and written with. */
  function accessOf(claim: Claim, folder: string, signal: AbortSignal): ArchiveAccess {
    return { storage: deps.archives, sealer: sealerFor(deps.platformKey, claim), folder, signal }
  }

  /** The archive of a step, and what it holds of the kind of the step's resource. */
  async function contentsFor(claim: Claim, signal: AbortSignal) {
    const { key, folder, manifest } = await findArchive(sql, claim.tenantId, claim.step.archive ?? '')
    if (manifest === undefined) throw new FreeholdError('archive_damaged', `archive ${key} was never read back`)
    const reader = archiveReader(accessOf(claim, folder, signal))
    const { contents } = await readManifest(reader, manifest)
    const content = contents.find((one) => one.inventory.kind === claim.spec.kind)
    if (content === undefined) throw new FreeholdError('archive_damaged', `archive ${key} has no ${claim.spec.kind}`)
    return { reader, inventory: content.inventory }
  }

  return {
    /** Writes what a resource holds to its archive, with the inventory of it. */
    export: (given: StepInput) =>
      carryOut(deps, 'export', given, async (mapper, target, claim) => {
        if (mapper.export === undefined) throw new TypeError(`${claim.spec.kind} holds nothing`)
        const { folder } = await findArchive(sql, claim.tenantId, claim.step.archive ?? '')
        // A folder for each try: one that was given up may write late.
        const writer = archiveWriter(
          accessOf(claim, folder, target.signal),
          `${claim.spec.kind}/${claim.spec.placement}-${claim.fence}`,
        )
        const version = claim.facts['schemaVersion']
        const migrations = typeof version === 'string' ? await deps.migrations.migrationsUpTo(version) : []
        const listed = await mapper.export(target, writer, migrations)
        const inventory = await writeListing(writer, 'inventory', listed)
        return {
          facts: { exported: { by: claim.operationId, inventory } },
          event: { type: 'TENANCY_RESOURCE_EXPORTED' as const, data: sizesOf(listed) },
        }
      }),

    /** Reads back all that was exported, and writes the manifest of the archive; what it does not name goes. */
    verify: (given: StepInput) =>
      carryOut(deps, 'verify', given, async (_, { signal }, claim) => {
        const { folder } = await findArchive(sql, claim.tenantId, claim.spec.key)
        const access = accessOf(claim, folder, signal)
        const reader = archiveReader(access)
        const exports = await exportedBy(sql, claim, claim.step.after.map(resourceOf))
        const contents = []
        for (const { resource, inventory } of exports) {
          const listed = await readInventory(reader, inventory)
          await readBack(reader, listed)
          contents.push({ resource, inventory: listed })
        }
        const { generation } = given.input
        const written = await writeListing(archiveWriter(access, String(claim.fence)), 'manifest', {
          format: archiveFormat,
          tenant: claim.tenantId,
          environment: claim.spec.environment,
          placement: claim.spec.placement,
          generation,
          appVersion: exports.find(({ schemaVersion }) => schemaVersion !== null)?.schemaVersion ?? null,
          wish: await wishOf(sql, claim.tenantId, generation),
          contents,
        })
        await readManifest(reader, written)
        const named = [written, ...contents.flatMap(({ inventory }) => partsOf(inventory))].map(({ path }) => path)
        // The inventories stay: who does this again, because a crash forgot it, reads them again.
        const listings = exports.map(({ inventory }) => inventory.path)
        await deleteEarlier(claim.fence, folder, ['owner.json', ...listings, ...named])
        const proven = contents.map(({ resource, inventory }) => ({ resource, ...proofOf(inventory) }))
        return {
          facts: { manifest: written, contents: proven as Json },
          event: { type: 'TENANCY_ARCHIVE_VERIFIED' as const, data: { folder, parts: named.length } },
        }
      }),

    /** Brings what an archive holds back into a resource that was made anew. */
    import: (given: StepInput) =>
      carryOut(deps, 'import', given, async (mapper, target, claim) => {
        if (mapper.import === undefined) throw new TypeError(`${claim.spec.kind} holds nothing`)
        const { reader, inventory } = await contentsFor(claim, target.signal)
        const facts = await mapper.import(target, reader, inventory)
        return { facts, event: { type: 'TENANCY_RESOURCE_IMPORTED' as const, data: sizesOf(inventory) } }
      }),

    /** Proves that a resource is what was archived. */
    compare: (given: StepInput) =>
      carryOut(deps, 'compare', given, async (mapper, target, claim) => {
        if (mapper.compare === undefined) throw new TypeError(`${claim.spec.kind} holds nothing`)
        const { inventory } = await contentsFor(claim, target.signal)
        await mapper.compare(target, inventory)
        return { event: { type: 'TENANCY_RESOURCE_COMPARED' as const, data: sizesOf(inventory) } }
      }),
  }

  /** What was written under earlier claims and is not kept. What came later is not ours to judge: we may be late. */
  async function deleteEarlier(fence: number, folder: string, kept: readonly string[]): Promise<void> {
    const paths = new Set(kept.map((path) => `${folder}${path}`))
    for (const { path } of await deps.archives.list(folder))
      if (!paths.has(path) && fenceOf(path) < fence) await deps.archives.delete(path)
  }
}
export type ArchiveActivities = ReturnType<typeof createArchiveActivities>

/** Of the claim under which a file was written: the end of the name of its folder. */
const fenceOf = (path: string) => Number(/(\d+)\/[^/]+$/.exec(path)?.[1] ?? 0)

/** Key of the resource whose export a step waits for. */
const resourceOf = (step: string) => step.slice(0, -'/export'.length)

/** How much it is; what it is, is not for everybody who reads events. */
function sizesOf(listed: Inventory) {
  const bytes = partsOf(listed).reduce((sum, part) => sum + part.bytes, 0)
  const sealedBytes = partsOf(listed).reduce((sum, part) => sum + part.sealedBytes, 0)
  return { bytes, sealedBytes }
}
