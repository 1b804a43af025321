import pTimeout from 'p-timeout'

/** What `work` gives, or an error when it takes longer. The work itself goes on, and its end is ignored. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return pTimeout(work, { milliseconds, message: `no answer within ${milliseconds} ms` })
}
