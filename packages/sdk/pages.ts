const largestPage = 200

/** What a list gives: its items, and whether there are more than were asked for. */
export type Listed<T> = { readonly items: T[]; readonly more: boolean }

/**
 * Up to `limit` items over as many pages as that takes.
 * @param ask gives the page behind a position, undefined for the first, and the position behind it, null at the end
 */
export async function listPages<T, P>(
  limit: number,
  ask: (position: P | undefined, size: number) => Promise<{ items: T[]; next: P | null }>,
): Promise<Listed<T>> {
  const items: T[] = []
  let position: P | undefined
  for (;;) {
    const page = await ask(position, Math.min(limit - items.length, largestPage))
    items.push(...page.items)
    const next = page.items.length === 0 ? null : page.next
    if (next === null || items.length >= limit) return { items, more: next !== null }
    position = next
  }
}
