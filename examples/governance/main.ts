import { decide } from './decide.ts'
import { createEndpoint } from './endpoint.ts'

const { GOVERNANCE_SECRET = '', GOVERNANCE_PORT = '7900' } = process.env
if (GOVERNANCE_SECRET.length < 24) {
  console.error('set GOVERNANCE_SECRET to the secret that the platform file refers to, 24 bytes or more')
  process.exit(1)
}
createEndpoint(GOVERNANCE_SECRET, (question) => {
  const answer = decide(question)
  console.log(`${question.command} of ${question.tenant.slug}: ${answer.verdict}`)
  return answer
}).listen(Number(GOVERNANCE_PORT), '127.0.0.1', () =>
  console.log(`governance endpoint at http://127.0.0.1:${GOVERNANCE_PORT}`),
)
