/**
 * What `npm run dev` watches over. In watch mode Node has every thread tell its parent which files it loads, and the
 * Temporal SDK takes that for a message of its own; the script of package.json says itself what to watch, so none need to.
 */
delete process.env['WATCH_REPORT_DEPENDENCIES']
await import('./main.ts')
