/**
 * An error a client can meet, with both of its faces: the AMQP condition of the data plane and the HTTP status of the
 * administration side. The client library derives its own error codes from these two.
 */
export class BrokerError extends Error {
  readonly condition: string
  readonly status: number

  constructor(condition: string, status: number, message: string) {
    super(message)
    this.name = 'BrokerError'
    this.condition = condition
    this.status = status
  }
}

/** What the real service answers, by situation; takes the part of the message that varies. */
export const errors = {
  entityNotFound: (path: string) =>
    new BrokerError('amqp:not-found', 404, `The messaging entity '${path}' could not be found.`),
  entityExists: (path: string) =>
    new BrokerError(
      'com.microsoft:entity-already-exists',
      409,
      `SubCode=40900. Conflict. The entity '${path}' already exists.`,
    ),
  entityDisabled: (path: string, status: string) =>
    new BrokerError(
      'com.microsoft:entity-disabled',
      400,
      `Messaging entity '${path}' is currently disabled (its status is ${status}).`,
    ),
  quotaExceeded: (message: string) =>
    new BrokerError('amqp:resource-limit-exceeded', 403, `SubCode=40300. Quota exceeded. ${message}`),
  badRequest: (message: string) =>
    new BrokerError('com.microsoft:argument-error', 400, `SubCode=40000. Bad Request. ${message}`),
  unauthorized: (message: string) =>
    new BrokerError('amqp:unauthorized-access', 401, `Unauthorized access. ${message}`),
  notAllowed: (message: string) => new BrokerError('amqp:not-allowed', 400, message),
  notImplemented: (message: string) => new BrokerError('amqp:not-implemented', 501, message),
  messageTooLarge: (size: number, limit: number) =>
    new BrokerError(
      'amqp:link:message-size-exceeded',
      413,
      `The message of ${size} bytes is larger than the ${limit} bytes the entity accepts.`,
    ),
  messageNotFound: (sequence: number) =>
    new BrokerError('com.microsoft:message-not-found', 404, `There is no message with sequence number ${sequence}.`),
  messageLockLost: () =>
    new BrokerError(
      'com.microsoft:message-lock-lost',
      410,
      'The lock supplied is invalid. Either the lock expired, or the message has already been removed.',
    ),
  sessionLockLost: (session: string) =>
    new BrokerError('com.microsoft:session-lock-lost', 410, `The lock of session '${session}' was lost.`),
  sessionCannotBeLocked: (session: string) =>
    new BrokerError(
      'com.microsoft:session-cannot-be-locked',
      410,
      `The requested session '${session}' cannot be accepted. It may be locked by another receiver.`,
    ),
  noSession: () =>
    new BrokerError('com.microsoft:timeout', 408, 'No session with messages became available within the time allowed.'),
}
