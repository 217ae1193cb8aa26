# Gyre in a container.
#
#   docker build -t gyre .
#   docker run --rm --network host -e IP_POOL=192.0.2.10-192.0.2.19 gyre
#
# `--network host` is the usual way: the pool is made of addresses of the host, and a container on a bridge network has
# only one address of its own. On the host's network Gyre listens on 127.0.0.1:1080 of the host. Without it, give the
# container its addresses (macvlan, ipvlan, or a routed IPv6 prefix), let it listen on all of them, say who may use it,
# and publish the port:
#
#   docker run --rm -p 1080:1080 -e LISTEN_ADDR=0.0.0.0:1080 -e PROXY_USER=alice -e PROXY_PASS=... \
#     -e IP_POOL=interface:eth0 gyre
#
# Settings come from the environment (IP_POOL, LISTEN_ADDR, PROXY_USER, PROXY_PASS, GYRE_...) or from a mounted file:
#
#   docker run --rm --network host -v ./gyre.yaml:/etc/gyre.yaml:ro gyre serve --config /etc/gyre.yaml
#
# Every tunnel takes two file descriptors: `--ulimit nofile=262144:262144` for many of them.

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: the only one belongs to the development dependency `node`, a runtime that this image already has.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:26-slim
LABEL org.opencontainers.image.title="Gyre" \
      org.opencontainers.image.description="Rotating forward proxy: SOCKS5 and HTTP CONNECT on one port, every connection from the next of your own addresses" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
COPY config ./config
# The image's ordinary user: nothing Gyre does needs root.
USER node
EXPOSE 1080
# Stop accepting, let tunnels end, then cut. Give it time: `docker stop --time 35`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "/app/bin/gyre.js", "healthcheck"]
ENTRYPOINT ["node", "/app/bin/gyre.js"]
CMD ["serve"]
