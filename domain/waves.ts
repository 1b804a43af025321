type Step = { readonly key: string; readonly after: readonly string[] }

/**
 * Groups steps into waves: everything in a wave may run side by side once the waves before are done. A dependency on a
 * key that is not among the steps counts as met. Throws on a cycle, which only a wrong strategy can make.
 */
export function waves<S extends Step>(steps: readonly S[]): S[][] {
  const result: S[][] = []
  let rest = [...steps]
  while (rest.length > 0) {
    const open = new Set(rest.map((step) => step.key))
    const ready = rest.filter((step) => !step.after.some((key) => open.has(key)))
    if (ready.length === 0) throw new Error(`steps wait for each other in a circle: ${[...open].join(', ')}`)
    result.push(ready)
    rest = rest.filter((step) => !ready.includes(step))
  }
  return result
}
