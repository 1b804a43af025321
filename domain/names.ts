import { FreeholdError } from './errors.ts'

/** Human name of a tenant, in URLs, commands and searches. */
export const slugPattern = /^[a-z][a-z0-9-]{1,30}[a-z0-9]$/
/** Up to 12 characters, because it becomes a part of role, topic and folder names. */
export const environmentPattern = /^[a-z](?:[a-z0-9-]{0,10}[a-z0-9])?$/
/** Random, born with the tenant, unique for ever: stands for the tenant in every physical name. */
export const codePattern = /^[a-z0-9]{8}$/

/** Name of a secret of the platform, in URLs and manifests. */
export const secretNamePattern = /^[a-z][a-z0-9.-]{0,62}$/

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Whether a text is a UUID, which the registry can be asked for. */
export const isUuid = (text: string): boolean => uuidPattern.test(text)

const postgresNameLength = 63

/**
 * The one function every PostgreSQL name passes: bounded to 63 bytes and to `[a-z0-9_]`, so that the quoted form can hold
 * no surprise. Dashes become underscores; an environment cannot contain an underscore, so two names never meet.
 * Throws `invalid_request` for anything that cannot be such a name.
 */
export function databaseIdentifier(...parts: readonly (string | number)[]): string {
  const name = parts.join('_').replaceAll('-', '_')
  if (!/^[a-z][a-z0-9_]*$/.test(name) || name.length > postgresNameLength)
    throw new FreeholdError('invalid_request', `"${name.slice(0, 80)}" cannot be the name of a database object`)
  return name
}

/** The quoted form of a name made by `databaseIdentifier`, for SQL text that takes no parameters. */
export function quoteIdentifier(name: string): string {
  return `"${databaseIdentifier(name)}"`
}

/** Names of one (tenant, environment, placement) in the data database; the same on both sides of a move but the roles. */
export function databaseNames(code: string, environment: string, placement: number) {
  const schema = databaseIdentifier('t', code, environment)
  return {
    schema,
    ownerRole: databaseIdentifier(schema, placement, 'owner'),
    appRole: databaseIdentifier(schema, placement, 'app'),
  }
}

/** Database of one (tenant, environment) that has one of its own. */
export function ownDatabase(code: string, environment: string): string {
  return databaseIdentifier('warehouse', code, environment)
}

/** Container of the objects of one (tenant, environment) that has one of its own. */
export function ownContainer(code: string, environment: string): string {
  return `data-${code}-${environment}`
}

/** Task queue of one (tenant, environment) that has one of its own. */
export function ownTaskQueue(code: string, environment: string): string {
  return `work-${code}-${environment}`
}

/** Path of a tenant's object area inside its container; always with the trailing slash. */
export function objectPrefix(code: string, environment: string): string {
  return `tenants/${code}/${environment}/`
}

/** Path of a tenant's secrets; always with the trailing slash. */
export function secretPrefix(code: string, environment: string): string {
  return `secrets/${code}/${environment}/`
}

/** Folder of the archive of one (tenant, environment, placement); always with the trailing slash. */
export function archiveFolder(code: string, environment: string, placement: number): string {
  return `${code}/${environment}/${placement}/`
}

/** Policy file of one (tenant, environment, placement). */
export function policyFile(code: string, environment: string, placement: number): string {
  return `${code}-${environment}-${placement}.json`
}

/** Topic of one (tenant, environment) on the bus. */
export function topicName(code: string, environment: string): string {
  return `tenant-${code}-${environment}`
}

/** The SAS rule of a topic that is the tenant's: it may send and listen there, and nothing else. */
export const tenantKeyName = 'tenant'

/** Name of the secret that holds the key with which the tenant opens its topic. */
export function topicKeySecret(code: string, environment: string): string {
  return `${secretPrefix(code, environment)}topic`
}

/** Name of the secret that holds the key which signs credentials of the tenant's object area. */
export function objectKeySecret(code: string, environment: string): string {
  return `${secretPrefix(code, environment)}object-store`
}

/** What tells one tenant's tasks from another's on a shared task queue. */
export function fairnessKey(code: string, environment: string): string {
  return `${code}-${environment}`
}

/** Whether a secret is of one placement alone, and means nothing at another. */
export const isPlacementSecret = (name: string): boolean => /\/database-\d+$/.test(name)

/** Name of the secret that holds the password of the app role of one placement. */
export function databasePasswordSecret(code: string, environment: string, placement: number): string {
  return `${secretPrefix(code, environment)}database-${placement}`
}
