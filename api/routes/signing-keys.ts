import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { sqlOf } from '../../registry/pool.ts'
import { publicKeys } from '../../registry/signing-keys.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { json, newApp, open, problems } from './common.ts'

const keySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
  use: z.literal('sig'),
  alg: z.literal('EdDSA'),
})

/** Public keys, to check the signatures of events, reports and checkpoints with. */
export function signingKeyRoutes({ orm, signer }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(
    createRoute({
      method: 'get',
      path: '/.well-known/freehold/keys.json',
      operationId: 'getSigningKeys',
      tags: ['system'],
      security: open,
      summary:
        'The keys events are signed with, the one in use first (RFC 7517); `keyid` of an event is the `kid` of its key',
      responses: { 200: json(z.object({ keys: z.array(keySchema) }), 'A set of JSON Web Keys'), ...problems() },
    }),
    async (c) => {
      c.header('Cache-Control', 'public, max-age=3600')
      return c.json({ keys: await publicKeys(sqlOf(orm.pool), signer) }, 200)
    },
  )
  return app
}
