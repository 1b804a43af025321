import type { OpenAPIHono } from '@hono/zod-openapi'
import { except } from 'hono/combine'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { FreeholdError } from '../domain/errors.ts'
import { requireApiKey } from './auth.ts'
import { limitBody } from './body.ts'
import type { ApiDeps, ApiEnv } from './deps.ts'
import { serveOpenApi } from './openapi.ts'
import { problemHandler } from './problem.ts'
import { requestLog } from './request-log.ts'
import { auditRoutes } from './routes/audit.ts'
import { legalHoldRoutes } from './routes/legal-hold.ts'
import { masterKeyRoutes } from './routes/master-key.ts'
import { manifestRoutes } from './routes/manifests.ts'
import { comparingRoutes } from './routes/comparing.ts'
import { newApp } from './routes/common.ts'
import { credentialRoutes } from './routes/credentials.ts'
import { reportRoutes } from './routes/reports.ts'
import { signingKeyRoutes } from './routes/signing-keys.ts'
import { operationRoutes } from './routes/operations.ts'
import { policyRoutes } from './routes/policies.ts'
import { secretRoutes } from './routes/secrets.ts'
import { streamRoutes } from './routes/stream.ts'
import { systemRoutes } from './routes/system.ts'
import { tenantRoutes } from './routes/tenants.ts'
import { relocationCommandRoutes } from './routes/relocation-commands.ts'
import { relocationRoutes } from './routes/relocations.ts'
import { transitionRoutes } from './routes/transitions.ts'

/** The API as an app and as a fetch function; it listens nowhere by itself. */
export function createApi(deps: ApiDeps): { app: OpenAPIHono<ApiEnv>; fetch: OpenAPIHono<ApiEnv>['fetch'] } {
  const app = newApp()
  const problem = problemHandler(deps.log)
  app.onError(problem)
  // Answered, not thrown: an error thrown here would pass by the log and the metrics.
  app.notFound((c) =>
    problem(new FreeholdError('not_found', 'there is nothing at this path; /openapi.json lists what there is'), c),
  )
  app.use(requestLog(deps.log, deps.metrics))
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allowed = methods.join(', ')
        c.header('Allow', allowed)
        return problem(
          new FreeholdError('method_not_allowed', `${c.req.method} is not possible here; possible: ${allowed}`),
          c,
        )
      },
    }),
  )
  app.use('/v1/*', requireApiKey(deps.orm))
  app.use(
    '/v1/*',
    except(({ req }) => req.method === 'GET', limitBody),
  )
  const groups = [
    tenantRoutes,
    manifestRoutes,
    comparingRoutes,
    relocationCommandRoutes,
    relocationRoutes,
    transitionRoutes,
    legalHoldRoutes,
    masterKeyRoutes,
    credentialRoutes,
    operationRoutes,
    streamRoutes,
  ]
  for (const group of groups) app.route('/', group(deps))
  app.route('/', policyRoutes(deps))
  app.route('/', secretRoutes(deps))
  app.route('/', reportRoutes(deps))
  app.route('/', auditRoutes(deps))
  app.route('/', systemRoutes(deps))
  app.route('/', signingKeyRoutes(deps))
  serveOpenApi(app)
  return { app, fetch: app.fetch }
}
