import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { mutants, type Mutant } from './mutant-list.ts'

/**
 * Switches mechanisms off, one at a time, in a copy of the tree, and runs the test that must fail then. Ends with 0 when
 * every one of them was noticed. `npm run mutants -- fence` takes those whose name or test has the word; `--list` shows the names;
 * `--at-once` does not run the tests on the tree as it is first.
 */
const root = join(import.meta.dirname, '..')
const passedOver = ['node_modules', '.git', '.freehold', 'coverage']
/** A test that waits for what never comes has noticed it too. */
const limitMs = 240_000
type Verdict = 'killed' | 'killed (time)' | 'SURVIVED' | 'NOT RUN'

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const chosen = mutants.filter(({ name, test }) => words.every((word) => `${name} ${test}`.includes(word)))
if (process.argv.includes('--list')) for (const { name, test } of chosen) console.log(`${name}: ${test}`)
else process.exitCode = (await runAll()) ? 0 : 1

async function runAll(): Promise<boolean> {
  const copy = mkdtempSync(join(tmpdir(), 'freehold-mutants-'))
  try {
    cpSync(root, copy, { recursive: true, filter: (path) => !passedOver.includes(basename(path)) })
    for (const folder of ['.', 'packages/cli', 'packages/sdk', 'packages/service-bus-broker', 'packages/tenant-worker'])
      link(join(root, folder, 'node_modules'), join(copy, folder, 'node_modules'))
    if (!process.argv.includes('--at-once') && !(await passes(copy))) return false
    const verdicts: { mutant: Mutant; verdict: Verdict; seconds: number }[] = []
    for (const mutant of chosen) {
      const began = performance.now()
      const verdict = await tried(copy, mutant)
      const seconds = Math.round((performance.now() - began) / 1_000)
      verdicts.push({ mutant, verdict, seconds })
      console.log(`${verdict.padEnd(14)}${String(seconds).padStart(4)} s  ${mutant.name}`)
    }
    console.table(
      verdicts.map(({ mutant, verdict, seconds }) => ({ mechanism: mutant.name, test: mutant.test, verdict, seconds })),
    )
    return verdicts.every(({ verdict }) => verdict.startsWith('killed'))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** Whether every test of the chosen passes while nothing is switched off. */
async function passes(copy: string): Promise<boolean> {
  console.log('first, as it is: every test must pass')
  const verdict = await run(copy, [...new Set(chosen.map(({ test }) => test))], undefined)
  if (verdict === 'SURVIVED') return true
  console.error('a test fails by itself; see above')
  return false
}

async function tried(copy: string, { file, swaps, test, only }: Mutant): Promise<Verdict> {
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  let mutated = text
  for (const [from, to] of swaps) {
    if (mutated.split(from).length !== 2) throw new Error(`${file} has not exactly once: ${from}`)
    mutated = mutated.replace(from, () => to)
  }
  writeFileSync(path, mutated)
  try {
    return await run(copy, [test], only)
  } finally {
    writeFileSync(path, text)
  }
}

/** What became of these tests in the copy; `NOT RUN` when they did not come to a test at all. */
async function run(copy: string, tests: readonly string[], only: string | undefined): Promise<Verdict> {
  const report = join(copy, 'mutants.json')
  rmSync(report, { force: true })
  const bail = only === undefined && tests.length > 1 ? [] : ['--bail=1']
  const child = spawn(
    process.execPath,
    [
      join(copy, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...['unit', 'integration'].flatMap((project) => ['--project', project]),
      ...bail,
      '--reporter=json',
      `--outputFile=${report}`,
      ...(only === undefined ? [] : ['-t', only]),
      ...tests,
    ],
    { cwd: copy, stdio: 'ignore' },
  )
  const timers = [
    setTimeout(() => child.kill('SIGINT'), limitMs * tests.length),
    setTimeout(() => child.kill('SIGKILL'), limitMs * tests.length + 30_000),
  ]
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  for (const timer of timers) clearTimeout(timer)
  if (signal !== null || !existsSync(report)) return 'killed (time)'
  const { numFailedTests, numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  if (numFailedTests > 0) {
    if (tests.length > 1) for (const { name, status } of testResults) console.error(`${status}: ${name}`)
    return 'killed'
  }
  return code === 0 && numPassedTests > 0 ? 'SURVIVED' : 'NOT RUN'
}
type Report = { numFailedTests: number; numPassedTests: number; testResults: { name: string; status: string }[] }

function link(target: string, path: string): void {
  if (existsSync(target) && existsSync(dirname(path))) symlinkSync(target, path, 'dir')
}
