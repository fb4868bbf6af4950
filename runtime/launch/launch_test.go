package launch_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

func spec() plan.Spec {
	web := types.ServiceConfig{Name: "web"}
	web.Image, web.Command = "web:1", types.ShellCommand{"sleep", "infinity"}
	web.Networks = map[string]*types.ServiceNetworkConfig{"default": nil}
	return plan.Spec{Lab: "lab", Source: "catalogue", Project: &types.Project{Name: "lab", Services: types.Services{"web": web},
		Networks: types.Networks{"default": {Name: "lab_default"}}}}
}

func world(t *testing.T) (*fake.Engine, *launch.Launcher) {
	t.Helper()
	e := fake.New(fake.Options{Images: []string{"web:1"}})
	t.Cleanup(func() { _ = e.Close() })
	return e, launch.New(e, launch.Options{Address: e.Address(), LockDir: t.TempDir(), NodeBinary: filepath.Join(t.TempDir(), "is not there")})
}

func services(t *testing.T, e *fake.Engine) []string {
	t.Helper()
	state, err := e.State(t.Context(), "lab")
	require.NoError(t, err)
	var names []string
	for _, c := range state.Containers {
		names = append(names, c.Service)
	}
	return names
}

func TestALabWhoseHelpersCannotBeHadRunsWithoutThemAndSaysSo(t *testing.T) {
	e, l := world(t)
	result, err := l.Up(t.Context(), spec(), launch.UpOptions{Helpers: &helper.Options{}}, launch.Show{})
	require.NoError(t, err)
	require.Equal(t, []string{"web"}, services(t, e))
	require.Len(t, result.Warnings, 1)
	require.Contains(t, result.Warnings[0], "the lab runs without ddsctl's helpers")
}

func TestWithoutHelpersNobodyAsksForThem(t *testing.T) {
	e, l := world(t)
	result, err := l.Up(t.Context(), spec(), launch.UpOptions{}, launch.Show{})
	require.NoError(t, err)
	require.Empty(t, result.Warnings)
	require.Equal(t, []string{"web"}, services(t, e))
	again, err := l.Up(t.Context(), spec(), launch.UpOptions{}, launch.Show{})
	require.NoError(t, err)
	require.False(t, again.Changed())
}

func TestADryRunChangesNothingAndFetchesNothing(t *testing.T) {
	e, l := world(t)
	before := len(e.Calls())
	s := spec()
	web := s.Project.Services["web"]
	web.Image = "nowhere/at-all:1"
	s.Project.Services["web"] = web
	result, err := l.Up(t.Context(), s, launch.UpOptions{Helpers: &helper.Options{}, UpOptions: lifecycle.UpOptions{DryRun: true}}, launch.Show{})
	require.NoError(t, err)
	require.True(t, result.Changed())
	require.True(t, slices.ContainsFunc(result.Outcomes, func(o plan.Outcome) bool { return o.Service == helper.WireService }), "%+v", result.Outcomes)
	require.Len(t, e.Calls(), before)
	require.Empty(t, services(t, e))
}

func TestScaleTouchesNothingElse(t *testing.T) {
	e, l := world(t)
	_, err := l.Up(t.Context(), spec(), launch.UpOptions{}, launch.Show{})
	require.NoError(t, err)
	_, err = l.Up(t.Context(), spec(), launch.UpOptions{Scale: map[string]int{"web": 3}}, launch.Show{})
	require.NoError(t, err)
	require.Equal(t, []string{"web", "web", "web"}, services(t, e))
}

func TestAnImageThatIsNowhereIsAnErrorBeforeAnythingIsMade(t *testing.T) {
	e, l := world(t)
	s := spec()
	web := s.Project.Services["web"]
	web.Image, web.PullPolicy = "nowhere/at-all:1", "never"
	s.Project.Services["web"] = web
	_, err := l.Up(t.Context(), s, launch.UpOptions{}, launch.Show{})
	require.ErrorContains(t, err, "nowhere/at-all:1")
	require.Empty(t, services(t, e))
	state, err := e.State(t.Context(), "lab")
	require.NoError(t, err)
	require.True(t, state.Empty())
}

func TestImagesAndStepsAreShown(t *testing.T) {
	_, l := world(t)
	var shown []string
	_, err := l.Up(t.Context(), spec(), launch.UpOptions{}, launch.Show{
		Image: func(p engine.ImageProgress) { shown = append(shown, "image "+p.Image+" "+p.Stage) },
		Step: func(p lifecycle.Progress) {
			if p.Last && p.State == lifecycle.StepDone {
				shown = append(shown, "done "+p.Node+p.Object)
			}
		}})
	require.NoError(t, err)
	require.Contains(t, shown, "image web:1 ready")
	require.Equal(t, 1, strings.Count(strings.Join(shown, "\n"), "done web"), "each object ends once: %v", shown)
}
