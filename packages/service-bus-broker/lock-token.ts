const hex = (token: string) => Buffer.from(token.replaceAll('-', ''), 'hex')

/** A lock token as the delivery tag a client shows it from: .NET's byte order, the first three groups reversed. */
export function lockTag(token: string): Buffer {
  const bytes = hex(token)
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}

/** A lock token as an AMQP uuid. */
export function lockUuid(token: string): Buffer {
  return hex(token)
}

/** The lock token of an AMQP uuid. */
export function lockToken(uuid: Buffer): string {
  return uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
