# shellcheck shell=bash
# Sourced by the traffic benchmarks: the programs, their processors, and what is read from their reports.

VEGETA_VERSION=${VEGETA_VERSION:-v12.13.0}

# Before each measured program, for machines that do other work too: BENCH_RUN="chrt -r 10".
read -ra bench_run <<<"${BENCH_RUN:-}"

# The server gets the first half of the processors, the client under test the other half; both clients of a pair get the same.
cpus=$(nproc)
pin_server=() pin_client=()
if [ "$cpus" -ge 2 ] && command -v taskset >/dev/null; then
	pin_server=(taskset -c "0-$((cpus / 2 - 1))")
	pin_client=(taskset -c "$((cpus / 2))-$((cpus - 1))")
fi

work=$(mktemp -d)
server_pid=
finish() {
	if [ -n "$server_pid" ]; then kill "$server_pid" 2>/dev/null && wait "$server_pid" 2>/dev/null; fi
	rm -rf "$work"
}
trap finish EXIT

ddsctl=${DDSCTL:-bin/ddsctl}
[ -x "$ddsctl" ] || make build >/dev/null

# vegeta prints the path of vegeta, built from its Go module once.
vegeta() {
	local bin=$BENCH_CACHE/vegeta
	if [ ! -x "$bin" ]; then
		echo "building vegeta $VEGETA_VERSION from its Go module (once) ..." >&2
		mkdir -p "$BENCH_CACHE"
		GOBIN=$BENCH_CACHE GOFLAGS=-mod=mod go install "github.com/tsenart/vegeta/v12@$VEGETA_VERSION" >&2 || return 1
	fi
	echo "$bin"
}

# free_port prints a port of this machine at which nobody listens.
free_port() {
	local port
	for port in $(seq 42000 42100); do
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo "$port"
			return
		fi
	done
	return 1
}

# serve COMMAND...: runs a server until the script ends, and waits until it listens at $port.
serve() {
	"${bench_run[@]}" "${pin_server[@]}" "$@" >"$work/server.log" 2>&1 &
	server_pid=$!
	local i
	for i in $(seq 200); do
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
		sleep 0.05
	done
	echo "the server does not listen after $i tries:" >&2
	cat "$work/server.log" >&2
	return 1
}

client() { "${bench_run[@]}" "${pin_client[@]}" "$@"; }

# figure NAME: the number under a name of the JSON on standard input, the first of that name.
figure() { grep -oE "\"$1\": ?[0-9.e+-]+" | head -1 | sed -E 's/.*: ?//'; }

# at_least RATIO A_FILE B_FILE: fails unless the ratio of medians is at least that.
at_least() {
	awk -v want="$1" -v a="$(median <"$2")" -v b="$(median <"$3")" 'BEGIN {
		if (a / b >= want) { printf "holds: at least %.2f\n", want; exit 0 }
		printf "DOES NOT HOLD: %.2f is below %.2f\n", a / b, want; exit 1 }'
}
