import { openSharedWorld } from './shared-world.ts'
import type { ConformanceWorld } from './world.ts'

/** What the cases are run on: one line a profile. */
export const subjects: readonly { profile: string; open: () => Promise<ConformanceWorld> }[] = [
  { profile: 'mt-standard', open: () => openSharedWorld('mt-standard') },
  { profile: 'st-dedicated', open: () => openSharedWorld('st-dedicated') },
]
