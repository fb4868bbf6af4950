#!/usr/bin/env bash
# Times `ddsctl lab list` against `docker --version`, which does less, in pairs, and prints medians and their ratio.
# Usage: bench/list.sh [PAIRS]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh

pairs=${1:-21}
ddsctl=${DDSCTL:-bin/ddsctl}
[ -x "$ddsctl" ] || make build >/dev/null
command -v docker >/dev/null || { echo "no docker command to compare with" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# One uncounted pair first: it brings both files into the page cache.
"$ddsctl" lab list >/dev/null && docker --version >/dev/null
for _ in $(seq "$pairs"); do
	awk -v s="$(seconds_of "$ddsctl" lab list)" 'BEGIN { print s * 1000 }' >>"$work/a"
	awk -v s="$(seconds_of docker --version)" 'BEGIN { print s * 1000 }' >>"$work/b"
done
compare "lab list" ms "$work/a" "$work/b" "ddsctl lab list" "docker --version"
