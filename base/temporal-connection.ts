import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { errorText, FreeholdError } from '../domain/errors.ts'
import type { Config } from './config.ts'
import { secretResolver, type ResolveSecret } from './secret-reference.ts'

/** Where Temporal is and how to get in; what a client, a worker and the mapper of `runtime` are connected with alike. */
export type TemporalConnectionOptions = {
  /** `host:port` */
  readonly address: string
  /** Absent: unencrypted. */
  readonly tls?: TemporalTls
  readonly apiKey?: string
}

type TemporalTls = {
  serverNameOverride?: string
  serverRootCACertificate?: Buffer
  clientCertPair?: { crt: Buffer; key: Buffer }
}

/** The part of the configuration that says how Temporal is reached. */
export type TemporalConfig = Pick<Config, (typeof settings)[number]> & { TEMPORAL_ADDRESS: string }

const settings = [
  'TEMPORAL_TLS',
  'TEMPORAL_TLS_CA_FILE',
  'TEMPORAL_TLS_CERT_FILE',
  'TEMPORAL_TLS_KEY_FILE',
  'TEMPORAL_TLS_SERVER_NAME',
  'TEMPORAL_API_KEY',
] as const

/**
 * Reads the certificates and the key that the configuration names. Throws `configuration_invalid`, naming the variable,
 * when a file is missing or holds something else, when a pair is not one, or when settings contradict each other.
 * @param resolveSecret what `TEMPORAL_API_KEY` refers to
 */
export async function temporalConnectionOptions(
  config: TemporalConfig,
  resolveSecret: ResolveSecret = secretResolver(process.env),
): Promise<TemporalConnectionOptions> {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: reference } = config
  const wanting = settings.filter((name) => name !== 'TEMPORAL_TLS' && config[name] !== undefined)
  if (config.TEMPORAL_TLS === 'false' && wanting.length > 0)
    throw invalid(`${wanting.join(', ')} need an encrypted connection, and TEMPORAL_TLS is false; set it to true`)
  if (config.TEMPORAL_TLS !== 'true' && wanting.length === 0) return { address }
  return {
    address,
    tls: await readTls(config),
    ...(reference === undefined ? {} : { apiKey: await resolveSecret(reference) }),
  }
}

async function readTls(config: TemporalConfig): Promise<TemporalTls> {
  const { TEMPORAL_TLS_CA_FILE: ca, TEMPORAL_TLS_SERVER_NAME: serverNameOverride } = config
  const clientCertPair = await readPair(config)
  return {
    ...(serverNameOverride === undefined ? {} : { serverNameOverride }),
    ...(ca === undefined ? {} : { serverRootCACertificate: await readPem('TEMPORAL_TLS_CA_FILE', ca, certificateIn) }),
    ...(clientCertPair === undefined ? {} : { clientCertPair }),
  }
}

async function readPair(config: TemporalConfig): Promise<TemporalTls['clientCertPair']> {
  const { TEMPORAL_TLS_CERT_FILE: certFile, TEMPORAL_TLS_KEY_FILE: keyFile } = config
  if (certFile === undefined && keyFile === undefined) return undefined
  if (certFile === undefined || keyFile === undefined) {
    const [set, missing] = certFile === undefined ? ['KEY', 'CERT'] : ['CERT', 'KEY']
    throw invalid(
      `TEMPORAL_TLS_${set}_FILE is set without TEMPORAL_TLS_${missing}_FILE; a client certificate needs both`,
    )
  }
  const crt = await readPem('TEMPORAL_TLS_CERT_FILE', certFile, certificateIn)
  const key = await readPem('TEMPORAL_TLS_KEY_FILE', keyFile, createPrivateKey)
  if (!new X509Certificate(crt).checkPrivateKey(createPrivateKey(key)))
    throw invalid(`the key of TEMPORAL_TLS_KEY_FILE (${keyFile}) does not belong to the certificate in ${certFile}`)
  return { crt, key }
}

const certificateIn = (pem: Buffer) => new X509Certificate(pem)

/** A PEM file that was tried out; what gRPC says of a bad one helps nobody. */
async function readPem(variable: string, file: string, parse: (pem: Buffer) => unknown): Promise<Buffer> {
  const pem = await readFile(file).catch((cause: unknown) => {
    throw invalid(`${variable}: ${file} cannot be read (${errorText(cause)})`, cause)
  })
  try {
    parse(pem)
  } catch (cause) {
    const kind = variable === 'TEMPORAL_TLS_KEY_FILE' ? 'private key' : 'certificate'
    throw invalid(`${variable}: ${file} holds no ${kind} in PEM`, cause)
  }
  return pem
}

function invalid(message: string, cause?: unknown): FreeholdError {
  return new FreeholdError('configuration_invalid', message, { cause })
}
