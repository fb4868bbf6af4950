#!/usr/bin/env bash
# Measures what the dashboard costs while nobody touches it: a lab of NODES live nodes under traffic, two updates a second, for SECONDS.
# Prints the processor time of `ddsctl dash` as a share of one core, and fails when it is above 5 % with 30 nodes or fewer.
# Needs tmux. Usage: bench/dash.sh [NODES] [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."

nodes=${1:-30}
seconds=${2:-60}
work=$(mktemp -d)
project=bench-dash-$$
export XDG_STATE_HOME=$work/state

make build >"$work/build" 2>&1 || { cat "$work/build" >&2; exit 1; }
ddsctl=$PWD/bin/ddsctl
cleanup() {
	tmux -S "$work/tmux" kill-server 2>/dev/null || true
	"$ddsctl" lab down "$project" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT

mkdir "$work/lab"
cat >"$work/lab/compose.yaml" <<COMPOSE
services:
  web:
    image: ddsctl/node
    command: [node, web, --name, web]
    read_only: true
    cap_drop: [ALL]
    mem_limit: 64m
    deploy: {replicas: $((nodes - 1))}
COMPOSE
cat >"$work/lab/lab.yaml" <<'LAB'
version: 1
title: Many nodes
services:
  web:
    kind: web
    ready: [{http: {port: 8080, path: /readyz}}]
    stats: {reader: prometheus, port: 8080}
links: [{from: client, to: web, port: 8080}]
workloads: [{name: visitors, target: "http://web:8080/", arrival: {rate: 50}, timeout: 2s}]
LAB
"$ddsctl" lab up "$work/lab" --name "$project" >"$work/up" 2>&1 || { cat "$work/up" >&2; exit 1; }

tmux -S "$work/tmux" -f /dev/null -u new-session -d -x 160 -y 48 "env LANG=C.UTF-8 TERM=xterm-256color XDG_STATE_HOME=$XDG_STATE_HOME sh -c 'echo \$\$ >$work/pid; exec $ddsctl dash $project'"
screen() { tmux -S "$work/tmux" capture-pane -p; }
for _ in $(seq 100); do
	if screen | grep -q '● live'; then break; fi
	sleep 0.2 # between two looks at the screen
done
screen | grep -q '● live' || { echo "the dashboard is not live:" >&2; screen >&2; exit 1; }

# Jiffies of user and system time, proc(5).
ticks() { sed 's/.*) //' "/proc/$(cat "$work/pid")/stat" | awk '{ print $12 + $13 }'; }
sleep 5 # its start is not what is measured
before=$(ticks) began=$(date +%s.%N)
sleep "$seconds"
after=$(ticks) ended=$(date +%s.%N)
screen | sed -n '1,3p'
share=$(awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v b="$began" -v e="$ended" 'BEGIN { printf "%.2f", 100 * t / hz / (e - b) }')
echo "ddsctl dash, $nodes live nodes, $seconds s: $share % of one core"
[ "$nodes" -gt 30 ] || awk -v s="$share" 'BEGIN { exit !(s < 5) }'
