import type { Bus, BusEndpoint, Cell, Placement } from './placement.ts'

/** Where one environment lives: its cell and, where there is one, its bus, and the weight of its plan among others. */
export type Site = { readonly cell: Cell; readonly bus: Bus | undefined; readonly weight: number }

/** What a topology is made from. */
export type TopologyInput = {
  readonly tenant: { readonly code: string }
  readonly placement: Pick<Placement, 'environment' | 'number' | 'profile' | 'ownStore' | 'segment' | 'server'>
  readonly site: Site
}

/**
 * Where the resources of one environment are, as every downstream service is told: the same form for every profile.
 * References only: no credentials, and no path of a host.
 */
export type Topology = {
  readonly database: {
    readonly cell: string
    readonly host: string
    readonly port: number
    readonly database: string
    readonly schema: string
    readonly role: string
    readonly passwordSecret: string
  }
  readonly objectStore: { readonly cell: string; readonly container: string; readonly prefix: string }
  readonly runtime: {
    readonly namespace: string
    readonly taskQueue: string
    readonly fairnessKey: string
    readonly fairnessWeight: number
  }
  readonly secrets: { readonly prefix: string; readonly key: 'tenant-key' }
  /** null where the region has no pool of addresses. */
  readonly network: { readonly segment: string; readonly enforcement: 'external' } | null
  /** Without a bus, events leave by webhooks alone. */
  readonly events:
    | { readonly transport: 'webhooks' }
    | {
        readonly transport: 'service-bus'
        readonly bus: string
        readonly endpoint: BusEndpoint
        readonly topic: string
        readonly subscription: string
        readonly keySecret: string
      }
}
