#!/usr/bin/env node
// Checks the signature of a Freehold event, with nothing but Node:
//   node verify-event.mjs KEYS [FILE]
// KEYS is the address of the keys, such as http://127.0.0.1:7070/.well-known/freehold/keys.json, and FILE holds the body of
// one message; without it the event is read from standard input.
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const [keysUrl, file = 0] = process.argv.slice(2)
const { signature, ...event } = JSON.parse(readFileSync(file, 'utf8'))

// The canonical text (RFC 8785): keys in order, no white space; the rest JSON.stringify does as the RFC says.
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const keys = Object.keys(value).toSorted()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`
}

// Only a key of the platform counts, never one that comes with the event.
const { keys } = await (await fetch(keysUrl)).json()
const key = keys.find(({ kid }) => kid === event.keyid)
const isGenuine =
  key !== undefined &&
  verify(
    null,
    Buffer.from(canonical(event)),
    createPublicKey({ key, format: 'jwk' }),
    Buffer.from(String(signature), 'base64url'),
  )
console.log(isGenuine ? `genuine: ${event.type} ${event.id}` : 'NOT GENUINE: do not believe this event')
process.exitCode = isGenuine ? 0 : 1
