import { parseArgs } from 'node:util'
import { benchArchive } from './archive.ts'
import { benchAudit } from './audit.ts'
import { benchFairness } from './fairness.ts'
import { benchIdle } from './idle.ts'
import { benchProvision } from './provision.ts'
import { benchRelay } from './relay.ts'
import { benchRelocate } from './relocate.ts'
import { benchServiceBus } from './service-bus.ts'
import { benchSuspend } from './suspend.ts'

/**
 * `npm run bench -- NAME [--json]`: measures one thing and prints the figures; nothing is asserted. `relocate` takes `--size` in megabytes,
 * `--writers` and `--cuts` as well.
 */
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    size: { type: 'string', default: '200' },
    writers: { type: 'string', default: '6' },
    cuts: { type: 'string', default: '20' },
  },
})
const benches = {
  archive: () => benchArchive([50, 500]),
  audit: () => benchAudit({ events: 100_000, streams: 1_000 }),
  fairness: benchFairness,
  idle: benchIdle,
  provision: benchProvision,
  relay: () => benchRelay({ tenants: 20, eventsOfEach: 250 }),
  relocate: () =>
    benchRelocate({ megabytes: Number(values.size), writers: Number(values.writers), cuts: Number(values.cuts) }),
  suspend: () => benchSuspend({ tenants: 200, queued: 50 }),
  'service-bus': () => benchServiceBus({ messages: 5_000 }),
}
const name = positionals[0] ?? ''
if (!(name in benches)) {
  console.error(`bench: name one of ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
const figures = await benches[name as keyof typeof benches]()
if (values.json) console.log(JSON.stringify(figures))
else console.table(figures)
