import type { TenantSecrets } from '../../isolation/mapper.ts'

/** Secrets in memory with the contract of the real ones. */
export function memorySecrets(): TenantSecrets {
  const stored = new Map<string, string>()
  const below = (prefix: string) => [...stored.keys()].filter((name) => name.startsWith(prefix)).toSorted()
  return {
    read: async (name) => stored.get(name),
    readOrCreate: async (name, make) => {
      const value = stored.get(name) ?? make()
      stored.set(name, value)
      return value
    },
    replace: async (name, value) => void stored.set(name, value),
    list: async (prefix) => below(prefix),
    destroy: async (prefix) => below(prefix).filter((name) => stored.delete(name)).length,
  }
}
