package plan

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func TestARestartTakesWhatIsDependedOnFirst(t *testing.T) {
	const project = `
services:
  seed: {image: seed, restart: "no"}
  db: {image: db, healthcheck: {test: ["CMD", "ok"]}}
  app: {image: app, scale: 2, depends_on: {db: {condition: service_healthy}}}
  sidecar: {image: s, network_mode: "service:app"}
  other: {image: o, labels: {ddsctl.helper: client}}
`
	w := newWorld()
	w.up(t, project)
	before := maps.Clone(w.containers)
	services := map[string]Service{}
	for _, s := range want(t, project).Services {
		services[s.Name] = s
	}
	p := Restart(w.state(), RestartOptions{Services: services})
	require.Equal(t, []string{"stop container lab-app-1 (asked for)", "stop container lab-sidecar-1 (asked for)", "wait until lab-db-1 is ready"},
		p.before("start container lab-app-1"))
	require.Equal(t, []string{"stop container lab-sidecar-1 (asked for)", "wait until lab-app-1 is ready", "wait until lab-app-2 is ready"}, p.before("start container lab-sidecar-1"))
	var waits []string
	for _, step := range p.Steps {
		require.NoError(t, w.do(step))
		if step.Kind == WaitReady {
			waits = append(waits, step.Service)
			require.Equal(t, step.Service == "sidecar", len(step.Joins) == 1)
		}
	}
	require.ElementsMatch(t, []string{"db", "app", "app", "sidecar"}, waits, "nobody knows when the seed is over")
	for _, o := range p.Outcomes {
		require.Equal(t, Restarted, o.Change)
		require.NotEqual(t, "other", o.Service, "a helper is not the lab's own")
	}
	require.Len(t, p.Outcomes, 5)
	require.Len(t, w.containers, len(before), "none is made anew")

	chosen := func(services ...string) []string {
		p := Restart(w.state(), RestartOptions{Only: func(c engine.Container) bool { return slices.Contains(services, c.Service) }})
		var names []string
		for _, o := range p.Outcomes {
			names = append(names, o.Name)
		}
		return names
	}
	require.Equal(t, []string{"lab-db-1"}, chosen("db"))
	require.Equal(t, []string{"lab-app-1", "lab-app-2", "lab-sidecar-1"}, chosen("app"), "and what is in its namespace")
	require.Empty(t, chosen("nothing"))
}
