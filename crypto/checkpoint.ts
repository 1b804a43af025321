import { canonicalText } from './hash-chain.ts'

/** How far a stream was: its last sequence number, and the hash of that event. */
export type Head = { readonly stream: string; readonly seq: number; readonly hash: string }

/** What a checkpoint says besides the heads. */
export type CheckpointFacts = {
  /** 1, 2, … with no gap. */
  readonly number: number
  /** Hash of the document of the checkpoint before; `emptyHead` for the first. */
  readonly previous: string
  readonly at: string
  readonly keyId: string
}

/** The text of a checkpoint that is hashed and signed. Of the streams only those are in it that have grown since they were in one. */
export function checkpointDocument({ number, previous, at, keyId }: CheckpointFacts, heads: readonly Head[]): string {
  return canonicalText({
    version: 1,
    number,
    previous,
    at,
    keyId,
    heads: heads.map(({ stream, seq, hash }) => [stream, seq, hash]),
  })
}
