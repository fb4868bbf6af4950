// Package composetest finds Docker Compose, for tests that hold ddsctl against it.
package composetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Command is how Docker Compose v2 or later is called: the plugin, the program of that name, or the one that the benchmarks have built (in
// BENCH_CACHE where that is set); nil where there is none.
func Command(ctx context.Context) []string {
	candidates := [][]string{{"docker", "compose"}, {"docker-compose"}}
	cache := os.Getenv("BENCH_CACHE")
	if folder, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(folder, "ddsctl", "bench")
	}
	if cache != "" {
		candidates = append(candidates, []string{filepath.Join(cache, "docker-compose")})
	}
	for _, c := range candidates {
		version, err := exec.CommandContext(ctx, c[0], append(c[1:len(c):len(c)], "version")...).Output() //nolint:gosec // it is Docker Compose
		if err == nil && !strings.Contains(string(version), "version 1.") {
			return c
		}
	}
	return nil
}
