import { hash } from 'node:crypto'
import type { AuditCheckpoint, PublicSigningKey, TellFinding } from './audit-records.ts'
import { isGenuine } from './signature.ts'

/** A head that a checkpoint has signed. */
export type SignedHead = { readonly seq: number; readonly hash: string; readonly checkpoint: number }
type Document = {
  number: number
  previous: string
  keyId: string
  heads: [stream: string, seq: number, hash: string][]
}

const emptyHead = '0'.repeat(64)
const stream = 'checkpoints'

/**
 * Checks checkpoints in the order of their numbers: each as it was signed, by a key that counts, behind the one before.
 * @param keys the keys that count
 * @param isWhole whether they are all there, from the first on
 */
export function createCheckpointCheck(keys: () => readonly PublicSigningKey[], report: TellFinding) {
  const heads = new Map<string, SignedHead>()
  const hashes = new Map<number, string>()
  let last = { number: 0, hash: emptyHead }

  return {
    /** The newest head of each stream that a genuine checkpoint has signed. */
    heads,
    /** Hash of each checkpoint by its number. */
    hashes,
    add(checkpoint: AuditCheckpoint, isWhole: boolean): void {
      const { number, document, hash: said, keyId } = checkpoint
      const find = (kind: 'changed' | 'removed' | 'bad signature', expected: string, found: string, seq = number) =>
        report({ kind, stream, seq, expected, found })
      if (isWhole && number > last.number + 1)
        find('removed', `checkpoints up to ${number - 1}`, `the next is ${number}`, last.number + 1)
      const computed = hash('sha256', document)
      if (computed !== said) find('changed', `hash ${computed} of its document`, `hash ${said}`)
      const signed = read(document)
      if (!isGenuine(checkpoint, keys()))
        find('bad signature', 'a signature by a key of the platform', `one that is not, of key ${keyId}`)
      else if (signed === undefined || signed.number !== number || signed.keyId !== keyId)
        find('changed', `checkpoint ${signed?.number ?? 'of this version'}`, `number ${number}, key ${keyId}`)
      else {
        if (number === last.number + 1 && signed.previous !== last.hash)
          find('changed', `hash ${signed.previous}, as checkpoint ${number} says`, `hash ${last.hash}`, number - 1)
        for (const [of, seq, head] of signed.heads)
          if ((heads.get(of)?.seq ?? 0) <= seq) heads.set(of, { seq, hash: head, checkpoint: number })
      }
      hashes.set(number, computed)
      last = { number, hash: computed }
    },
  }
}

function read(document: string): Document | undefined {
  try {
    const value = JSON.parse(document) as Document | null
    return Array.isArray(value?.heads) && value.heads.every(Array.isArray) ? value : undefined
  } catch {
    return undefined
  }
}
