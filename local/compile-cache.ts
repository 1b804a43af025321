import { join } from 'node:path'

/**
 * Where processes of ours keep what Node made of their sources. A process that finds everything there need not load the
 * compiler that strips types: it holds 20 MiB less and starts in half the time. The image is built with one as well.
 */
export const compileCache = { NODE_COMPILE_CACHE: join(import.meta.dirname, '../node_modules/.cache/freehold') }
