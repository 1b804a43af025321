/** What an address names: a topic, or something of one of its subscriptions. Names keep the case they were given in. */
export type EntityPath = {
  topic: string
  subscription?: string
  rule?: string
  deadLetters: boolean
  management: boolean
}

const pattern =
  /^(?<topic>.+?)(?:\/subscriptions\/(?<subscription>[^/]+)(?:\/rules\/(?<rule>[^/]+))?(?<dead>\/\$deadletterqueue)?)?(?<management>\/\$management)?$/i

/** Parses an address or URL path without its leading slash; undefined for an empty one. */
export function parseEntityPath(path: string): EntityPath | undefined {
  const groups = pattern.exec(path.replace(/^\/+|\/+$/g, ''))?.groups
  if (!groups) return undefined
  const { topic = '', subscription, rule, dead, management } = groups
  return {
    topic,
    ...(subscription === undefined ? {} : { subscription }),
    ...(rule === undefined ? {} : { rule }),
    deadLetters: dead !== undefined,
    management: management !== undefined,
  }
}
