import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { JsonObject } from '../domain/json.ts'

/** Head of a chain with nothing in it. */
export const emptyHead = '0'.repeat(64)

/** Canonical text of a JSON value (RFC 8785): what is stored, hashed and signed, so that every reader hashes the same bytes. */
export function canonicalText(value: JsonObject): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('not a JSON value')
  return text
}

/** Hash of the next link: SHA-256 in hex over the head before and the canonical text. */
export function chainHash(previous: string, text: string): string {
  return createHash('sha256').update(previous).update('\n').update(text).digest('hex')
}

/**
 * Checks a chain from its first link on. `links` in order of `seq`, from 1.
 * @returns the sequence number of the first broken link, or undefined when all hold
 */
export function firstBrokenLink(
  links: readonly { seq: number; previousHash: string; hash: string; text: string }[],
): number | undefined {
  let head = emptyHead
  for (const [index, link] of links.entries()) {
    if (link.seq !== index + 1 || link.previousHash !== head || link.hash !== chainHash(head, link.text))
      return link.seq
    head = link.hash
  }
  return undefined
}
