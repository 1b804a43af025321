import { setTimeout as sleep } from 'node:timers/promises'
import type { TenantDatabase } from '@freehold/sdk/database'
import { placeOrder } from './place-order.ts'

/** An operation that was acknowledged: which, when by the clock of `performance`, and how long it had taken. */
export type Acknowledged = { readonly reference: string; readonly at: number; readonly ms: number }

/** Services of a shop that place one order after the other. */
export type Writers = {
  /** All operations that were acknowledged, as they came. */
  readonly acknowledged: readonly Acknowledged[]
  /** What a client was told instead. */
  readonly errors: readonly unknown[]
  /** Lets the operations under way end, and begins no other. */
  stop(): Promise<void>
}

const products = 500

/**
 * Starts writers, each with one order after the other, every order under an idempotency key.
 * @param name begins the references of their orders
 * @param pauseMs between two orders of one writer
 */
export function startWriters(
  database: TenantDatabase,
  { name, many, pauseMs = 0 }: { name: string; many: number; pauseMs?: number },
): Writers {
  const acknowledged: Acknowledged[] = []
  const errors: unknown[] = []
  let isOver = false
  async function write(number: number): Promise<void> {
    for (let count = 0; !isOver; count += 1) {
      const reference = `${name}/${number}/${count}`
      // Each sells products of its own, so that none waits for another.
      const product = 1 + ((count * many + number) % products)
      const began = performance.now()
      try {
        await database.transaction((client) => placeOrder(client, { reference, customer: 1, product }), {
          idempotencyKey: reference,
        })
        const at = performance.now()
        acknowledged.push({ reference, at, ms: at - began })
      } catch (error) {
        errors.push(error)
      }
      if (pauseMs > 0) await sleep(pauseMs)
    }
  }
  const running = Array.from({ length: many }, (_, number) => write(number))
  return {
    acknowledged,
    errors,
    async stop() {
      isOver = true
      await Promise.all(running)
    },
  }
}
