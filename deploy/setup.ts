import { runService } from '../base/service.ts'
import { prepare } from './prepare.ts'

const say = (line: string) => console.log(line)

/** Setup as a process that ends: `prepare` with the variables it is given, telling what it did. */
await runService('setup', async () => {
  await prepare(process.env, { say })
  say('setup is done')
})
