/**
 * SQLSTATE of every refusal that a move is the reason of: a stale epoch at the gate, a write on the side that is not the
 * tenant's any more, or not yet. Who gets it reads the tenant context again and runs the whole transaction where that says.
 */
export const movedState = 'FH010'

/** Steps of a cut, in the words of the protocol (relocation.md, F1 to F4), and what settles a cut that nobody knows the end of. */
export const cutSteps = ['fence', 'close', 'open', 'publish', 'resolve'] as const
export type CutStep = (typeof cutSteps)[number]
