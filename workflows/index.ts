export { provision } from './provision.ts'
export { purge } from './purge.ts'
export { rotateCredentials } from './rotate-credentials.ts'
