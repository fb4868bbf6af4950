package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

const chain = `
services:
  seed: {image: done, volumes: ["data:/data"]}
  store:
    image: ok
    volumes: ["data:/data"]
    networks: [back]
    healthcheck: {test: ["CMD", "ok"]}
    depends_on: {seed: {condition: service_completed_successfully}}
  front:
    image: ok
    scale: 2
    networks: [front, back]
    configs: [c]
    depends_on: {store: {condition: service_healthy}}
  sidecar: {image: ok, network_mode: "service:store"}
volumes: {data: {}}
networks: {front: {}, back: {}}
configs: {c: {content: "one"}}
`

type life struct {
	*lifecycle.Lifecycle
	engine *fake.Engine
	locks  string
}

func newLife(t require.TestingT, s *fake.Engine, locks string) life {
	return life{lifecycle.New(s, lifecycle.Options{Clock: &quick{}, LockDir: locks, Workers: 3}), s, locks}
}

func spec(t require.TestingT, yaml string) lifecycle.Spec {
	p, err := loadProject("/lab", "lab", yaml)
	require.NoError(t, err)
	return lifecycle.Spec{Lab: "story", Project: p}
}

func (l life) up(t require.TestingT, yaml string) (lifecycle.Result, error) {
	return l.Up(context.Background(), spec(t, yaml), lifecycle.UpOptions{}, nil)
}

// complete checks what the next `up` after any accident must reach, and `down` after it.
func (l life) complete(t require.TestingT, yaml string, containers int) {
	_, err := l.up(t, yaml)
	require.NoError(t, err)
	state, err := l.engine.State(context.Background(), "lab")
	require.NoError(t, err)
	require.Len(t, state.Containers, containers)
	for _, c := range state.Containers {
		want := engine.PhaseRunning
		if c.Service == "seed" {
			want = engine.PhaseExited
		}
		require.Equal(t, want, c.Phase, c.Name)
	}
	again, err := l.up(t, yaml)
	require.NoError(t, err)
	require.Equal(t, "nothing to change", again.Summary())
	l.leavesNothing(t)
}

func (l life) leavesNothing(t require.TestingT) {
	_, err := l.Down(context.Background(), "lab", lifecycle.DownOptions{}, nil)
	require.NoError(t, err)
	state, err := l.engine.State(context.Background(), "lab")
	require.NoError(t, err)
	require.True(t, state.Empty(), "%+v", state)
	require.Empty(t, l.engine.Touched())
	files, err := os.ReadDir(l.locks)
	require.NoError(t, err)
	require.Empty(t, files, "no lock's file either")
}

func TestUpReportsEveryStepAndWhatCameOfIt(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	var last lifecycle.Progress
	states := map[lifecycle.StepState]int{}
	result, err := l.Up(t.Context(), spec(t, chain), lifecycle.UpOptions{}, func(p lifecycle.Progress) {
		states[p.State]++
		last = p
	})
	require.NoError(t, err)
	require.Equal(t, "created 5 containers, 3 networks and 1 volume", result.Summary())
	require.ElementsMatch(t, []string{"lab-seed-1", "lab-store-1", "lab-front-1", "lab-front-2", "lab-sidecar-1"}, result.Containers(plan.Created))
	require.True(t, result.Changed())
	total := len(result.Plan.Steps)
	require.Equal(t, map[lifecycle.StepState]int{lifecycle.StepStarted: total, lifecycle.StepDone: total}, states)
	require.Equal(t, total, last.Done)
	require.Equal(t, total, last.Total)
	require.LessOrEqual(t, l.engine.Peak(), 3, "no more changes at once than workers")
	l.complete(t, chain, 5)
}

func TestADryRunChangesNothing(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	result, err := l.Up(t.Context(), spec(t, chain), lifecycle.UpOptions{DryRun: true}, nil)
	require.NoError(t, err)
	require.True(t, result.Changed())
	require.Contains(t, result.Plan.String(), "create container lab-front-2")
	require.Empty(t, l.engine.Calls())
	_, err = l.up(t, chain)
	require.NoError(t, err)
	before := len(l.engine.Calls())
	result, err = l.Down(t.Context(), "lab", lifecycle.DownOptions{DryRun: true}, nil)
	require.NoError(t, err)
	require.Len(t, result.Containers(plan.Removed), 5)
	require.Len(t, l.engine.Calls(), before)
	l.leavesNothing(t)
}

func TestApplyTellsOnlyOfWhatChanged(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	_, err := l.up(t, chain)
	require.NoError(t, err)
	result, err := l.Apply(t.Context(), spec(t, strings.Replace(chain, `"one"`, `"two"`, 1)), lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.Equal(t, []plan.Outcome{
		{Kind: "container", Name: "lab-front-1", Service: "front", Change: plan.Recreated, Reason: "its configuration changed"},
		{Kind: "container", Name: "lab-front-2", Service: "front", Change: plan.Recreated, Reason: "its configuration changed"},
	}, result.Outcomes)
	l.leavesNothing(t)
}

func TestWithoutWaitingOnlyWhatOthersWaitForIsWaitedFor(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	waited := map[string]bool{}
	_, err := l.Up(t.Context(), spec(t, chain), lifecycle.UpOptions{NoWait: true}, func(p lifecycle.Progress) {
		if p.Kind == plan.WaitReady && p.State == lifecycle.StepDone {
			waited[p.Service] = true
		}
	})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"seed": true, "store": true}, waited)
	l.leavesNothing(t)
}

func TestASecondUpSaysWhoItWaitsFor(t *testing.T) {
	s := newSandbox()
	l := newLife(t, s, t.TempDir())
	second := make(chan error, 1)
	waiting := make(chan string, 1)
	s.SetIntercept(func(_ context.Context, call fake.Call) (error, error) {
		if call.N == 1 {
			go func() {
				_, err := l.Up(context.Background(), spec(t, chain), lifecycle.UpOptions{}, func(p lifecycle.Progress) {
					if p.State == lifecycle.StepWaiting {
						waiting <- p.Text
					}
				})
				second <- err
			}()
			require.Contains(t, <-waiting, fmt.Sprintf("process %d works on lab", os.Getpid()))
		}
		return nil, nil
	})
	_, err := l.up(t, chain)
	require.NoError(t, err)
	require.NoError(t, <-second)
	l.complete(t, chain, 5)
}

func TestScaleLeavesTheRestAlone(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	_, err := l.up(t, chain)
	require.NoError(t, err)
	s := spec(t, strings.Replace(chain, `"one"`, `"two"`, 1)) // a change that is not asked to be applied to store or sidecar
	up, err := l.Scale(t.Context(), s, map[string]int{"sidecar": 2}, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.Equal(t, "created 1 container", up.Summary())
	down, err := l.Scale(t.Context(), s, map[string]int{"sidecar": 0}, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.Equal(t, "removed 2 containers", down.Summary())
	_, err = l.Scale(t.Context(), s, map[string]int{"nobody": 1}, lifecycle.UpOptions{}, nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
	front := s.Project.Services["sidecar"]
	require.Equal(t, 1, front.GetScale(), "the caller's project is as it was")
	l.leavesNothing(t)
}

func TestAServiceThatExitsStopsWhatDependsOnItAndLeavesTheRestRunning(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	broken := strings.Replace(chain, "seed: {image: done", "seed: {image: bad", 1)
	_, err := l.up(t, broken)
	var exit *ready.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, "seed", exit.Service)
	require.Equal(t, []string{"lab-seed-1 says goodbye"}, exit.Log)
	require.NotEmpty(t, hint.Of(err))
	state, err := l.engine.State(t.Context(), "lab")
	require.NoError(t, err)
	for _, c := range state.Containers {
		require.NotEqual(t, engine.PhaseRunning, c.Phase, "%s waits for seed", c.Name)
	}
	l.complete(t, chain, 5)
}

func TestAnOptionalServiceMayFail(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	result, err := l.up(t, `
services:
  extra: {image: bad}
  app: {image: ok, depends_on: {extra: {condition: service_completed_successfully, required: false}}}
`)
	require.NoError(t, err)
	require.Len(t, result.Warnings, 1)
	require.Contains(t, result.Warnings[0], "exited with code 3")
	l.leavesNothing(t)
}

// At every single call that changes something: the engine fails, the caller is interrupted before it was carried out, or
// after it was, unseen. The next `up` completes and `down` leaves nothing; and `down` alone leaves nothing too.
func TestInterruptedAtEveryCall(t *testing.T) {
	dry := newLife(t, newSandbox(), t.TempDir())
	_, err := dry.up(t, chain)
	require.NoError(t, err)
	calls := len(dry.engine.Calls())
	for k := 1; k <= calls; k++ {
		for name, how := range map[string]func(cancel func()) (fail, after error){
			"the engine fails":             func(func()) (error, error) { return errors.New("no space left"), nil },
			"interrupted before":           func(cancel func()) (error, error) { cancel(); return context.Canceled, nil },
			"interrupted after, not known": func(cancel func()) (error, error) { cancel(); return nil, context.Canceled },
		} {
			for _, downOnly := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %s %v", k, name, downOnly), func(t *testing.T) {
					l := newLife(t, newSandbox(), t.TempDir())
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					l.engine.SetIntercept(func(_ context.Context, call fake.Call) (error, error) {
						if call.N == k {
							return how(cancel)
						}
						return nil, nil
					})
					_, err := l.Up(ctx, spec(t, chain), lifecycle.UpOptions{}, nil)
					require.Error(t, err)
					l.engine.SetIntercept(nil)
					if downOnly {
						l.leavesNothing(t)
					} else {
						l.complete(t, chain, 5)
					}
				})
			}
		}
	}
}

// The same for changes to a project that runs, and for `down`, at random calls.
func TestInterruptedChanges(t *testing.T) {
	locks := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t, newSandbox(), locks)
		_, err := l.up(t, chain)
		require.NoError(t, err)
		versions := []string{chain, strings.Replace(chain, `"one"`, `"two"`, 1), strings.Replace(chain, "store:\n    image: ok", "store:\n    image: ok2", 1),
			strings.Replace(chain, "scale: 2", "scale: 4", 1), strings.Replace(chain, "back: {}", "back: {internal: true}", 1)}
		for range rapid.IntRange(1, 3).Draw(t, "accidents") {
			k := len(l.engine.Calls()) + rapid.IntRange(1, 15).Draw(t, "at call")
			ctx, cancel := context.WithCancel(context.Background())
			late := rapid.Bool().Draw(t, "carried out all the same")
			l.engine.SetIntercept(func(_ context.Context, call fake.Call) (error, error) {
				if call.N != k {
					return nil, nil
				}
				cancel()
				if late {
					return nil, context.Canceled
				}
				return context.Canceled, nil
			})
			if rapid.IntRange(0, 3).Draw(t, "down") == 0 {
				_, _ = l.Down(ctx, "lab", lifecycle.DownOptions{}, nil)
			} else {
				_, _ = l.Up(ctx, spec(t, rapid.SampledFrom(versions).Draw(t, "version")), lifecycle.UpOptions{}, nil)
			}
			cancel()
			l.engine.SetIntercept(nil)
		}
		l.complete(t, chain, 5)
	})
}

func TestSomebodyElsesThingsAreNamedAndNotTouched(t *testing.T) {
	for kind, put := range map[string]func(*fake.Engine){
		"container": func(s *fake.Engine) {
			s.PutContainer(engine.Container{ID: "x", Name: "lab-front-1", Phase: engine.PhaseRunning})
		},
		"network": func(s *fake.Engine) { s.PutNetwork(engine.Network{ID: "x", Name: "lab_back"}) },
		"volume":  func(s *fake.Engine) { s.PutVolume(engine.Volume{Name: "lab_data"}) },
		"project": func(s *fake.Engine) {
			s.PutContainer(engine.Container{ID: "x", Name: "lab-web-1", Project: "lab", Service: "web", Number: 1,
				Labels: map[string]string{engine.LabelProject: "lab"}})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			l := newLife(t, newSandbox(), t.TempDir())
			put(l.engine)
			_, err := l.up(t, chain)
			require.ErrorIs(t, err, engine.ErrForeign)
			require.Contains(t, hint.Of(err), "--name")
			_, err = l.Down(t.Context(), "lab", lifecycle.DownOptions{}, nil)
			require.NoError(t, err)
			require.Empty(t, l.engine.Calls())
		})
	}
}

// Docker does not keep the names of networks unique: two who create one at the same time must end with one.
func TestTwoNetworksOfOneNameBecomeOne(t *testing.T) {
	const one = "services: {app: {image: ok}}\n"
	l := newLife(t, newSandbox(), t.TempDir())
	l.engine.SetIntercept(func(_ context.Context, call fake.Call) (error, error) {
		if call.N == 1 { // another machine's `up`, at the same instant
			s := spec(t, one)
			desired, err := plan.Want(s)
			require.NoError(t, err)
			l.engine.PutNetwork(engine.Network{ID: "0", Name: "lab_default", Project: "lab", Labels: desired.Networks[0].Labels})
		}
		return nil, nil
	})
	_, err := l.up(t, one)
	require.NoError(t, err)
	state, err := l.engine.State(t.Context(), "lab")
	require.NoError(t, err)
	require.Len(t, state.Networks, 1)
	require.Equal(t, "0", state.Networks[0].ID, "the lowest ID stays, on all machines")
	l.engine.SetIntercept(nil)
	l.complete(t, one, 1)
}

func TestAConfigFileIsReadAndAMissingOneNamed(t *testing.T) {
	l := newLife(t, newSandbox(), t.TempDir())
	s := spec(t, "services: {app: {image: ok, configs: [c]}}\nconfigs: {c: {file: ./c.txt}}\n")
	_, err := l.Up(t.Context(), s, lifecycle.UpOptions{}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "configs/c")

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/c.txt", []byte("hello"), 0o600))
	s.Project.Configs["c"] = types.ConfigObjConfig{File: dir + "/c.txt"}
	_, err = l.Up(t.Context(), s, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	state, err := l.engine.State(t.Context(), "lab")
	require.NoError(t, err)
	content, err := l.engine.ReadFile(t.Context(), state.Containers[0].ID, "/c")
	require.NoError(t, err)
	require.Equal(t, "hello", string(content))
	l.leavesNothing(t)
}
