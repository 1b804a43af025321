import { within } from './deadline.ts'

const patienceMs = 2_000

/** Whether each part answers within 2 s, by its name; one that throws at once does not. */
export async function readiness(parts: Record<string, () => Promise<unknown>>): Promise<Record<string, boolean>> {
  const answers = Object.entries(parts).map(async ([name, ask]) => {
    const asking = Promise.try(ask)
    const isThere = await within(patienceMs, asking).then(
      () => true,
      () => false,
    )
    return [name, isThere] as const
  })
  return Object.fromEntries(await Promise.all(answers))
}
