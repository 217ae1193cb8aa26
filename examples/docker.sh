#!/bin/sh
# Gyre in a container, on the host's network: the pool is made of addresses of the host, and a container on a bridge has
# only one of its own. The health check is in the image.
#
#   docker build -t gyre . && IP_POOL=192.0.2.10-192.0.2.19 sh examples/docker.sh
set -eu
exec docker run --rm --name gyre --network host \
  --read-only --cap-drop ALL --security-opt no-new-privileges \
  --ulimit nofile=262144:262144 --stop-timeout 35 \
  -e IP_POOL="${IP_POOL:?an address, a range or a prefix of this host}" \
  -e PROXY_USER -e PROXY_PASS \
  -e LISTEN_ADDR="${LISTEN_ADDR:-127.0.0.1:1080}" \
  gyre
