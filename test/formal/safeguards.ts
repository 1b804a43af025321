/**
 * Every condition of the cut, and what it says. A search can leave any of them out, to show that the model sees what it is
 * for. Where the text is a statement, it is the one of the product.
 */
export const safeguards = {
  tableLock: 'fence locks the tables, so no writer is in flight when the side closes',
  lockFirst: 'fence reads the row only when it has the tables, and keeps it locked until close',
  fenceCheck: 'fence goes on only with state open, epoch = e and its own permit',
  freshMarker: 'the id of the marker is unique per try',
  markerWait: 'fence waits until the marker is visible on the other side',
  sameConnection: 'a connection that dies in the fence is a failed try; close never runs on a new one',
  deadMan: 'the server ends the transaction of a worker that died in the fence',
  closeGuard: 'close: WHERE epoch = e AND permit = mine',
  closeTrigger: 'close puts the refusing trigger on every table, in the same commit',
  closeSync: 'close commits with synchronous_commit = on',
  targetTrigger: 'the target has the refusing trigger from prepare on',
  openState: "open: WHERE state <> 'active'",
  openEpoch: 'open: WHERE epoch < e + 1',
  openMarker: 'open waits until the marker of close is there',
  openSync: 'open commits with synchronous_commit = on',
  openLatch: 'open leaves the side suspended when the latch is set',
  ownMove: 'fence, close and resolve take `moved` at e + 1 for their own only with their own permit in the row',
  giveUpOpen: 'an attempt that gives up takes its permit away only while the side is open at e',
  openClears: 'open takes away whatever permit the row still has, so that resolve knows an undo by it',
  latchLate: 'open reads the latch when the side is closed, not before the fence',
  publishGuard: 'publish: WHERE epoch < e + 1',
  resolveWaits: 'resolve decides on an UPDATE, which waits for a fence or a commit in flight',
  clearPermit: 'resolve takes the permit away before it answers "not cut"',
  clearSuspended: 'resolve does so on a suspended side as well',
  resolveSync: 'resolve has that flushed before it answers',
  superseded: 'resolve touches nothing where the epoch is e + 2 or higher',
  retireFirst: 'undo retires the other side before it opens this one again',
  retireGuard: 'undo retires: WHERE epoch < e + 1',
  undoGuard: "undo opens: WHERE state = 'moved' AND epoch = e + 1",
  undoAgain: 'resolve goes on with an undo that died before it had published',
  undoLatch: 'undo leaves the side suspended when the latch is set',
  grantOnce: 'the permit of a cut is given once: a late run of that activity gives none',
  claimOrder: 'a try takes a side only from tries of lower numbers: WHERE fence <= mine',
  takeBoth: 'a try takes the second side also when the first one is open',
  claimRefused: 'no try of a cut is given a number once resolve has been asked to settle it',
  resolveFirst: 'the workflow asks resolve before it aborts',
  gateEpoch: 'the gate refuses a context of another epoch',
  gateLock: 'the gate holds its lock for the whole transaction, and the fence waits for it',
  keyInsert: 'the SDK looks a key up by inserting it, which waits for a commit in flight',
  keyReplicated: 'the table of keys is copied with the rest',
  commitTag: 'the SDK acknowledges a COMMIT only when its command tag is COMMIT',
  originNone: 'a stream does not carry what came by the other stream',
  latchFirst: 'suspend sets the latch before it closes a side',
  suspendLock: 'suspend reads and closes under the lock of the row',
  suspendEpoch: 'suspend leaves the epoch of a tenant that is being moved',
  suspendFollows: 'suspend waits for publish where it finds `moved`, and closes the other side',
} as const

export type Safeguard = keyof typeof safeguards

/** Which safeguards are on. */
export type Rules = Readonly<Record<Safeguard, boolean>>

/** All safeguards but those left out. */
export function rulesWithout(left: readonly Safeguard[] = []): Rules {
  const names = Object.keys(safeguards) as Safeguard[]
  return Object.fromEntries(names.map((name) => [name, !left.includes(name)])) as Rules
}
