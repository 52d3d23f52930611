#!/usr/bin/env bash
# The demo: a server with a private Postgres and a data folder of its own; 32 clients that
# send 20,000 events, so that 30 % of all sends are repeats; an audit through the API, and
# one by SQL. Usage: demo.sh BIN DATA
set -euo pipefail
bin=$1 data=$2
listen=${DEMO_LISTEN:-127.0.0.1:8090}
url=http://$listen
events=20000
# Keys, certificates and limits set for another server are not for this one; where Postgres is holds for both.
unset DATABASE_URL
for name in ${!INGOT_@}; do [ "$name" = INGOT_POSTGRES ] || unset "$name"; done

mkdir -p "$data"
: >"$data/ingest.log" # before it is read below: what the last run logged does not count
"$bin/ingest" --listen "$listen" --data-dir "$data" --log-level info 2>>"$data/ingest.log" &
server=$!
stop() { kill -TERM "$server" 2>/dev/null && wait "$server" || true; }
trap stop EXIT

# Only its own log says that it listens: if something else answers there, nothing must be sent to it.
ready=
for _ in $(seq 600); do
  kill -0 "$server" 2>/dev/null || { echo "the server did not start:" >&2; tail -n 3 "$data/ingest.log" >&2; echo "(DEMO_LISTEN=127.0.0.1:8091 make demo uses another address)" >&2; trap - EXIT; exit 1; }
  grep -q '"msg":"listening"' "$data/ingest.log" && "$bin/ingest" healthcheck --listen "$listen" 2>/dev/null && ready=1 && break
  sleep 0.1
done
[ "$ready" ] || { echo "the server did not become ready:" >&2; tail -n 3 "$data/ingest.log" >&2; exit 1; }

"$bin/publisher" simulate --url "$url" --seed 1 --events "$events" --duplicates 0.30 --concurrency 32

trap - EXIT
kill -TERM "$server"
wait "$server" || { echo "the server did not stop cleanly:" >&2; tail -n 3 "$data/ingest.log" >&2; exit 1; }

echo
echo "by SQL (ingest verify):"
"$bin/ingest" verify --data-dir "$data" | tee "$data/verify.txt"
grep -q "^events $events, " "$data/verify.txt" || { echo "expected $events events in the table" >&2; exit 1; }
echo
kept=$(sed -n 's/.*"private Postgres started","data":"\([^"]*\)".*/\1/p' "$data/ingest.log") # if root started it, they may be elsewhere
echo "the data are kept in ${kept:-$data}; run it again and every event is a duplicate"
