import { z } from 'zod'

/** Control characters, bidirectional overrides and lone surrogates: they make a text look like another one. */
const treacherous = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u

/** A text for people: 1 to `max` characters, nothing that could disguise what it says. */
export function plainText(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !treacherous.test(value), 'must not contain control or text-direction characters')
}

/** A name for machines, as in labels, feature flags and settings. */
export const machineName = z
  .string()
  .max(63)
  .regex(/^[A-Za-z][A-Za-z0-9._/-]*$/, 'must start with a letter and hold letters, digits and . _ / - only')

/** Where a secret is to be found, never the secret itself. */
export const secretReference = z.string().regex(/^(env:[A-Z][A-Z0-9_]*|file:.+)$/, 'must be env:NAME or file:PATH')
