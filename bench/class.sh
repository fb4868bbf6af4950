#!/usr/bin/env bash
# A class that submits: every student once a second, over a TLS connection of its own that is open, to a server process with etcd inside,
# on one machine. Latency counts from when a submission was due. Fails when an acknowledged submission is not in the export, or p99 is
# 200 ms or more. Wants a machine with two processors that do nothing else. Usage: bench/class.sh [STUDENTS [SECONDS [KILLS]]]
set -euo pipefail
cd "$(dirname "$0")/.."

students=${1:-1000} seconds=${2:-60} kills=${3:-0} most=200
log=$(mktemp)
trap 'rm -f "$log"' EXIT

echo "$(nproc) processors, load $(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || echo unknown); $students students, $seconds s, server killed $kills times"
DDSCTL_CLASS_STUDENTS=$students DDSCTL_CLASS_SECONDS=$seconds DDSCTL_CLASS_KILLS=$kills \
	go test ./cmd/ddsctl -run '^TestNothingAcknowledgedIsLostUnderLoadNorWhenTheServerIsKilled$' -count=1 -v -timeout 30m >"$log" 2>&1 ||
	{ cat "$log" >&2; exit 1; }
result=$(grep -o 'class: .*' "$log")
echo "$result"
[ "$kills" = 0 ] || exit 0 # whoever submits while the server is away waits for it
awk -v most="$most" '{ for (i = 1; i < NF; i++) if ($i == "p99") p99 = $(i + 1) } END {
	if (p99 + 0 >= most) { print "p99 " p99 " ms is not below " most " ms"; exit 1 } }' <<<"$result"
