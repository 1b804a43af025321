import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts, requireFreePort } from '../../../local/ports.ts'

const use = { purpose: 'the Temporal server', variable: 'TEMPORAL_PORT' }

test('a taken port is an error that names the port, its purpose and the variable that changes it', async () => {
  const [port = 0] = await freePorts(1)
  const holder = createServer().listen(port, '127.0.0.1')
  onTestFinished(() => void holder.close())
  await once(holder, 'listening')
  await expect(requireFreePort(port, use)).rejects.toThrow(
    `Port ${port} for the Temporal server is taken by another program; stop that program, or set TEMPORAL_PORT to a free port.`,
  )
})

test('free ports are all different and can be listened on', async () => {
  const ports = await freePorts(20)
  expect(new Set(ports).size).toBe(20)
  for (const port of ports) await requireFreePort(port, use)
})
