/** What a client says when it opens a connection. */
export type Opening = { readonly application: string; readonly user: string; readonly database: string }

const requests = { ssl: 80_877_103, gss: 80_877_104 }

/** Cuts a stream of PostgreSQL's protocol into its messages. What is not whole yet waits for the next chunk. */
export function createFramer() {
  let rest: Buffer = Buffer.alloc(0)
  /** Takes one message off whose length stands at `at`. */
  function take(at: number): Buffer | undefined {
    if (rest.length < at + 4) return undefined
    const size = at + rest.readUInt32BE(at)
    if (rest.length < size) return undefined
    return cut(size)
  }
  function cut(size: number): Buffer | undefined {
    if (rest.length < size) return undefined
    const message = rest.subarray(0, size)
    rest = rest.subarray(size)
    return message
  }
  return {
    feed(chunk: Buffer): void {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    },
    /** A message without a type, as clients begin with. */
    opening: () => take(0),
    /** A message with a type. */
    message: () => take(1),
    /** The one letter that answers a question for encryption. */
    letter: () => cut(1),
  }
}

/** Whether an opening message only asks for encryption; a letter answers it, and another opening follows. */
export function asksForEncryption(message: Buffer): boolean {
  const code = message.length === 8 ? message.readUInt32BE(4) : 0
  return code === requests.ssl || code === requests.gss
}

/** Who opens a connection. */
export function readOpening(message: Buffer): Opening {
  const parts = message.subarray(8).toString().split('\0')
  const at = (name: string) => {
    const found = parts.findIndex((part, index) => index % 2 === 0 && part === name)
    return found < 0 ? '' : (parts[found + 1] ?? '')
  }
  return { application: at('application_name'), user: at('user'), database: at('database') }
}

/** Text of the statement that a client sends, or undefined for what is none. */
export function readStatement(message: Buffer): string | undefined {
  const type = String.fromCharCode(message[0] ?? 0)
  if (type === 'Q') return message.subarray(5, -1).toString()
  if (type !== 'P') return undefined
  const [, text] = message.subarray(5).toString().split('\0')
  return text
}

/** Whether the server says that it has answered everything. */
export function isReady(message: Buffer): boolean {
  return message[0] === 'Z'.charCodeAt(0)
}
