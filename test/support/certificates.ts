import { generateKeyPairSync, randomBytes } from 'node:crypto'
import forge from 'node-forge'

/** A certificate and its private key, both PEM. */
export type Pair = { cert: string; key: string }

/** An authority of its own, and what it issues. */
export function createAuthority(name: string) {
  const authority = makePair(name, { extensions: [{ name: 'basicConstraints', cA: true, critical: true }] })
  const issue = (subject: string, extensions: object[]) => makePair(subject, { extensions, issuer: authority })
  return {
    cert: authority.cert,
    /** For a server that is reached under this DNS name. */
    server: (host: string) =>
      issue(host, [
        { name: 'extKeyUsage', serverAuth: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
      ]),
    client: (subject: string) => issue(subject, [{ name: 'extKeyUsage', clientAuth: true }]),
  }
}

function makePair(subject: string, { extensions, issuer }: { extensions: object[]; issuer?: Pair }): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = `01${randomBytes(8).toString('hex')}`
  certificate.validity.notBefore = new Date(Date.now() - 60_000)
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000)
  certificate.setSubject([{ name: 'commonName', value: subject }])
  const by = issuer === undefined ? certificate : forge.pki.certificateFromPem(issuer.cert)
  certificate.setIssuer(by.subject.attributes)
  certificate.setExtensions(extensions)
  certificate.sign(forge.pki.privateKeyFromPem(issuer?.key ?? privateKey), forge.md.sha256.create())
  return { cert: forge.pki.certificateToPem(certificate), key: privateKey }
}
