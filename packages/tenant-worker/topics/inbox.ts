import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus'
import { tenantProperty } from './messages.ts'
import type { TenantTopic } from './tenant-topics.ts'

/** Takes one message of a tenant; when it throws, the message comes again, ten times at most. */
export type TenantMessageHandler = (topic: TenantTopic, message: ServiceBusReceivedMessage) => Promise<void>

/** What went wrong with one message. */
export type MessageFault =
  | { readonly kind: 'refused'; readonly topic: TenantTopic; readonly messageId: string; readonly reason: string }
  | {
      readonly kind: 'handler-failed'
      readonly topic: TenantTopic
      readonly messageId: string
      readonly error: unknown
    }

/** What became of a message: what went wrong with it, and the bus' answer to that it is settled. */
type Handled = { readonly fault?: MessageFault; readonly settled: Promise<void> }

/**
 * Hands one message to the handler and settles it: completed when the handler took it, given back when it threw. A message
 * that does not name the tenant of its topic is never shown to the handler; it goes to the dead letters with the reason.
 * The bus' answer is not waited for, so that the next message can be handled meanwhile; the caller waits for it.
 */
export async function handle(
  receiver: ServiceBusReceiver,
  topic: TenantTopic,
  message: ServiceBusReceivedMessage,
  handler: TenantMessageHandler,
): Promise<Handled> {
  const messageId = String(message.messageId ?? '')
  const reason = mismatch(topic, message)
  if (reason !== undefined) {
    const deadLetterReason = 'TenantMismatch'
    const settled = receiver.deadLetterMessage(message, { deadLetterReason, deadLetterErrorDescription: reason })
    return { fault: { kind: 'refused', topic, messageId, reason }, settled }
  }
  try {
    await handler(topic, message)
  } catch (error) {
    return { fault: { kind: 'handler-failed', topic, messageId, error }, settled: receiver.abandonMessage(message) }
  }
  return { settled: receiver.completeMessage(message) }
}

function mismatch(topic: TenantTopic, { applicationProperties }: ServiceBusReceivedMessage): string | undefined {
  const said = applicationProperties?.[tenantProperty]
  if (said === topic.tenantId) return undefined
  const what = typeof said === 'string' ? `names tenant "${said.slice(0, 64)}"` : 'names no tenant'
  return `the message ${what} in its property ${tenantProperty}, and topic "${topic.topic}" is that of tenant "${topic.tenantId}"`
}
