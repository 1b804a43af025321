import type { Client } from '@freehold/sdk'
import type { Io } from './io.ts'
import type { Format } from './output.ts'

/** What every command is given: the API, how to answer, and how long an operation may be waited for. */
export type Session = {
  readonly client: Client
  readonly io: Io
  readonly format: Format
  readonly timeoutMs: number
}
