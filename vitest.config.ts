import { defineConfig } from 'vitest/config'

/** `unit` needs no server and takes seconds; `integration` shares one PostgreSQL and one Temporal server per run. */
export default defineConfig({
  test: {
    // Most of what integration tests do is wait for servers, so more of them run than there are cores on a small machine.
    maxWorkers: 3,
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false } },
      {
        test: {
          name: 'integration',
          // A process runs many files: each would load a whole platform otherwise, a fifth of the time of all tests.
          isolate: false,
          include: ['test/{workflows,integration,conformance}/**/*.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          setupFiles: ['test/support/quiet-runtime.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
