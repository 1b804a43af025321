import { createConfig, lintFromString } from '@redocly/openapi-core'

/** What redocly has to say against an OpenAPI document, one line each; asks nothing of the network. */
export async function lintOpenApi(text: string): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended'],
    // What everybody may read refuses nobody; that everything else names its refusals is a test of our own.
    rules: { 'operation-4xx-response': 'off', 'no-invalid-media-type-examples': 'error' },
  })
  const problems = await lintFromString({ source: text, absoluteRef: '/openapi.json', config })
  return problems.map(
    ({ severity, ruleId, message, location }) => `${severity} ${ruleId} at ${location[0]?.pointer ?? '#'}: ${message}`,
  )
}
