#!/usr/bin/env bash
# Proves the Dockerfile without a container engine: runs its steps in a clean folder, starts what came out as a user
# without rights, and asks it by its own health check. Every stage is a folder, and `/app` in the file means
# `STAGE/app`. The base image is stood in for by this machine's npm and the pinned Node; what only an engine can show
# (that the base image exists, layers, namespaces) stays unproven here.
#
#   npm ci && test/docker/steps.sh
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
gyre=
target=
finish() {
  status=$?
  if [ -n "$gyre" ]; then kill -KILL "$gyre" 2>/dev/null || true; fi
  if [ -n "$target" ]; then kill "$target" 2>/dev/null || true; fi
  wait 2>/dev/null || true
  if [ "$status" -ne 0 ] && [ -s "$work/log" ]; then sed 's/^/gyre: /' "$work/log" >&2; fi
  rm -rf "$work"
}
trap finish EXIT
die() { echo "steps.sh: $*" >&2; exit 1; }

# The user without rights must be able to enter the folder and to run this Node, wherever the checkout lies.
chmod 755 "$work"
mkdir "$work/bin"
node=$repository/node_modules/.bin/node
[ -x "$node" ] || node=node
cp "$("$node" -p process.execPath)" "$work/bin/node"
export PATH=$work/bin:$PATH
# A Node that was built elsewhere brings its own list of certificate authorities: let it trust those of this machine too.
export NODE_OPTIONS=--use-system-ca

# The build context: what .dockerignore lets through. It is an allow-list, `*` first and then `!NAME` lines.
grep -qx '\*' "$repository/.dockerignore" || die '.dockerignore must begin with *'
mkdir "$work/context"
while read -r name; do
  cp -R "$repository/$name" "$work/context/"
done < <(sed -n 's/^!//p' "$repository/.dockerignore")

stage=     # folder of the stage being built
workdir=/
environment=()
user= entrypoint= command= health=

# Where a path of the image lies on this machine.
place() {
  case $1 in
    /*) printf '%s%s' "$stage" "$1" ;;
    *) printf '%s%s/%s' "$stage" "$workdir" "$1" ;;
  esac
}

copy() {
  local from=$work/context sources=() to
  for word in "$@"; do
    case $word in
      --from=*) from=$work/stage-${word#--from=} ;;
      --*) die "COPY $word is not known here" ;;
      *) sources+=("$word") ;;
    esac
  done
  to=$(place "${sources[-1]}")
  unset 'sources[-1]'
  for source in "${sources[@]}"; do
    # As COPY does it: the content of a folder, a file by its name into a folder that ends with a slash.
    if [ -d "$from/$source" ]; then
      mkdir -p "$to"
      cp -R "$from/$source/." "$to/"
    else
      case $to in */) mkdir -p "$to" ;; *) mkdir -p "$(dirname "$to")" ;; esac
      cp "$from/$source" "$to"
    fi
  done
}

# ["node", "/app/x"] as lines, with the image's paths as this machine's.
words() {
  node -e 'for (const word of JSON.parse(process.argv[1])) console.log(word.replace(/^\/app(?=\/|$)/, process.argv[2] + "/app"))' "$1" "$stage"
}

while read -r instruction rest; do
  echo "-- $instruction $rest"
  case $instruction in
    FROM)
      name=$(awk '{ print ($2 == "AS") ? $3 : "final" }' <<<"$rest")
      stage=$work/stage-$name
      mkdir "$stage"
      workdir=/ environment=() user= entrypoint= command= health=
      ;;
    WORKDIR) workdir=$rest; mkdir -p "$stage$workdir" ;;
    ENV) environment+=("$rest") ;;
    COPY) read -ra parts <<<"$rest"; copy "${parts[@]}" ;;
    RUN)
      if grep -q '[ =]/app' <<<"$rest"; then die 'RUN with an absolute path cannot be tried here: use WORKDIR'; fi
      (cd "$stage$workdir" && env "${environment[@]}" bash -euo pipefail -c "$rest")
      ;;
    USER) user=$rest ;;
    ENTRYPOINT) entrypoint=$rest ;;
    CMD) command=$rest ;;
    HEALTHCHECK) health=${rest#*CMD } ;;
    LABEL | EXPOSE | STOPSIGNAL) ;;
    *) die "$instruction is not known here" ;;
  esac
done < <(sed -e '/^[[:space:]]*#/d' "$repository/Dockerfile" | sed -e ':join' -e '/\\$/{N;s/\\\n[[:space:]]*//;bjoin' -e '}' | sed '/^[[:space:]]*$/d')

case $user in '' | root | 0) die 'the image would run as root' ;; esac
[ -n "$health" ] || die 'the image has no health check'
for left in src node_modules/typescript node_modules/node; do
  [ ! -e "$stage/app/$left" ] || die "$left is left in the image"
done
echo "== the image would hold $(du -sh "$stage/app" | cut -f1) beside Node"

# As the container's user: no rights, no settings of ours, only the image's environment and the user's.
mapfile -t entry < <(words "$entrypoint")
mapfile -t serve < <(words "$entrypoint"; words "$command")
mapfile -t check < <(words "$health")
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
port=$(free_port)
admin=$(free_port)
settings=(
  PATH="$work/bin:/usr/bin:/bin" IP_POOL=127.0.0.2-127.0.0.9 LISTEN_ADDR="127.0.0.1:$port" GYRE_ALLOW_PRIVATE=true
  GYRE_ADMIN="127.0.0.1:$admin" TMPDIR="$work/run"
)
install -d -m 777 "$work/run"
as_user=(env -i "${environment[@]}" "${settings[@]}")
if [ "$(id -u)" = 0 ]; then
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "${as_user[@]}")
fi

echo '== start'
(cd "$stage$workdir" && exec "${as_user[@]}" "${serve[@]}") >"$work/out" 2>"$work/log" &
gyre=$!
for _ in $(seq 100); do
  if grep -q '^gyre ready' "$work/out"; then break; fi
  kill -0 "$gyre" 2>/dev/null || die 'it ended before it was ready'
  sleep 0.2
done
cat "$work/out"
grep -q '^gyre ready' "$work/out" || die 'it was not ready in 20 s'
[ "$(id -u)" != 0 ] || [ "$(awk '/^Uid:/ { print $2 }' "/proc/$gyre/status")" = 65534 ] || die 'it runs as root'

echo '== health check'
timeout 10 "${as_user[@]}" "${check[@]}" || die 'the health check says it is ill'

echo '== one request through it'
node -e 'const s = require("http").createServer((q, r) => r.end(q.socket.remoteAddress)).listen(0, "127.0.0.1", () => console.log(s.address().port))' >"$work/target" &
target=$!
for _ in $(seq 50); do if [ -s "$work/target" ]; then break; fi; sleep 0.1; done
seen=$(curl -q -sS --max-time 10 -p -x "http://127.0.0.1:$port" "http://127.0.0.1:$(cat "$work/target")/")
echo "the target saw $seen"
case $seen in 127.0.0.[2-9]) ;; *) die 'that is no address of the pool' ;; esac

echo '== dashboard, with nothing but what is in the image'
for path in / /app/main.js /vendor/preact.js /vendor/uplot.js /readyz /metrics; do
  curl -q -sSf --max-time 10 -o /dev/null "http://127.0.0.1:$admin$path" || die "the admin listener has no $path"
done
timeout 10 "${as_user[@]}" "${entry[@]}" status --admin "127.0.0.1:$admin" | head -n 1 || die 'gyre status finds nothing'

echo '== stop'
kill -TERM "$gyre"
status=0
timeout 40 tail --pid="$gyre" -f /dev/null || die 'it did not end within 40 s of SIGTERM'
wait "$gyre" || status=$?
gyre=
[ "$status" = 0 ] || die "it ended with $status after SIGTERM"
if timeout 10 "${as_user[@]}" "${check[@]}" 2>/dev/null; then die 'the health check says a stopped Gyre is well'; fi
echo '== the Dockerfile holds'
