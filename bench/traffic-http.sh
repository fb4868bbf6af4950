#!/usr/bin/env bash
# The highest HTTP throughput of `ddsctl traffic run --closed` against vegeta's, in pairs, with the same connections to the same
# server. Fails below 1.3. Usage: bench/traffic-http.sh [PAIRS [SECONDS [CONNECTIONS]]]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh
# shellcheck source=bench/traffic.sh
. bench/traffic.sh

pairs=${1:-9} seconds=${2:-3} connections=${3:-50}
peer=$(vegeta)
go build -o "$work/target" ./bench/target
port=$(free_port)
serve "$work/target" "127.0.0.1:$port"
url=http://127.0.0.1:$port/

ours() { client "$ddsctl" traffic run "$url" --closed --connections "$connections" --for "${seconds}s" -o json 2>/dev/null | figure succeeded; }
theirs() {
	echo "GET $url" | client "$peer" attack -rate=0 -max-workers="$connections" -workers="$connections" -connections="$connections" \
		-duration="${seconds}s" -output="$work/results"
	"$peer" report -type=json "$work/results" | figure throughput
}

echo "$cpus processors; server ${pin_server[*]:-unpinned}, clients ${pin_client[*]:-unpinned}; $connections connections; vegeta $VEGETA_VERSION"
ours >/dev/null && theirs >/dev/null # uncounted: caches warm
for i in $(seq "$pairs"); do
	a=$(ours) && b=$(theirs)
	echo "$a" >>"$work/a" && echo "$b" >>"$work/b"
	echo "pair $i: $a against $b requests/s"
done
compare "HTTP throughput" requests/s "$work/a" "$work/b" ddsctl vegeta
at_least 1.3 "$work/a" "$work/b"
