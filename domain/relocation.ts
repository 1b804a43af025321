/**
 * SQLSTATE that a data database refuses with what belongs to another side by now: `freehold.enter` for a wrong epoch or a
 * side that is not active, and the triggers on the tables of a side that was moved away. It means: nothing was done, read
 * the context again and do the whole transaction where that says. Clients know it by this value, so it never changes.
 */
export const movedState = 'FH010'
