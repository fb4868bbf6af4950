package compose

import (
	"fmt"
	"slices"
	"strings"
)

// Document is docs/compose-support.md: the supported surface for people.
func Document() string {
	var b strings.Builder
	b.WriteString(`# Which Compose keys ddsctl supports

<!-- Made from the table in labs/compose/table.go by: go test ./labs/compose -update -->

Every key of the [Compose specification](https://github.com/compose-spec/compose-spec) is in one of three states:

- **supported**: it does what the specification says;
- **needs trust**: it, or the values named here, reach beyond the lab's folder and its containers. A lab may come from a stranger, so
  that this is refused, with the reason, unless you say ` + "`--trust`" + `;
- **refused**: loading ends with the file, the line and the reason. Nothing is ignored in silence. A value that is empty (` + "`{}`, `[]`" + `)
  asks for nothing and is let pass: ` + "`docker compose config`" + ` writes many.

` + "Keys that begin with `x-` are free. Anchors, aliases and merge keys (`<<`) work, as do variables with their defaults, `.env`, profiles,\n" +
		"several files (`-f`), `compose.override.yaml`, `!reset` and `!override`.\n\n" + `What differs from Docker Compose:

- a port without a host address is published on 127.0.0.1, not on every address of the machine, and ` + "`lab up`" + ` says so;
- a config or a secret that is a file is copied into the container, with the owner and the mode that the project says, where Docker Compose mounts
  the file as it is: the engine may be another machine's;
- readiness is probed often and directly with the command of the healthcheck, not at its interval;
- a service that has exited with 0 is completed where another waits for that (` + "`service_completed_successfully`" + `), where it is a job
  (` + "`deploy.mode`" + `), or where it says ` + "`restart: \"no\"`" + ` and has no healthcheck and no probe; any other is down;
- a folder that is mounted must be in the lab's folder once symbolic links are followed;
- variables of your environment can be used in a lab's files, except in labs of the catalogue, which see none.

All else is the same: ` + "`bench/compose_same.sh`" + ` brings projects up with both and compares what the engine holds of them (containers, environment, mounts,
networks, volumes, files, order of start).

`)
	sections := []struct{ title, prefix string }{
		{"At the top", ""}, {"A service", "services.*."}, {"A network", "networks.*."}, {"A volume", "volumes.*."},
		{"A config", "configs.*."}, {"A secret", "secrets.*."},
	}
	keys := Keys()
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Path, b.Path) })
	counts := map[Support]int{}
	for _, key := range keys {
		counts[key.Support]++
	}
	fmt.Fprintf(&b, "Of %d keys, %d are supported, %d need trust for some or all of their values, and %d are refused.\n", len(keys),
		counts[Supported], counts[Trusted], counts[Refused])
	for _, section := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| key | | |\n| --- | --- | --- |\n", section.title)
		for _, key := range keys {
			name, ok := strings.CutPrefix(key.Path, section.prefix)
			if !ok || section.prefix == "" && strings.Contains(key.Path, ".*") {
				continue
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(name, "*", "NAME"), key.Support, key.Note)
		}
	}
	return b.String()
}
