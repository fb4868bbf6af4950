# shellcheck shell=bash
# Sourced by the scripts of this folder: where a peer comes from, and how pairs of runs are timed and compared.

BENCH_CACHE=${BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ddsctl/bench}
COMPOSE_VERSIONS=${COMPOSE_VERSIONS:-"v5.7.0 v5.6.0 v5.4.0 v5.2.0 v5.0.0"}

# compose_v2 prints the command for Docker Compose v2 or later: the plugin where it is installed, else a build from its
# Go module, kept in the cache.
compose_v2() {
	if docker compose version >/dev/null 2>&1; then
		echo "docker compose"
		return
	fi
	local bin=$BENCH_CACHE/docker-compose
	if [ ! -x "$bin" ]; then
		echo "building Docker Compose from its Go module (once) ..." >&2
		local dir
		dir=$(mktemp -d)
		mkdir -p "$BENCH_CACHE"
		printf 'module peer\n\ngo 1.26\n' >"$dir/go.mod"
		local version
		for version in $COMPOSE_VERSIONS; do
			if (cd "$dir" && go get "github.com/docker/compose/v5/cmd@$version") >/dev/null 2>&1; then
				(cd "$dir" && go build -ldflags "-X github.com/docker/compose/v5/internal.Version=$version" \
					-o "$bin" github.com/docker/compose/v5/cmd) >&2
				break
			fi
		done
		rm -rf "$dir"
		[ -x "$bin" ] || { echo "Docker Compose could not be built; install the docker compose plugin" >&2; return 1; }
	fi
	# Run by itself, the plugin needs no plugin name before its commands.
	echo "$bin"
}

now() { echo "$EPOCHREALTIME"; }

# seconds_of COMMAND...: runs the command quietly and prints how long it took; its output goes to stderr when it fails.
seconds_of() {
	local out start end
	out=$(mktemp)
	start=$(now)
	if ! "$@" >"$out" 2>&1; then
		echo "failed: $*" >&2
		cat "$out" >&2
		rm -f "$out"
		return 1
	fi
	end=$(now)
	rm -f "$out"
	awk -v a="$start" -v b="$end" 'BEGIN { printf "%.4f\n", b - a }'
}

# median reads numbers, a line each.
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# spread reads numbers, a line each, and prints the least and the greatest.
spread() { sort -n | awk 'NR == 1 { min = $1 } { max = $1 } END { print min "-" max }'; }

# compare NAME UNIT A_FILE B_FILE A_NAME B_NAME: prints the medians, their spread and the ratio of medians A/B.
compare() {
	awk -v name="$1" -v unit="$2" -v a="$(median <"$3")" -v as="$(spread <"$3")" -v b="$(median <"$4")" -v bs="$(spread <"$4")" \
		-v an="$5" -v bn="$6" -v n="$(wc -l <"$3")" 'BEGIN {
		printf "%s: %s %.3f %s (%s), %s %.3f %s (%s), ratio of medians %.2f over %d pairs\n", name, an, a, unit, as, bn, b, unit, bs, a / b, n }'
}
