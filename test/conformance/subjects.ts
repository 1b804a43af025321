import { testByocCell } from '../integration/isolation/support.ts'
import { openSharedWorld } from './shared-world.ts'
import type { ConformanceWorld } from './world.ts'

/** What the cases are run on: one line a profile. `sharesDatabase`: whether its tenants meet in one database. */
export const subjects: readonly { profile: string; sharesDatabase: boolean; open: () => Promise<ConformanceWorld> }[] =
  [
    { profile: 'mt-standard', sharesDatabase: true, open: () => openSharedWorld('mt-standard') },
    { profile: 'st-dedicated', sharesDatabase: false, open: () => openSharedWorld('st-dedicated') },
    { profile: 'st-byoc', sharesDatabase: false, open: () => openSharedWorld('st-byoc', testByocCell) },
  ]
