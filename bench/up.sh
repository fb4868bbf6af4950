#!/usr/bin/env bash
# Times `ddsctl lab up` against `docker compose up --wait` on the same Compose file, in pairs, images present, and prints the
# ratio of medians. Usage: bench/up.sh [LAB [PAIRS]]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh

lab=${1:-sharded-redis}
pairs=${2:-9}
ddsctl=${DDSCTL:-bin/ddsctl}
[ -x "$ddsctl" ] || make build >/dev/null
read -ra compose <<<"$(compose_v2)"

work=$(mktemp -d)
name=bench-$lab
cleanup() {
	"$ddsctl" lab down "$name" >/dev/null 2>&1 || true
	"${compose[@]}" -p "$name" -f "$work/lab/compose.yaml" down -v >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT
seconds_of "$ddsctl" lab init "$lab" "$work/lab" >/dev/null
# Any free port will do, so that a lab that is running keeps its own.
sed -i.bak -E 's/127\.0\.0\.1:[0-9]+:/127.0.0.1::/' "$work/lab/compose.yaml"

read -ra up_flags <<<"${UP_FLAGS:-}"
ours() { "$ddsctl" lab up "$work/lab" --name "$name" ${up_flags[@]+"${up_flags[@]}"}; }
ours_down() { "$ddsctl" lab down "$name"; }
theirs() { "${compose[@]}" -p "$name" -f "$work/lab/compose.yaml" up --detach --wait; }
theirs_down() { "${compose[@]}" -p "$name" -f "$work/lab/compose.yaml" down -v; }

echo "ddsctl $("$ddsctl" version -o json | tr -d '\n ' | head -c 200)"
echo "peer   $("${compose[@]}" version | head -1)"
# One uncounted pair first: it brings the images and the page cache.
for run in ours ours_down theirs theirs_down; do seconds_of "$run" >/dev/null; done

for i in $(seq "$pairs"); do
	a=$(seconds_of ours)
	ad=$(seconds_of ours_down)
	b=$(seconds_of theirs)
	bd=$(seconds_of theirs_down)
	echo "$a" >>"$work/a" && echo "$b" >>"$work/b" && echo "$ad" >>"$work/ad" && echo "$bd" >>"$work/bd"
	echo "pair $i: up $a against $b s, down $ad against $bd s"
done
compare "up $lab" s "$work/a" "$work/b" "ddsctl" "docker compose"
compare "down $lab" s "$work/ad" "$work/bd" "ddsctl" "docker compose"
