#!/usr/bin/env bash
# The highest Redis throughput of `ddsctl traffic run --closed` against redis-benchmark's, GET without pipelining, in pairs, with the
# same connections to the same server. Fails below 0.8. Needs redis-server and redis-benchmark (apt-get install redis-server
# redis-tools). Usage: bench/traffic-redis.sh [PAIRS [SECONDS [CONNECTIONS]]]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh
# shellcheck source=bench/traffic.sh
. bench/traffic.sh

pairs=${1:-9} seconds=${2:-3} connections=${3:-50}
for program in redis-server redis-benchmark; do
	command -v "$program" >/dev/null || { echo "$program is not installed: apt-get install redis-server redis-tools" >&2; exit 1; }
done
port=$(free_port)
serve redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$work"

# Both ask for one key that is not there: the smallest answer, so that the client counts most. redis-benchmark is told a number of requests: that
# of our run before.
ours() {
	client "$ddsctl" traffic run "redis://127.0.0.1:$port" --closed --connections "$connections" --for "${seconds}s" --mix read --key-count 1 \
		-o json 2>/dev/null >"$work/report"
	figure total_succeeded <"$work/report" >"$work/count"
	figure succeeded <"$work/report"
}
theirs() { client redis-benchmark -p "$port" -c "$connections" -n "$(cat "$work/count")" -t get --csv 2>/dev/null | tail -1 | cut -d, -f2 | tr -d '"'; }

echo "$cpus processors; server ${pin_server[*]:-unpinned}, clients ${pin_client[*]:-unpinned}; $connections connections; $(redis-benchmark --version)"
ours >/dev/null && theirs >/dev/null # uncounted: caches warm
for i in $(seq "$pairs"); do
	a=$(ours) && b=$(theirs)
	echo "$a" >>"$work/a" && echo "$b" >>"$work/b"
	echo "pair $i: $a against $b requests/s"
done
compare "Redis throughput" requests/s "$work/a" "$work/b" ddsctl redis-benchmark
at_least 0.8 "$work/a" "$work/b"
