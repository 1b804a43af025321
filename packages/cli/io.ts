/** Where text goes; a terminal says so and how large it is. */
export type Sink = {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

/** All that a run of the program takes from its surroundings, so that a test can hand in its own. */
export type Io = {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Version of this program. */
  readonly version: string
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined
}
