#!/usr/bin/env bash
# Brings Compose projects up twice, with `docker compose up` and with `ddsctl lab up`, and prints what differs between what the two have made.
# Exit code 1 where something differs that is not meant to. Usage: bench/compose_same.sh [DIR...]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/peers.sh
. bench/peers.sh

ddsctl=${DDSCTL:-bin/ddsctl}
[ -x "$ddsctl" ] || make build >/dev/null
compose=$(compose_v2)
[ $# -gt 0 ] || set -- bench/same/testdata/*
FROM_OUTSIDE=${FROM_OUTSIDE:-here} go run ./bench/same -compose "$compose" -ddsctl "$(realpath "$ddsctl")" "$@"
