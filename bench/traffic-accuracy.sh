#!/usr/bin/env bash
# How much later than due `ddsctl traffic run` sends at 10,000 requests a second to a server on this machine: the p99 of the delay, in
# several runs, with what the client itself is late (lateness). Fails where the median of the p99 is 2 ms or more.
# Usage: bench/traffic-accuracy.sh [RUNS [SECONDS [RATE [CONNECTIONS]]]]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh
# shellcheck source=bench/traffic.sh
. bench/traffic.sh

runs=${1:-9} seconds=${2:-5} rate=${3:-10000} connections=${4:-50}
go build -o "$work/target" ./bench/target
port=$(free_port)
pin_server=() pin_client=() # as a user would: the kernel chooses
serve "$work/target" "127.0.0.1:$port"

# percentile OBJECT NAME: a figure of one of the report's latencies, in milliseconds.
percentile() { tr -d '\n ' <"$work/report" | grep -oE "\"$1\":\{[^}]*\}" | figure "$2" | awk '{ printf "%.4f\n", $1 * 1000 }'; }

echo "$cpus processors, load average $(cut -d' ' -f1 /proc/loadavg); $rate requests/s; $connections connections; on a busy machine, BENCH_RUN='chrt -r 10' lets the programs run first"
for process in constant poisson; do
	: >"$work/delay" && : >"$work/lateness"
	for i in $(seq "$runs"); do
		client "$ddsctl" traffic run "http://127.0.0.1:$port/" --rate "$rate" --arrival "$process" --connections "$connections" \
			--for "${seconds}s" -o json >"$work/report" 2>/dev/null
		percentile delay p99 >>"$work/delay" && percentile lateness p99 >>"$work/lateness"
		echo "$process run $i: sent $(figure total_sent <"$work/report") of $(figure total_scheduled <"$work/report"), delay p99" \
			"$(tail -1 "$work/delay") ms, of it lateness $(tail -1 "$work/lateness") ms; latency p50 $(percentile latency p50) ms, p99 $(percentile latency p99) ms"
	done
	awk -v process="$process" -v rate="$rate" -v delay="$(median <"$work/delay")" -v spread="$(spread <"$work/delay")" 'BEGIN {
		printf "%s arrivals at %d/s: delay p99, median of runs %.3f ms (%s)\n", process, rate, delay, spread
		if (delay >= 2) { print "DOES NOT HOLD: 2 ms or more"; exit 1 } print "holds: below 2 ms" }'
done
