#!/usr/bin/env bash
# Measures what the wire costs where no fault stands: TCP throughput and the round trip of a small packet between two network
# namespaces on a bridge, with the wire's rules and without, in pairs. Prints medians and their ratios, and fails when throughput with
# the wire is below 0.98 of that without. Needs root. Usage: bench/wire.sh [PAIRS]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh

pairs=${1:-601}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

DDSCTL_BENCH_WIRE_PAIRS=$pairs go test -v -count=1 -timeout 30m -run '^TestTheCostOfTheWire$' ./runtime/wire/agent | tee "$work/out" | grep '^pair'
grep -q '^ok' "$work/out" || { cat "$work/out" >&2; exit 1; }
awk -v d="$work" '/^pair/ { print $4 > d "/with"; print $9 > d "/without"; print $6 > d "/with.trip"; print $11 > d "/without.trip"
	print $4 / $9 > d "/ratio" }' "$work/out"
compare "throughput of one TCP connection" GB/s "$work/with" "$work/without" "with the wire" "without"
compare "round trip of a small packet" us "$work/with.trip" "$work/without.trip" "with the wire" "without"
ratio=$(median <"$work/ratio")
echo "throughput: median of the pairs' ratios $ratio ($(spread <"$work/ratio")); at least 0.98 is asked for"
awk -v r="$ratio" 'BEGIN { exit !(r >= 0.98) }'
