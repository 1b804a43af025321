import { chartLine, type Scene, type Tick } from './chart.ts'
import type { Writers } from '../../examples/shop/writers.ts'

/** What the demonstration writes to: a terminal, where one line is redrawn, or a pipe, which gets a line now and then. */
export type Display = ReturnType<typeof openDisplay>

const tickMs = 100
/** So often a pipe gets the line. */
const everyTicks = 20
const columnsOfPipe = 120

/** Opens the display on a stream; `close` ends the line. */
export function openDisplay(out: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }) {
  const isTerminal = out.isTTY === true
  const ticks: Tick[] = []
  let scene: Scene = { phase: '', note: '', errors: 0 }
  let timer: NodeJS.Timeout | undefined
  const clear = () => (isTerminal ? out.write('\r\u001B[K') : true)

  /** Adds what the writers did since the last time. */
  function look({ acknowledged, errors }: Writers, seen: number, ms: number): void {
    const newest = acknowledged.slice(seen)
    ticks.push({ count: newest.length, worstMs: Math.max(0, ...newest.map((one) => one.ms)), ms })
    if (ticks.length > 200) ticks.shift()
    scene = { ...scene, errors: errors.length }
  }

  return {
    /** A line that stays. */
    say(line: string): void {
      clear()
      out.write(`${line}\n`)
    },
    /** What the chart says beside its curves. */
    show(phase: string, note = ''): void {
      scene = { ...scene, phase, note }
    },
    /** Draws what these writers do, until `close` or other writers. */
    follow(writers: Writers): void {
      clearInterval(timer)
      let [seen, last, count] = [writers.acknowledged.length, performance.now(), 0]
      timer = setInterval(() => {
        const now = performance.now()
        look(writers, seen, now - last)
        ;[seen, last, count] = [writers.acknowledged.length, now, count + 1]
        if (isTerminal) out.write(`\r\u001B[K${chartLine(ticks, scene, out.columns ?? columnsOfPipe)}`)
        else if (count % everyTicks === 0) out.write(`   ${chartLine(ticks, scene, columnsOfPipe)}\n`)
      }, tickMs)
    },
    close(): void {
      clearInterval(timer)
      clear()
    },
  }
}
