import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A key pair and its certificate, both PEM. The certificate signs itself, so it is also the CA a client must trust. */
export type Certificate = { key: string; cert: string }

/** DER: tag, length, content. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content])
}

const sequence = (...parts: Buffer[]) => der(0x30, ...parts)
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const boolean = der(0x01, Buffer.from([0xff]))
const bitString = (bits: Buffer) => der(0x03, Buffer.from([0]), bits)
const extension = (id: string, critical: boolean, value: Buffer) =>
  sequence(oid(id), ...(critical ? [boolean] : []), der(0x04, value))

/** GeneralizedTime, whole seconds. */
const time = (at: Date) => der(0x18, Buffer.from(`${at.toISOString().replace(/[-:T]|\.\d+Z/g, '')}Z`))

/**
 * Makes a self-signed certificate (ECDSA P-256, valid for ten years) for `localhost`, 127.0.0.1 and ::1. node:crypto can
 * sign but not issue, hence the few lines of X.509 (RFC 5280) here.
 */
export function makeCertificate(now = new Date()): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('Freehold local Service Bus')))))
  const serial = randomBytes(16)
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0) // a positive integer of a fixed length
  const notAfter = new Date(now.getTime() + 10 * 365 * 86_400_000)
  const extensions = sequence(
    extension('551d13', true, sequence(boolean)), // basic constraints: CA
    extension('551d0f', true, der(0x03, Buffer.from([0x01, 0x86]))), // digital signature, certificate and CRL signing
    extension('551d25', false, sequence(oid('2b06010505070301'))), // TLS server
    extension(
      '551d11',
      false,
      sequence(
        der(0x82, Buffer.from('localhost')),
        der(0x87, Buffer.from([127, 0, 0, 1])),
        der(0x87, Buffer.from([...Array.from({ length: 15 }, () => 0), 1])),
      ),
    ),
  )
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(time(now), time(notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  )
  const signed = sequence(body, ecdsaWithSha256, bitString(sign('sha256', body, privateKey)))
  const base64 = signed.toString('base64').replace(/.{1,64}/g, '$&\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`,
  }
}
